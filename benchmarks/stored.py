"""What was measured, as the pages read it: ``results/*.json``, a line a row."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from qqt_bayes.files import write_text

RESULTS = Path(__file__).parent / "results"


def table(script: str, columns: list[str], rows: list[list[Any]], **more: Any) -> dict[str, Any]:
    """A table of today, with what made it."""
    return {"date": datetime.now(UTC).date().isoformat(), "engine": "importance sampling",
            "script": script, **more, "columns": columns, "rows": rows}  # fmt: skip


def write(path: Path, tables: Mapping[str, Mapping[str, Any]]) -> None:
    """Store tables by name."""

    def told(value: Any) -> str:
        return json.dumps(value, ensure_ascii=False)

    parts = []
    for name, whole in tables.items():
        head = [f"{told(key)}: {told(value)}" for key, value in whole.items() if key != "rows"]
        rows = ",\n".join(f"        {told(row)}" for row in whole["rows"])
        body = ",\n".join(f"      {line}" for line in [*head, f'"rows": [\n{rows}\n      ]'])
        parts.append(f"    {told(name)}: {{\n{body}\n    }}")
    inside = ",\n".join(parts)
    write_text(path, f'{{\n  "schema": 1,\n  "tables": {{\n{inside}\n  }}\n}}\n')


def read(path: Path) -> dict[str, Any]:
    """The tables of a file; none where there is no file yet."""
    return json.loads(path.read_text(encoding="utf-8"))["tables"] if path.exists() else {}

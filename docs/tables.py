"""Write the tables of the documentation that are not typed: ``python docs/tables.py``.

A page names a stored table, and which of its columns and rows it shows:

    <!-- table: bands/by_table; columns: table | to | n; rows: target=levels | to=2x or 4x -->
    <!-- end -->

What stands between the two lines is written here, from ``benchmarks/results/bands.json``.
Priors come the same way from ``models/NAME.toml``, by ``<!-- priors: NAME -->``.
``tests/test_evidence.py`` holds the pages against this script.
"""

from __future__ import annotations

import json
import math
import re
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
RESULTS = HERE.parent / "benchmarks" / "results"
MODELS = HERE.parent / "models"
PRIORS = re.compile(r"<!-- priors: (?P<name>\w+) -->\n.*?<!-- end -->", re.DOTALL)
PLACE = re.compile(r"<!-- table: (?P<what>[^>]+) -->\n(?P<shown>.*?)<!-- end -->", re.DOTALL)
PAGES = [
    path
    for path in sorted(HERE.rglob("*.md"))
    if not {"_build", "generated"} & set(path.relative_to(HERE).parts)
]


def load(name: str) -> dict:
    """A stored table by its name, ``file/table``."""
    file, _, table = name.partition("/")
    return json.loads((RESULTS / f"{file}.json").read_text(encoding="utf-8"))["tables"][table]


def number(value: float, digits: int) -> str:
    """So many significant digits, no zero before the point: .953, 1,250."""
    if isinstance(value, int):
        return f"{value:,}"
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.{digits}g}"
    return re.sub(r"^(-?)0\.", r"\1.", text)


def cell(value: object, digits: int) -> str:
    """A stored cell as it is printed: a number, ``[value, lo, hi]``, text, or nothing."""
    if value is None:
        return "-"
    if isinstance(value, list):
        middle, lo, hi = (number(v, digits) for v in value)
        return f"{middle} [{lo}, {hi}]"
    return value if isinstance(value, str) else number(value, digits)


def best_of(table: dict, row: dict) -> set[str]:
    """Columns that hold the best value of a row, where the table says what is best."""
    if "best" not in table:
        return set()
    values = {c: row[c] for c in table["best"]["columns"] if isinstance(row[c], int | float)}
    wanted = {"min": min, "max": max}[table["best"]["of"]](values.values(), default=None)
    return {column for column, value in values.items() if value == wanted}


def render(what: str) -> str:
    """The Markdown of a table that a page asks for."""
    name, *options = (part.strip() for part in what.split(";"))
    table, asked = load(name), dict(option.split(": ", 1) for option in options)
    columns = [c.strip() for c in asked.get("columns", "").split(" | ") if c.strip()]
    columns = columns or table["columns"]
    kept = [
        part.strip().split("=", 1) for part in asked.get("rows", "").split(" | ") if part.strip()
    ]
    lines = [columns, ["---"] * len(columns)]
    for values in table["rows"]:
        row = dict(zip(table["columns"], values, strict=True))
        if all(str(row[column]) in wanted.split(" or ") for column, wanted in kept):
            bold, digits = best_of(table, row), table.get("digits", 3)
            shown = {c: cell(row[c], digits) for c in columns}
            lines.append([f"**{text}**" if c in bold else text for c, text in shown.items()])
    if len(lines) == 2:
        raise ValueError(f"no row of {name} is left by {asked['rows']}")
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def origin(what: str) -> str:
    """Where a table comes from: date, sampler, script."""
    table = load(what.partition(";")[0].strip())
    return f"\n*{table['date']}, {table['engine']}: `{table['script']}`*\n"


def distribution(prior: dict) -> str:
    """A prior as a person reads it: family, parameters, and the median where it is a log-normal."""
    family = prior["family"]
    values = [f"{key} {prior[key]:g}" for key in prior if key not in ("family", "why")]
    if family == "lognormal":
        values.insert(0, f"median {math.exp(prior['mu']):.2g}")
    return f"{family}, {', '.join(values)}"


def priors(name: str) -> str:
    """The priors that a specification gives, each with its reason."""
    spec = tomllib.loads((MODELS / f"{name}.toml").read_text(encoding="utf-8"))
    lines = ["| parameter | prior | why |", "| --- | --- | --- |"]
    for parameter, prior in spec["priors"].items():
        nested = (
            {parameter: prior}
            if "family" in prior
            else {f"{parameter}.{part}": given for part, given in prior.items()}
        )
        lines += [f"| `{k}` | {distribution(p)} | {p['why']} |" for k, p in nested.items()]
    return "\n".join(lines) + "\n"


def fill(page: str) -> str:
    """A page with its tables written anew; an origin is told once for tables that share it."""
    page = PRIORS.sub(
        lambda m: f"<!-- priors: {m['name']} -->\n{priors(m['name'])}<!-- end -->", page
    )
    before = ""

    def write(place: re.Match[str]) -> str:
        nonlocal before
        what, told = place["what"], origin(place["what"])
        shown = render(what) + (told if told != before else "")
        before = told
        return f"<!-- table: {what} -->\n{shown}<!-- end -->"

    return PLACE.sub(write, page)


def main() -> None:
    """Write all pages whose tables have changed."""
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        new = fill(text)
        if new != text:
            part = path.with_suffix(".part")
            part.write_text(new, encoding="utf-8")
            part.replace(path)
            print(path)


if __name__ == "__main__":
    main()

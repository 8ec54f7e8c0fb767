"""Nothing that was measured is typed into a page: tables, priors and pictures come from files."""

import importlib
import json
import re
import sys
from pathlib import Path

import pytest
from documents import DOCS, PAGES, ROOT

sys.path.insert(0, str(DOCS))
import tables

RESULTS = sorted((ROOT / "benchmarks" / "results").glob("*.json"))
FILLED = [path for path in PAGES if re.search(r"<!-- (table|priors): ", path.read_text("utf-8"))]


@pytest.mark.parametrize("path", FILLED, ids=lambda path: path.stem)
def test_pages_show_what_is_stored(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert tables.fill(text) == text, "run: python docs/tables.py"


def test_every_specification_is_listed() -> None:
    text = (DOCS / "reference" / "models.md").read_text(encoding="utf-8")
    names = {path.stem for path in (ROOT / "models").glob("*.toml")}
    assert names == set(re.findall(r"<!-- priors: (\w+) -->", text))
    assert "| `half_life` | lognormal, median 5, mu 1.6, sigma 0.7 |" in text


@pytest.mark.parametrize("path", FILLED, ids=lambda path: path.stem)
def test_no_table_of_evidence_is_typed(path: Path) -> None:
    """Every row of a table on these pages stands between the marks of a stored one."""
    if path.parent.name == "evidence":
        left = tables.PLACE.sub("", path.read_text(encoding="utf-8"))
        assert not [line for line in left.splitlines() if line.startswith("|")]


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_stored_tables_say_where_they_come_from(path: Path) -> None:
    stored = json.loads(path.read_text(encoding="utf-8"))
    assert stored["schema"] == 1
    for name, table in stored.get("tables", {}).items():
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", table["date"]), name
        assert table["engine"], name
        assert table["script"], name
        assert {len(row) for row in table["rows"]} == {len(table["columns"])}, name


def test_every_stored_table_is_shown() -> None:
    """Nothing is kept that no page and no picture shows."""
    text = "".join(path.read_text(encoding="utf-8") for path in [*PAGES, *DOCS.glob("*.py")])
    kept = {f"{path.stem}/{name}" for path in RESULTS
            for name in json.loads(path.read_text(encoding="utf-8"))["tables"]}  # fmt: skip
    assert not sorted(name for name in kept if name not in text)


def test_the_claims_are_those_of_the_stored_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    claims = importlib.import_module("summary").claims()
    told = json.loads((ROOT / "benchmarks/results/summary.json").read_text(encoding="utf-8"))
    assert claims == told["tables"]["claims"]["rows"], "run: python benchmarks/summary.py"


def test_every_subject_begins_with_its_failures() -> None:
    """The first heading of each measured page tells where it fails."""
    free = {"paper", "drift_prior"}  # their first table is the failure; closed forms
    for path in (DOCS / "evidence").glob("*.md"):
        if path.stem not in free:
            first = re.search(r"^## (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert first, path
            assert "fail" in first[1], path


def test_cells() -> None:
    assert tables.cell(0.95, 3) == ".95"
    assert tables.cell(-0.5, 3) == "-.5"
    assert tables.cell(82510, 3) == "82,510"
    assert tables.cell(1234.5, 3) == "1,234"
    assert tables.cell([0.66, 0.53, 0.79], 3) == ".66 [.53, .79]"
    assert tables.cell(None, 3) == "-"
    assert tables.cell("26 of 26", 3) == "26 of 26"


def test_a_choice_of_rows_and_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = {
        "date": "2026-01-01", "engine": "none", "script": "by hand", "columns": ["to", "a", "b"],
        "best": {"columns": ["a", "b"], "of": "min"},
        "rows": [["2x", 0.2, 0.1], ["4x", 0.3, None], ["8x", 0.4, 0.5]],
    }  # fmt: skip
    monkeypatch.setattr(tables, "RESULTS", tmp_path)
    (tmp_path / "x.json").write_text(json.dumps({"schema": 1, "tables": {"t": table}}))
    shown = tables.render("x/t; columns: to | b; rows: to=2x or 8x")
    assert shown == "| to | b |\n| --- | --- |\n| 2x | **.1** |\n| 8x | .5 |\n"
    with pytest.raises(ValueError, match="no row of x/t is left"):
        tables.render("x/t; rows: to=3x")
    page = "<!-- table: x/t -->\n<!-- end -->\n<!-- table: x/t; columns: a -->\n<!-- end -->\n"
    assert tables.fill(page).count("*2026-01-01, none: `by hand`*") == 1
    assert tables.fill(tables.fill(page)) == tables.fill(page)


def test_the_pictures_are_of_the_stored_results() -> None:
    import evidence_figures

    covered = evidence_figures.covered()
    kept = {(table, to): held for table, to, held in tables.load("bands/distance")["rows"]}
    assert covered["digits"][2] == tuple(kept["digits", "2x"])
    assert set(covered["proving ground"]) == {2, 4, 8}
    assert evidence_figures.interval([0.1, 0.0, 0.2], 10) == (0.1, 0.0, 0.2)
    middle, lo, hi = evidence_figures.interval(0.24, 21)
    assert 0.09 < lo < middle < hi < 0.46
    for name in evidence_figures.PICTURES:
        assert (DOCS / "_static" / f"{name}.png").is_file()

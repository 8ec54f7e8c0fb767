"""`qqt import`: what it writes, what it says, and what it never replaces."""

from pathlib import Path

import pytest

from qqt_bayes.cli.importing import FORMATS
from qqt_bayes.runs.importers import NAMES

WIDE = "run,data,tokens,val_loss,lr\na,A,1000,2.5,1\nb,A+B,2000,2.4,1\n"
POOLS = "pool,size\nA,60k\nB,1B..2B\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("wide.csv").write_text(WIDE)
    Path("mine.csv").write_text(POOLS)
    return tmp_path


def test_help_names_all_formats(qqt) -> None:
    assert FORMATS == NAMES
    assert all(name in qqt("import", "--help").out for name in NAMES)


def test_writes_and_says(qqt, here: Path) -> None:
    said = qqt("import", "wide.csv", "--pools", "mine.csv")
    assert said.code == 0
    assert said.out.startswith("wrote runs.csv: 2 runs, 2 rows (val_loss)\n")
    assert "  tokens -> samples\n" in said.out
    assert "columns not needed: lr" in said.out
    assert "then: qqt check runs.csv" in said.err
    assert Path("runs.csv").read_text() == (
        "run,data,samples,metric,value\na,A,1000,val_loss,2.5\nb,A+B,2000,val_loss,2.4\n"
    )
    checked = qqt("check", "runs.csv")
    assert checked.code == 0
    assert "1B..2B" in checked.out
    assert sorted(p.name for p in here.iterdir()) == ["mine.csv", "pools.csv", "runs.csv",
                                                      "wide.csv"]  # fmt: skip


def test_says_what_is_missing(qqt, here: Path) -> None:
    Path("wide.csv").write_text("run,val_loss\nA-1k,2.5\n")
    said = qqt("import", "wide.csv")
    assert said.code == 0
    assert "the files do not tell data and samples" in said.err
    assert '--name "{data}-{samples}"' in said.err
    assert "then write the pool table pools.csv" in said.err
    said = qqt("import", "wide.csv", "--force", "--name", "{data}-{samples}", "--data", "A=A+B")
    assert "do not tell" not in said.err
    assert "A-1k,A+B,1k,val_loss,2.5" in Path("runs.csv").read_text()


def test_an_import_may_be_repeated_until_somebody_writes_into_its_table(qqt, here: Path) -> None:
    Path("wide.csv").write_text("run,val_loss\nA-1k,2.5\nB-2k,2.4\n")
    call = ("import", "wide.csv", "--pools", "mine.csv")
    assert qqt(*call).code == qqt(*call).code == 0
    said = qqt(*call, "--name", "{data}-{samples}")
    assert said.code == 0, said.err
    table = Path("runs.csv").read_text()
    assert "A-1k,A,1k,val_loss,2.5" in table
    for written in (table.replace("B,2k", "A,2k"), table + "C-1k,A,1k,val_loss,2.6\n", "mine\n"):
        Path("runs.csv").write_text(written)
        said = qqt(*call, "--name", "{data}-{samples}")
        assert said.code == 2
        assert "holds what this import does not give -> write elsewhere, or add --force" in said.err
        assert Path("runs.csv").read_text() == written
    assert qqt(*call, "--force").code == 0


def test_the_format_may_come_first(qqt, here: Path) -> None:
    assert qqt("import", "wide", "wide.csv", "-o", "x.runs.csv").code == 0
    assert qqt("import", "wide.csv", "--format", "wide", "-o", "y.runs.csv").code == 0
    assert Path("x.runs.csv").read_text() == Path("y.runs.csv").read_text()


def test_pools_beside_come_along(qqt, here: Path) -> None:
    Path("de.runs.csv").write_text("run;data;samples;metric;value\na;A;30.000;loss;2,893\n")
    Path("de.pools.csv").write_text("pool;size\nA;60.000\n")
    assert qqt("import", "de.runs.csv").code == 0
    assert Path("pools.csv").read_text() == "pool,size\nA,60000\n"
    assert qqt("check", "runs.csv").code == 0


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("import wide.csv -o wide.csv", "wide.csv is an input of this command"),
        ("import wide.csv -o wide.csv --force", "wide.csv is an input"),
        ("import wide.csv -o old.runs.csv", "old.runs.csv is there already"),
        ("import wide.csv -o no/x.runs.csv", "no such folder: no"),
        ("import wide.csv -o x.xlsx", "ends in .csv"),
        ("import wide.csv -o x.csv --pools no.csv", "file not found"),
        ("import wide.csv -o x.runs.csv --pools no.csv", "file not found"),
        ("import no.csv -o x.runs.csv", "no such file: no.csv"),
        ("import wide.csv -o x.runs.csv --format tidy", "unknown format 'tidy'"),
        ("import wide.csv -o x.runs.csv --per-step many", "'many' is not a number"),
        ("import wide.csv -o mine.runs.csv --pools mine.pools.csv", "mine.pools.csv is an input"),
        ("import", "Missing argument"),
    ],
)
def test_nothing_is_replaced_or_half_written(qqt, here: Path, call: str, told: str) -> None:
    Path("old.runs.csv").write_text("mine\n")
    Path("mine.pools.csv").write_text(POOLS)
    before = {path.name: path.read_text() for path in here.iterdir()}
    said = qqt(*call.split())
    assert said.code == 2
    assert told in said.err
    assert {path.name: path.read_text() for path in here.iterdir()} == before


def test_a_table_of_any_name_has_its_pools_beside_it(qqt, here: Path) -> None:
    """``x.csv`` as ``x.runs.csv``: ``x.pools.csv``."""
    Path("mine.csv").write_text(POOLS)
    assert "x.pools.csv" in qqt("import", "wide.csv", "-o", "x.csv").err
    said = qqt("import", "wide.csv", "-o", "x.csv", "--pools", "mine.csv", "--force")
    assert said.code == 0, said.err
    assert Path("x.pools.csv").is_file()
    assert qqt("check", "x.csv").code == 0
    Path("x.pools.csv").unlink()
    assert "no x.pools.csv beside x.csv" in qqt("check", "x.csv").err


def test_check_takes_rows_and_marks(qqt, here: Path) -> None:
    rows = "".join(
        f"r{i};A;{30 * (i // 3 + 1)}.000;loss;2,{3 + i // 3}{i % 3}\n" for i in range(12)
    )
    Path("runs.csv").write_text(f"run;data;samples;metric;value\n{rows}bad;A;120.000;loss;7,3\n")
    Path("pools.csv").write_text("pool;size\nA;60.000\n")
    assert "13 rows" in (said := qqt("check", "runs.csv", "--decimal", ",")).out
    assert "run 'bad' (line 14)" in said.out
    said = qqt("check", "runs.csv", "--decimal", ",", "--leave-out", "bad")
    assert "12 rows" in said.out
    assert "left out by name: bad (1 row)" in said.out
    assert "diverged" not in said.out
    said = qqt("check", "runs.csv", "--decimal", ",", "--leave-out=bad", "--where", "samples<100k")
    assert "9 rows" in said.out
    said = qqt("check", "runs.csv", "--decimal", ",", "--leave-out", "bat")
    assert said.code == 2
    assert "no run 'bat' to leave out -> choose from bad" in said.err

"""Tables as tools and spreadsheets write them: an index, titles, comments, units in headers."""

import pandas as pd
import pytest

from qqt_bayes.errors import InputError
from qqt_bayes.runs import import_runs, read_runs

POOLS = {"A": 60_000, "B": 60_000}
LONG = "run,data,samples,metric,value\nr1,A,30000,val_loss,2.893\nr2,A,60000,val_loss,2.671\n"


def write(folder, name: str, text: str, encoding: str = "utf-8"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding=encoding)
    return path


def cells(found, *columns: str) -> list[tuple]:
    return list(found.table[list(columns)].itertuples(index=False, name=None))


# --- before and beside the table ------------------------------------------------------------------


@pytest.mark.parametrize("before", ["# from our tracker, May\n", "#exported\n# by me\n\n", "\n"])
def test_comments_before_a_header(tmp_path, before: str) -> None:
    path = write(tmp_path, "runs.csv", before + LONG)
    runs = read_runs(path, POOLS)
    assert runs.table["value"].tolist() == [2.893, 2.671]
    assert runs.table["line"].tolist() == [2 + before.count("\n"), 3 + before.count("\n")]
    assert cells(import_runs(path), "run", "samples") == [("r1", "30000"), ("r2", "60000")]


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=;"])
def test_excel_says_its_separator(tmp_path, first: str) -> None:
    table = LONG.replace(",", ";").replace(".", ",")
    path = write(tmp_path, "de.csv", f"{first}\n{table}", "utf-8-sig")
    assert cells(import_runs(path), "value") == [("2.893",), ("2.671",)]
    assert read_runs(path, POOLS, decimal=",").table["line"].tolist() == [3, 4]


def test_an_index_that_pandas_wrote(tmp_path) -> None:
    counting = pd.DataFrame({"run": ["r1", "r2"], "web": [0.7, 0.1], "code": [0.3, 0.9],
                             "tokens": [10, 20], "val_loss": [2.0, 2.1]})  # fmt: skip
    counting.to_csv(tmp_path / "a.csv")
    found = import_runs(tmp_path / "a.csv")
    assert cells(found, "run", "data") == [("r1", "web:0.7+code:0.3"), ("r2", "web:0.1+code:0.9")]
    counting.set_index("run").rename_axis(None).to_csv(tmp_path / "b.csv", sep=";")
    assert cells(import_runs(tmp_path / "b.csv"), "run") == [("r1",), ("r2",)]
    counting.to_csv(tmp_path / "c.csv")
    pd.read_csv(tmp_path / "c.csv").to_csv(tmp_path / "d.csv", index=False)  # "Unnamed: 0" now
    assert cells(import_runs(tmp_path / "d.csv"), "run") == [("r1",), ("r2",)]


def test_a_sheet_with_a_title(tmp_path) -> None:
    pytest.importorskip("openpyxl")
    cols = {"Run": ["r1", "r2"], "Data": ["A", "B"], "Tokens": [1000, 2000], "Loss": [2.5, 2.4]}
    sheet = pd.DataFrame(cols)
    with pd.ExcelWriter(tmp_path / "t.xlsx") as file:
        sheet.to_excel(file, index=False, startrow=2, startcol=1)
        file.book.active["A1"] = "Our runs"
    assert cells(import_runs(tmp_path / "t.xlsx"), "run", "data", "samples", "value") == [
        ("r1", "A", "1000", "2.5"), ("r2", "B", "2000", "2.4")
    ]  # fmt: skip


def test_commas_of_counts_alone_do_not_say_what_stands_before_decimals(tmp_path) -> None:
    text = LONG.replace(",", "\t").replace("30000", "30,000").replace("60000", "60,000")
    path = write(tmp_path, "us.csv", text, "utf-16")
    with pytest.raises(InputError, match=r"'30,000': not a number -> .* say which mark"):
        import_runs(path)
    assert cells(import_runs(path, decimal="."), "samples", "value") == [
        ("30000", "2.893"), ("60000", "2.671")
    ]  # fmt: skip

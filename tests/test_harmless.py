"""Names that would act where they are shown do nothing there, and can still be read."""

import csv
import io

import pandas as pd
import pytest
from hostile import NAMES, NUMBERS
from hypothesis import given
from hypothesis import strategies as st

from qqt_bayes.harmless import cell, csv_text, latex, markdown, markdown_code, one_line, visible

texts = st.one_of(st.text(), st.sampled_from(NAMES))


@given(texts)
def test_nothing_hidden_reaches_a_terminal(text: str) -> None:
    shown = visible(text)
    assert not set(shown) & set(map(chr, [*range(9), *range(11, 32), *range(127, 160), 0x202E]))
    shown.encode("utf-8")  # no half of a character either
    assert visible(shown) == shown
    assert "\n" not in one_line(text)


@pytest.mark.parametrize("text", ["val_loss", "名前", "naïve", "русский", "עברית", "a+b", "😀"])
def test_ordinary_names_stay_as_they_are(text: str) -> None:
    assert visible(text) == one_line(text) == cell(text) == text


@pytest.mark.parametrize(
    "text", ["=1+1", "+A1", "-A1", "@SUM(A1)", "\t=1", "\r=1", "=cmd|'/C x'!A0"]
)
def test_no_formula_in_a_spreadsheet(text: str) -> None:
    assert not cell(text).startswith(("=", "+", "-", "@", "\t", "\r"))
    assert text.strip() in cell(text)


@pytest.mark.parametrize("text", ["-1", "+.5", "-1e-3", "-inf", "3"])
def test_numbers_stay_numbers(text: str) -> None:
    assert cell(text) == text
    assert cell(-1.5) == -1.5


def test_a_table_whose_every_text_is_hostile() -> None:
    table = pd.DataFrame({"=name": NAMES, "value": [-1.5] * len(NAMES), "ok": [True] * len(NAMES)})
    rows = list(csv.reader(io.StringIO(csv_text(table))))
    assert rows[0] == ["'=name", "value", "ok"]
    assert len(rows) == len(NAMES) + 1
    for name, _, flag in rows[1:]:
        assert not name.startswith(("=", "+", "-", "@", "\t"))
        assert flag == "True"
    assert {value for _, value, _ in rows[1:]} == {"-1.5"}


def test_a_table_without_texts_is_what_pandas_writes() -> None:
    table = pd.DataFrame({"a": [1, 2], "b": [0.1, None], "c": ["A", "A+B"]})
    assert csv_text(table) == table.to_csv(index=False, lineterminator="\n")


@given(texts)
def test_latex_has_no_command_of_a_name(text: str) -> None:
    left = latex(text)
    for harmless in (r"\textbackslash{}", r"\textasciitilde{}", r"\textasciicircum{}", r"\ldots{}",
                     r"\textless{}", r"\textgreater{}", r"\textbar{}", r"$\times$", r"$\infty$",
                     r"$\leq$", r"$\geq$", "$-$", r"\&", r"\%", r"\$", r"\#", r"\_", r"\{", r"\}",
                     "{[}", "{]}"):  # fmt: skip
        left = left.replace(harmless, "")
    assert not set(left) & set("\\{}$&#%_^~[]\n")


@given(texts)
def test_markdown_has_no_markup_of_a_name(text: str) -> None:
    left = markdown(text).replace("\\\\", "")
    for mark in "`*_[]<>#|~$@&":
        assert left.count(mark) == left.count("\\" + mark)


@given(texts)
def test_code_in_markdown_ends_where_it_should(text: str) -> None:
    shown = markdown_code(text)
    fence = shown[: len(shown) - len(shown.lstrip("`"))]
    inside = shown[len(fence) : len(shown) - len(fence)]
    assert shown.endswith(fence)
    assert fence not in inside.strip("`") or len(inside.strip()) == 0
    assert one_line(text) in shown


def test_long_texts_are_quick() -> None:
    for text in NUMBERS:
        for show in (visible, latex, markdown, cell, markdown_code):
            show(text * 50)

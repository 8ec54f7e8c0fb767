"""An option of one value that is given twice is refused: the first would be lost in silence."""

import pytest

from qqt_bayes.cli.main import run
from qqt_bayes.errors import UsageError


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--spec", "a", "--spec", "b"], "--spec is given twice -> give it once; several laws: "),
        (["--budgets=1k", "--budgets", "2k"], "--budgets is given twice -> give it once$"),
        (["-o", "a.json", "--out", "b.json", "-o", "c.json"], "-o is given twice"),
    ],
)
def test_one_value_is_given_once(words: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        run(["decide", "none.csv", *words])


def test_what_may_be_given_several_times_is_not_refused(tmp_path) -> None:
    words = ["--where", "a=1", "--where", "b=2", "--json", "--json", "--share", "A>=.1"]
    with pytest.raises(Exception, match="no budgets given") as told:
        run(["decide", str(tmp_path / "none.csv"), *words])
    assert "given twice" not in str(told.value)

"""The files beside the page, and that the command printed makes the same decision."""

import html
import json
import shlex
import shutil

import pandas as pd
import pytest

from qqt_bayes.cli import main
from qqt_bayes.errors import UsageError
from qqt_bayes.files import staged
from qqt_bayes.harmless import latex
from qqt_bayes.report import write_report
from qqt_bayes.report.command import decide_command

TABLES = ("candidates", "pools", "priors", "diagnostics")
FIGURES = ("bands", "differences", "pools")


def run(argv: list[str], capsys) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        main(argv)
    assert stop.value.code == 0
    return capsys.readouterr().out


def test_all_files_are_there(made) -> None:
    expected = {"report.html", "decision.json", "methods.md", "methods.tex", "references.bib",
                "questions.toml"}  # fmt: skip
    expected |= {f"tables/{t}.{s}" for t in TABLES for s in ("tex", "csv", "md")}
    expected |= {f"figures/{f}.{s}" for f in FIGURES for s in ("pdf", "svg", "png")}
    found = {p.relative_to(made).as_posix() for p in made.rglob("*") if p.is_file()}
    assert found == expected
    assert [p.name for p in made.parent.iterdir()] == [made.name]  # nothing left over


def test_decision_is_that_of_decide_by_the_printed_command(made, capsys) -> None:
    stored = (made / "decision.json").read_text(encoding="utf-8")
    page = (made / "report.html").read_text(encoding="utf-8")
    command = page.split("<pre>")[1].split("</pre>")[0].replace("&#39;", "'")
    assert command.startswith("qqt report ")
    said = run(shlex.split(decide_command(command))[1:], capsys)
    assert said == stored


def test_report_by_the_printed_command_is_the_same(
    small_fit, tmp_path, capsys, blank_figures
) -> None:
    out = tmp_path / "a b"
    answer = small_fit.decide([480000], ["A", "A+B"], on_fail="warn")
    write_report(answer, out, risk="none")
    text = (out / "methods.md").read_text(encoding="utf-8")
    command = text.split("Reproduce: `")[1].split("`")[0]
    before = {n: (out / n).read_bytes() for n in ("decision.json", "tables/candidates.csv")}
    words = shlex.split(command)
    assert words[:2] == ["qqt", "report"]
    (out / "decision.json").unlink()
    run(words[1:], capsys)
    assert {n: (out / n).read_bytes() for n in before} == before


def test_a_second_person_repeats_the_decision_from_the_tables(
    small_tables, tmp_path, monkeypatch, capsys, blank_figures
) -> None:
    """The command on the page, in another folder with the same two tables: byte by byte."""
    first, second = small_tables, tmp_path / "second person"
    second.mkdir()
    monkeypatch.chdir(first)
    words = ["report", "runs.csv", "--metric", "error", "--upto", "250k", "--budgets", "240k,960k",
             "--candidates", "A;A:0.7+B:0.3", "--draws", "1600", "--seed", "7", "--on-fail", "warn",
             "--risk", "none", "-o", "paper"]  # fmt: skip
    run(words, capsys)
    page = (first / "paper" / "report.html").read_text(encoding="utf-8")
    command = html.unescape(page.split("<pre>")[1].split("</pre>")[0])
    for name in ("runs.csv", "pools.csv"):
        shutil.copy(first / name, second)
    monkeypatch.chdir(second)
    run(shlex.split(command)[1:], capsys)
    made = (second / "paper" / "decision.json").read_bytes()
    assert made == (first / "paper" / "decision.json").read_bytes()
    assert json.loads(made)["trained_on"]["max_samples"] == 239616


def test_tables_hold_the_decision(made, decision) -> None:
    table = pd.read_csv(made / "tables" / "candidates.csv")
    for budget in decision["budgets"]:
        rows = table[table["samples"] == budget["samples"]].set_index("data")
        for c in budget["candidates"]:
            assert rows.loc[c["data"], "median"] == pytest.approx(c["median"])
    written = (made / "tables" / "candidates.md").read_text(encoding="utf-8").splitlines()
    assert len(written) == 2 + 9 + 2
    diagnostics = pd.read_csv(made / "tables" / "diagnostics.csv")
    assert diagnostics["ess"].notna().all()
    assert set(diagnostics["kind"]) == {"parameter", "prediction"}


def test_latex_is_escaped(evil) -> None:
    assert latex(r"a_b % & $x$ #{}~^\ <1>") == (
        r"a\_b \% \& \$x\$ \#\{\}\textasciitilde{}\textasciicircum{}\textbackslash{} "
        r"\textless{}1\textgreater{}"
    )
    for name in ("tables/candidates.tex", "methods.tex"):
        text = (evil / name).read_text(encoding="utf-8")
        assert r"\_loss \& 100\%" in text
        assert "<script" not in text
    priors = (evil / "tables" / "priors.tex").read_text(encoding="utf-8")
    assert r"half\_life\_spread" in priors


def test_methods_say_what_was_done(made) -> None:
    import qqt_bayes

    for name in ("methods.md", "methods.tex"):
        text = (made / name).read_text(encoding="utf-8")
        assert "seed 1" in text
        assert f"bayes {qqt_bayes.__version__}" in text
        assert "equal-tailed" in text
        assert "equal-tailed" in text
    bib = (made / "references.bib").read_text(encoding="utf-8")
    tex = (made / "methods.tex").read_text(encoding="utf-8")
    cited = {k for part in tex.split(r"\cite{")[1:] for k in part.split("}")[0].split(",")}
    assert len(cited) == 5
    assert all(f"{{{key}," in bib for key in cited)


def test_failure_leaves_everything_as_it_was(tmp_path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "old.txt").write_text("old")
    (out / "mine.txt").write_text("mine")

    def fail() -> None:
        with staged(out) as part:
            (part / "old.txt").write_text("new")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert {p.name: p.read_text() for p in out.iterdir()} == {"old.txt": "old", "mine.txt": "mine"}
    assert list(tmp_path.iterdir()) == [out]
    with staged(out) as part:
        (part / "old.txt").write_text("new")
    assert {p.name: p.read_text() for p in out.iterdir()} == {"old.txt": "new", "mine.txt": "mine"}


def test_bad_arguments_cost_no_time(saved, tmp_path, small_fit) -> None:
    answer = small_fit.decide("480k", on_fail="warn")
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is a file"):
        write_report(answer, tmp_path / "file")
    with pytest.raises(UsageError, match="choose from full"):
        write_report(answer, tmp_path / "x", risk="some")
    with pytest.raises(UsageError, match="did you mean 'schedule'"):
        write_report(answer, tmp_path / "x", answers={"shedule": "cosine"})
    assert json.loads(json.dumps([p.name for p in tmp_path.iterdir()])) == ["file"]

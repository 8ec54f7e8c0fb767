"""The command that writes a report."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from qqt_bayes.cli import opening, telling
from qqt_bayes.cli import options as o
from qqt_bayes.cli.progress import stages
from qqt_bayes.errors import UsageError
from qqt_bayes.files import check_folder

PAGE, QUESTIONS = "report.html", "questions.toml"
FILES = (PAGE, QUESTIONS, "decision.json", "methods.md", "methods.tex", "references.bib", "tables",
         "figures")  # fmt: skip


def report(
    source: o.Source,
    budgets: o.Budgets,
    out: Annotated[
        Path, typer.Option("-o", "--out", help="Folder for the page, tables and figures.")
    ] = Path("report"),
    candidates: o.Candidates = None,
    prob: o.Prob = 0.9,
    spend: Annotated[
        str | None, typer.Option(help="What may be spent on further runs: adds what to buy next.")
    ] = None,
    stake: Annotated[
        str | None,
        typer.Option(
            help="With --spend: what one unit of the metric is worth in units of cost, or "
            "the word compute; says whether to stop buying."
        ),
    ] = None,
    answers: Annotated[
        Path | None,
        typer.Option(help="What only you know, for the checklists (TOML: questions.toml)."),
    ] = None,
    risk: Annotated[
        str,
        typer.Option(
            help="How thoroughly to judge how far the runs can be trusted: full (other laws and "
            "leave-one-out refits: minutes), quick or none."
        ),
    ] = "full",
    force: o.Force = False,
    *,
    how: opening.Fitting,
) -> None:
    """Write a report: one page for people, and tables, figures and methods for a paper.

    Example: qqt report runs.csv --metric loss --budgets 960k,1.92M -o report
    """
    from qqt_bayes.buy.stop import parse_stake
    from qqt_bayes.decide.candidates import parse_budgets
    from qqt_bayes.decide.decision import check_prob
    from qqt_bayes.report.checklists import read_answers
    from qqt_bayes.report.write import check_risk, write_report

    parse_budgets(budgets)  # before a fit is made, so that a slip costs no time
    check_prob(prob)
    check_risk(risk)
    check_folder(out, FILES, PAGE, force=force)
    check_questions(out, answers, force=force)
    parse_stake(stake)
    if stake is not None and spend is None:
        raise UsageError("--stake is about runs to buy -> add --spend, what may be spent on them")
    told = None if answers is None else read_answers(answers)
    made = how.open(source, candidates)
    options: list[tuple[str, object]] = [
        ("--where", how.where), ("--kind", how.kind), ("--chance", how.chance),
        ("--covariate", how.covariate), ("--at", how.at),
        ("--pools", how.pools), ("--metric", how.metric), ("--spec", how.spec),
        ("--upto", how.upto), ("--seed", how.seed), ("--draws", how.draws), ("--budgets", budgets),
        ("--candidates", candidates), ("--prob", f"{prob:g}"), ("--spend", spend),
        ("--stake", stake),
        ("--answers", answers), ("--risk", risk), ("--on-fail", how.on_fail), ("-o", out),
    ]  # fmt: skip
    standard: dict[str, object] = {
        "--spec": "effective_utility", "--risk": "full", "--on-fail": "raise"
    }  # fmt: skip
    if opening.is_saved_fit(source):  # which has its own
        standard |= {"--seed": how.seed, "--draws": how.draws, "--spec": how.spec}
    words = ["qqt", "report", str(source)]
    for name, value in options:
        if value != standard.get(name):
            for item in value if isinstance(value, list) else [value]:
                words += [name, str(item)]
    with stages("judging") as progress:
        progress("deciding", 0.0)
        page = write_report(
            made.decide(budgets, candidates, prob=prob, on_fail=how.on_fail), out, spend=spend,
            stake=stake, command=shlex.join(words), answers=told, risk=risk, progress=progress,
        )  # fmt: skip
    telling.say(f"wrote {page}")
    telling.note(
        "beside it: decision.json, methods.md, tables and figures; answer "
        f"{out}/questions.toml and give it back by --answers"
    )


def check_questions(out: Path, answers: Path | None, *, force: bool) -> None:
    """Refuse to replace the user's answers to the checklists by empty ones."""
    from qqt_bayes.report.checklists import read_answers

    old = out / QUESTIONS
    if force or not old.is_file() or (answers is not None and answers.samefile(old)):
        return
    if any(str(value).strip() for value in read_answers(old).values()):
        raise UsageError(
            f"{old} holds your answers, which would be lost -> give --answers {old}, or --force"
        )

"""The command that writes a report."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from qqt_bayes.cli import options as o
from qqt_bayes.cli.progress import stages
from qqt_bayes.errors import UsageError
from qqt_bayes.files import check_folder

PAGE, QUESTIONS = "report.html", "questions.toml"
FILES = (PAGE, QUESTIONS, "decision.json", "methods.md", "methods.tex", "references.bib", "tables",
         "figures")  # fmt: skip

__all__ = ["register"]


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
    pools: o.PoolTable = None,
    metric: o.Metric = None,
    spec: o.SpecName = "effective_utility",
    where: o.Where = None,
    upto: o.Upto = None,
    kind: o.KindName = None,
    chance: o.Chance = None,
    covariate: o.Covariate = None,
    at: o.At = None,
    seed: o.Seed = 1,
    draws: o.Draws = o.DRAWS,
    on_fail: o.OnFail = "raise",
    force: o.Force = False,
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
    made = o.open_fit(
        source, pools=pools, metric=metric, spec=spec, where=where, upto=upto, kind=kind,
        chance=chance, covariate=covariate, at=at, seed=seed, draws=draws, on_fail=on_fail,
        candidates=candidates,
    )  # fmt: skip
    options: list[tuple[str, object]] = [
        ("--pools", pools), ("--metric", metric), ("--spec", spec), ("--upto", upto),
        ("--seed", seed), ("--draws", draws), ("--budgets", budgets),
        ("--candidates", candidates), ("--prob", f"{prob:g}"), ("--spend", spend),
        ("--stake", stake),
        ("--answers", answers), ("--risk", risk), ("--on-fail", on_fail), ("-o", out),
    ]  # fmt: skip
    standard: dict[str, object] = {
        "--spec": "effective_utility", "--risk": "full", "--on-fail": "raise"
    }  # fmt: skip
    if o.is_saved_fit(source):  # which has its own
        standard |= {"--seed": seed, "--draws": draws, "--spec": spec}
    words = ["qqt", "report", str(source)]
    for condition in where or []:
        words += ["--where", condition]
    for item in kind or []:
        words += ["--kind", item]
    for item in chance or []:
        words += ["--chance", item]
    for item in covariate or []:
        words += ["--covariate", item]
    for item in at or []:
        words += ["--at", item]
    for name, value in options:
        if value is not None and value != standard.get(name):
            words += [name, str(value)]
    with stages("judging") as progress:
        progress("deciding", 0.0)
        page = write_report(
            made.decide(budgets, candidates, prob=prob, on_fail=on_fail), out, spend=spend,
            stake=stake, command=shlex.join(words), answers=told, risk=risk, progress=progress,
        )  # fmt: skip
    o.say(f"wrote {page}")
    o.note(f"beside it: decision.json, methods.md, tables and figures; answer {out}/questions.toml"
           " and give it back by --answers")  # fmt: skip


def check_questions(out: Path, answers: Path | None, *, force: bool) -> None:
    """Refuse to replace the user's answers to the checklists by empty ones.

    Raises
    ------
    UsageError
        If the folder holds answers that were not given.
    """
    from qqt_bayes.report.checklists import read_answers

    old = out / QUESTIONS
    if force or not old.is_file() or (answers is not None and answers.samefile(old)):
        return
    if any(str(value).strip() for value in read_answers(old).values()):
        raise UsageError(
            f"{old} holds your answers, which would be lost -> give --answers {old}, or --force"
        )


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel=o.ANSWERS)(report)

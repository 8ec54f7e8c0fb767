"""Writing the report: everything computed first, then the files in one go."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qqt_bayes._json import as_json
from qqt_bayes.buy.stop import parse_stake
from qqt_bayes.errors import UsageError
from qqt_bayes.files import check_folder, staged, write_text
from qqt_bayes.fitting import Fit
from qqt_bayes.report.bibliography import BIBTEX
from qqt_bayes.report.checklists import check_answers, make_checklists, questions
from qqt_bayes.report.command import SAVED, report_command
from qqt_bayes.report.content import Content
from qqt_bayes.report.figures import make_pictures
from qqt_bayes.report.methods import as_markdown, as_tex
from qqt_bayes.report.page import render
from qqt_bayes.report.tables import make_tables
from qqt_bayes.risk.context import silent
from qqt_bayes.store import versions

if TYPE_CHECKING:
    from qqt_bayes.decide import Decision

RISKS = ("full", "quick", "none")

__all__ = ["check_risk", "write_page", "write_report"]


def check_risk(risk: str) -> str:
    """How thoroughly the risk is to be judged."""
    if risk not in RISKS:
        raise UsageError(f"risk {risk!r} -> choose from {', '.join(RISKS)}")
    return risk


def write_report(
    decision: Decision,
    out: str | Path,
    *,
    spend: str | float | None = None,
    stake: str | float | None = None,
    command: str | None = None,
    answers: dict[str, Any] | None = None,
    risk: Any = "full",
    progress: Callable[[str, float], None] | None = None,
) -> Path:
    """Write a report: a page, tables, figures, a methods paragraph and the decision as JSON.

    Parameters
    ----------
    decision : Decision
        From ``fit.decide``: budgets, candidates and the probability of all intervals are its own.
    out : str or Path
        Folder; files of the same names are replaced, others stay.
    spend : str or float, optional
        What may be spent on further runs: adds what to buy next.
    stake : str or float, optional
        What a unit of the metric is worth in units of cost, as for ``fit.buy``: with it the report
        says whether to stop.
    command : str, optional
        The command that makes this report. Without it the fit is saved in the folder, and the
        command starts from there.
    answers : dict, optional
        What only the user knows, by the keys of the checklists.
    risk : {'full', 'quick', 'none'} or Risk
        How thoroughly to judge how far the fit can be trusted, or a report on it made before.
    progress : callable, optional
        Called with the name of a stage and the share done of it.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    UsageError
        For a bad argument, a folder that cannot be written, or a decision under several laws.
    """
    out, tell = check_folder(Path(out)), progress or silent
    told = check_answers(answers or {})
    fit = fit_of(decision)
    if isinstance(risk, str):
        check_risk(risk)
    if stake is not None and spend is None:
        raise UsageError("a stake is about runs to buy -> say too what may be spent (--spend)")
    price = parse_stake(stake)
    saving = command is None
    if command is None:
        quick = risk if risk in ("quick", "none") else None
        command = report_command(out, decision, spend=spend, stake=stake, risk=quick)
    budgets, candidates = decision.budgets, decision.names
    if isinstance(risk, str):
        risk = None if risk == "none" else fit.risk(
            budgets, candidates=candidates, quick=risk == "quick", seed=fit.seed, progress=tell
        )  # fmt: skip
    plan = None
    if spend is not None:
        tell("valuing runs", 0.0)
        plan = fit.buy(budgets, spend=spend, stake=price, candidates=candidates, seed=fit.seed)
    content = Content(fit, decision, risk, plan, command, versions(), told)
    with staged(out) as part:
        if saving:
            fit.save(part / SAVED)
        fill(part, content, tell)
    return out / "report.html"


def fit_of(decision: Decision) -> Fit:
    """The one fit of a decision, where it is of one law: a page tells of one model."""
    if not isinstance(decision.fit, Fit):
        raise UsageError("a page tells of one law -> give a decision of one fit, not of a stack")
    return decision.fit


def fill(folder: Path, content: Content, tell: Callable[[str, float], None]) -> None:
    """Write all files of a report into a folder."""
    files: dict[str, str | bytes] = {"decision.json": as_json(content.decision.to_json())}
    tables = make_tables(content)
    for table in tables:
        for suffix in ("tex", "csv", "md"):
            files[f"tables/{table.name}.{suffix}"] = getattr(table, suffix)
    pictures = []
    for picture in make_pictures(content):
        tell(f"drawing {picture.name}", 0.5)
        pictures.append(picture)
        files |= {f"figures/{picture.name}.{s}": data for s, data in picture.files.items()}
    lists = make_checklists(content)
    files |= {
        "methods.md": as_markdown(content),
        "methods.tex": as_tex(content),
        "references.bib": BIBTEX,
        "questions.toml": questions(lists, content.answers),
        "report.html": render(content, tables, pictures, lists),
    }
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode("utf-8") if isinstance(data, str) else data)


def write_page(decision: Decision, path: str | Path, *, command: str) -> Path:
    """Write the page alone, of a decision made before.

    Parameters
    ----------
    decision : Decision
        From ``fit.decide``.
    path : str or Path
        File to write.
    command : str
        The command that makes the same report.

    Returns
    -------
    Path

    Raises
    ------
    UsageError
        For a decision under several laws: a page tells of one model.
    """
    path = Path(path)
    content = Content(fit_of(decision), decision, None, None, command, versions(), {})
    pictures = list(make_pictures(content, paper=False))
    page = render(content, make_tables(content), pictures, make_checklists(content), alone=True)
    write_text(path, page)
    return path

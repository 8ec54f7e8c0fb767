"""Commands that fit and answer: fit, decide, demo."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qqt_bayes.cli import opening, telling
from qqt_bayes.cli import options as o
from qqt_bayes.cli.progress import stages
from qqt_bayes.errors import UsageError
from qqt_bayes.files import check_file

if TYPE_CHECKING:
    import pandas as pd

    from qqt_bayes.decide import Decision, Reach, Shares
    from qqt_bayes.fitting import Fit

FURTHER = 4  # a first question: how many times beyond the largest run


def fit(
    runs: o.Table,
    out: Annotated[Path, typer.Option("-o", "--out", help="Where to save the fit (netCDF).")],
    engine: o.Engine = "auto",
    force: o.Force = False,
    *,
    how: opening.Fitting,
) -> None:
    """Fit one metric of a run table and save the fit.

    Example: qqt fit runs.csv --metric loss -o fit.nc
    """
    from qqt_bayes.runs import format_number

    check_file(out, (".nc",), inputs=(runs, how.pools), force=force)
    made = how.open(runs, engine=engine, notes=False)  # which the text of the fit holds
    made.save(out)
    telling.say(made.text)
    further = format_number(FURTHER * made.study.trained_on["max_samples"])
    telling.note(f"saved {out}; to ask it: qqt decide {shlex.quote(str(out))} --budgets {further}")


def decide(
    source: o.Source,
    budgets: Annotated[
        str | None, typer.Option(help="Samples, comma between them: 480k,1.92M,1.28B.")
    ] = None,
    candidates: o.Candidates = None,
    prob: o.Prob = 0.9,
    margin: o.Margin = None,
    shares: Annotated[
        str | None,
        typer.Option(help="Also optimise the sampling shares of these pools: A,B. Alone: of all."),
    ] = None,
    max_epochs: Annotated[
        list[str] | None,
        typer.Option(help="Best shares: how often samples may be repeated: 4, or wiki=8,math=4."),
    ] = None,
    share: Annotated[
        list[str] | None,
        typer.Option(
            help='Best shares: "web>=0.3", "math=0.05", "family:web>=0.5", "A+B<=0.4"; repeatable.'
        ),
    ] = None,
    near: Annotated[
        float | None,
        typer.Option(help="Best shares: at most this far, in shares, from a mixture that was run."),
    ] = None,
    subject_to: Annotated[
        list[str] | None,
        typer.Option(help='Best shares: a threshold on another metric, "general_loss<=2.31".'),
    ] = None,
    p_feasible: Annotated[
        float, typer.Option(help="Best shares: probability of meeting the thresholds.")
    ] = 0.9,
    reach: Annotated[
        str | None,
        typer.Option(help="Tell the samples needed to reach this value of the metric: 0.92."),
    ] = None,
    specs: Annotated[
        str | None,
        typer.Option(help="Stack these laws: effective_utility,exchange_rate (comma between)."),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            help="Also draw the bands to this file (png, pdf, svg); best shares and --reach go to "
            "files beside it, with -shares and -reach in their names."
        ),
    ] = None,
    *,
    told: telling.Telling,
    how: opening.Fitting,
) -> None:
    """Say which data is best at each budget, how sure that is, and what being wrong costs.

    Example: qqt decide runs.csv --metric loss --budgets 480k,1.92M

    Example: qqt decide runs.csv --metric mmlu_accuracy --chance 0.25 --reach 0.6

    Example: qqt decide runs.csv --metric loss --budgets 1B --max-epochs 4 --share "web>=0.3"
    """
    from qqt_bayes.decide.asked import check_shares
    from qqt_bayes.decide.candidates import parse_budgets
    from qqt_bayes.decide.decision import check_prob

    if budgets is None and reach is None:
        raise UsageError("no budgets given -> pass some, for example --budgets 480k,1.92M")
    if budgets is not None:
        parse_budgets(budgets)  # before a fit is made, so that a slip costs no time
    check_prob(prob)
    regret = opening.parse_margin(margin)
    told.check(source, how.pools, plot=plot)
    limits: dict[str, Any] = {
        "max_epochs": max_epochs, "share": share, "near": near, "subject_to": subject_to,
    }  # fmt: skip
    if shares is None and any(v is not None and v != [] for v in limits.values()):
        shares = "all"
    further = {"reach": reach if budgets else None, "shares": shares}
    pictures = {name: beside(plot, name) for name, asked in further.items() if asked is not None}
    for picture in pictures.values():
        telling.check_plot(picture, source, how.pools, force=told.force)
    if shares is not None and budgets is None:
        raise UsageError("--shares is about budgets -> add --budgets, for example 480k,1.92M")
    alone = {"--reach": reach, "--covariate": how.covariate or how.at, "--shares": shares}
    given = [option for option, value in alone.items() if value]
    if specs is not None and given:
        raise UsageError(f"{given[0]} takes one law, --specs several -> leave one of them out")
    one: Fit | None = None
    if specs is None:
        one = how.open(
            source, candidates, told=budgets is not None and not told.csv,
            check=None if shares is None else lambda rows, whole: check_shares(
                rows, budgets, shares, **limits, p_feasible=p_feasible, metrics=whole.metrics
            ),
        )  # fmt: skip
    made = one or how.stack(source, str(specs), candidates)
    goal = one.reach(reach, candidates, prob=prob) if one is not None and reach else None
    if budgets is None:
        told.tell(goal, plot)
        return
    with stages("deciding"):
        answer = made.decide(budgets, candidates, prob=prob, margin=regret, on_fail=how.on_fail)
    best = None
    if one is not None and shares is not None:
        with stages("searching the best shares"):
            best = one.best_shares(budgets, shares, prob=prob, p_feasible=p_feasible, **limits)
    telling.draw(answer, plot)
    for name, picture in pictures.items():
        telling.draw({"reach": goal, "shares": best}[name], picture)
    told.tell(answer if best is None and goal is None else Together(answer, best, goal))


def beside(plot: Path | None, what: str) -> Path | None:
    """The file of a further picture of a command, named after the first."""
    return plot and plot.with_stem(f"{plot.stem}-{what}")


@dataclass(frozen=True)
class Together:
    """A decision with the best shares, or with the samples that a value needs; told together."""

    answer: Decision
    best: Shares | None
    goal: Reach | None

    @property
    def text(self) -> str:
        """One after the other; a note of several is told once."""
        parts = (part.text for part in (self.answer, self.goal, self.best) if part)
        lines: list[str] = []
        for line in "\n\n".join(parts).splitlines():
            if not (line.startswith("note: ") and line in lines):
                lines.append(line)
        return "\n".join(lines)

    @property
    def table(self) -> pd.DataFrame:
        """The candidates, then the pools of the best shares."""
        import pandas as pd

        if self.best is None:
            return self.answer.table
        return pd.concat([self.answer.table, self.best.table.rename(columns={"best": "share"})])

    def to_json(self) -> dict[str, Any]:
        """The decision's object with the shares at each budget, and what the value needs."""
        value = self.answer.to_json()
        for row, extra in zip(value["budgets"], self.best.to_json() if self.best else [],
                              strict=False):  # fmt: skip
            row["best_shares"] = extra.pop("best")
            row |= {k: v for k, v in extra.items() if k != "samples"}
        if self.goal is not None:
            value["reach"] = self.goal.to_json()
        return value


def demo(
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the picture and report.")] = (
        Path("demo-output")
    ),
    force: o.Force = False,
) -> None:
    """Fit the bundled training runs up to 500k samples, and judge the answer at up to 1.92M.

    Example: qqt demo -o demo-output
    """
    from qqt_bayes.cli.demo import run_demo

    run_demo(out, force=force)

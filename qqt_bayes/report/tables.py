"""The tables of a report, each with what people read and the numbers behind it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from qqt_bayes.decide.worth import amount
from qqt_bayes.decide.worth import told as worth
from qqt_bayes.harmless import csv_text, latex, markdown
from qqt_bayes.report import wording as w
from qqt_bayes.report.sampler import by_chains, sampler

if TYPE_CHECKING:
    from qqt_bayes.report.content import Content

SHOWN = 12  # runs that could be bought

__all__ = ["Table", "candidates", "diagnostics", "make_tables", "plan_table", "pools", "priors"]


@dataclass(frozen=True)
class Table:
    """A table: its cells as people read them, and `raw`, the numbers unrounded.

    A column is ``l``, ``r`` or ``p`` (running text); `marked` are rows that stand out, the choices.
    """

    name: str
    caption: str
    header: tuple[str, ...]
    align: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    raw: pd.DataFrame = field(repr=False)
    marked: frozenset[int] = frozenset()

    @property
    def tex(self) -> str:
        """A LaTeX table environment, for booktabs."""
        spec = "".join(r"p{0.42\linewidth}" if a == "p" else a for a in self.align)
        lines = [
            r"% needs \usepackage{booktabs}",
            r"\begin{table}[t]",
            r"  \centering\footnotesize\setlength{\tabcolsep}{4pt}",
            f"  \\caption{{{latex(self.caption)}}}",
            f"  \\label{{tab:{self.name}}}",
            f"  \\begin{{tabular}}{{@{{}}{spec}@{{}}}}",
            r"    \toprule",
            "    " + " & ".join(map(latex, self.header)) + r" \\",
            r"    \midrule",
            *("    " + " & ".join(map(latex, row)) + r" \\" for row in self.rows),
            r"    \bottomrule",
            r"  \end{tabular}",
            r"\end{table}",
        ]
        return "\n".join(lines) + "\n"

    @property
    def csv(self) -> str:
        """Comma-separated values, unrounded."""
        return csv_text(self.raw)

    @property
    def md(self) -> str:
        """A Markdown table."""

        def line(cells: tuple[str, ...]) -> str:
            return "| " + " | ".join(markdown(c) for c in cells) + " |"

        rule = "|" + "|".join("---:" if a == "r" else "---" for a in self.align) + "|"
        return "\n".join(
            [line(self.header), rule, *map(line, self.rows), "", f"*{markdown(self.caption)}*", ""]
        )


def make_tables(content: Content) -> tuple[Table, ...]:
    """All tables of a report."""
    found = [candidates(content), pools(content), priors(content), diagnostics(content)]
    if content.plan is not None:
        found.append(plan_table(content))
    return tuple(found)


def candidates(content: Content) -> Table:
    """Each candidate at each budget, best first."""
    d, study = content.decision, content.fit.study
    rows: list[tuple[str, ...]] = []
    marked, parts = set(), []
    for b in range(len(d.budgets)):
        part = d.rows(b).sort_values("expected_regret", kind="stable")
        parts.append(part)
        for row in part.itertuples():
            if row.best:
                marked.add(len(rows))
            diff = w.difference(row.difference, row.difference_lo, row.difference_hi)
            compute = row.regret_compute
            rows.append(
                (
                    w.samples(row.samples),
                    str(row.data),
                    w.chance(row.p_best),
                    w.interval(row.median, row.lo, row.hi),
                    w.span(row.new_run_lo, row.new_run_hi),
                    "best" if row.best else diff,
                    w.loss(row.expected_regret, row.hi - row.lo).replace("less than", "<"),
                    "> 16x" if np.isnan(compute) else f"{compute:.2f}x",
                )
            )
    inside = f"{d.prob * 100:g}%"
    header = (
        "budget", "data", "P(best)", f"predicted {study.metric} [{inside}]",
        f"one new run [{inside}]", f"minus best [{inside}]", "expected regret", "in samples",
    )  # fmt: skip
    caption = (
        f"Candidates by budget ({study.metric}, {study.kind.better}), least expected regret first. "
        f"Intervals are {inside} equal-tailed credible intervals: predicted, of the mean over "
        "seeds with the uncertainty of law, drift and mixtures; one new run, with seed and "
        "evaluation noise besides; minus best, draw by draw. Largest run fitted: "
        f"{w.samples(content.largest)} samples."
    )
    return Table(
        "candidates", stamped(content, caption), header, ("r", "l", *"rrrrrr"), tuple(rows),
        pd.concat(parts), frozenset(marked),
    )  # fmt: skip


def pools(content: Content) -> Table:
    """Each pool: size, and what the runs say of it."""
    fit = content.fit
    table, found = fit.table, fit.study.pools
    epochs = fit.study.epochs.max(axis=0)
    rows = []
    for i, row in enumerate(table.itertuples()):
        unlimited = not np.isfinite(found.sizes[i])
        life = w.interval(row.half_life, row.half_life_lo, row.half_life_hi)
        rows.append(
            (
                str(row.pool),
                "unlimited" if unlimited else w.samples(found.sizes[i]),
                "no run" if not fit.study.used[i] else w.figures(float(epochs[i])),
                "1, the best"
                if row.pool == row.worth_of
                else worth(row._asdict(), "worth", amount),
                w.interval(row.utility, row.utility_lo, row.utility_hi),
                w.interval(row.level, row.level_lo, row.level_hi),
                "–" if unlimited else life,
                w.interval(row.harm, row.harm_lo, row.harm_hi),
            )
        )
    header = ("pool", "size", "most epochs run", "worth [90%]", "exponent [90%]", "level [90%]",
              "half-life, epochs [90%]", "harm [90%]")  # fmt: skip
    best, at = table["worth_of"].iloc[0], w.samples(float(table["worth_at"].iloc[0]))
    caption = (
        "Pools: unique samples, the most epochs of any run, and posterior medians with 90% "
        f"equal-tailed credible intervals. Worth: samples of {best} that one sample of the pool "
        f"replaces, each trained on alone for {at} samples; exponent (utility): of the reducible "
        "part in samples; level: log of the reducible part at the first budgets, lower is better; "
        "half-life: epochs after which a repeat is worth half; harm: what late passes undo."
    )
    raw = table.assign(size=found.sizes, most_epochs=epochs)
    return Table("pools", stamped(content, caption), header, tuple("lrrrrrrr"), tuple(rows), raw)


def priors(content: Content) -> Table:
    """Each prior with the reason for it."""
    table = content.fit.priors
    rows = tuple((str(r.parameter), str(r.prior), str(r.why)) for r in table.itertuples())
    return Table(
        "priors", f"Priors of the specification {content.fit.spec.name}, each with its reason.",
        ("parameter", "prior", "why"), ("l", "l", "p"), rows, table,
    )  # fmt: skip


def diagnostics(content: Content) -> Table:
    """Posterior and convergence of every parameter and of what is decided."""
    table = content.diagnostics
    how, head, digits = "apart", "apart", 1
    last = "how many standard errors two independent halves of the draws are apart"
    if by_chains(content.fit):
        how, head, digits, last = "r_hat", "R-hat", 3, "rank-normalised split R-hat"
    rows = tuple(
        (
            str(r.quantity), w.interval(r.median, r.lo, r.hi), w.figures(r.mcse_median),
            f"{getattr(r, how):.{digits}f}", "–" if np.isnan(r.ess) else f"{r.ess:,.0f}",
        )
        for r in table.itertuples()
    )  # fmt: skip
    inside = f"{content.decision.prob * 100:g}%"
    caption = (
        f"Parameters and predictions: posterior median with {inside} equal-tailed interval, Monte "
        f"Carlo standard error (MCSE) of the median, {last}, and effective sample size (ESS), from "
        f"{sampler(content.fit).size}."
    )
    header = ("quantity", f"median [{inside}]", "MCSE", head, "ESS")
    return Table("diagnostics", stamped(content, caption), header, tuple("lrrrr"), rows, table)


def plan_table(content: Content) -> Table:
    """The runs most worth buying."""
    plan = content.plan
    assert plan is not None
    table = plan.table
    rows = tuple(
        (
            str(r.data), w.samples(r.samples), str(r.seeds), w.samples(r.cost),
            f"{w.figures(r.evsi)} ± {w.figures(r.se, 1)}",
            w.percent(r.evsi / plan.evpi if plan.evpi > 0 else np.nan),
        )
        for r in table.head(SHOWN).itertuples()
    )  # fmt: skip
    caption = (
        "Runs that could be bought, most valuable first: the expected drop in "
        f"{plan.objective.replace('_', ' ')} with its Monte Carlo standard error, and as a share "
        f"of what perfect information would be worth ({w.figures(plan.evpi)})."
    )
    header = ("data", "samples", "seeds", "cost", "expected value", "of the ceiling")
    return Table("buy", stamped(content, caption), header, tuple("lrrrrr"), rows, table)


def stamped(content: Content, caption: str) -> str:
    """A caption that carries the warning of what did not converge."""
    return f"{content.stamp} {caption}".strip()

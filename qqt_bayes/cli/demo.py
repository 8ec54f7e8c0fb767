"""The demonstration: the bundled runs, fitted below 500k samples and judged above."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import typer

from qqt_bayes.cli.progress import progress
from qqt_bayes.cli.telling import note
from qqt_bayes.files import check_folder, staged, write_text
from qqt_bayes.runs import Runs, format_number, parse_mixture, parse_number

BUDGETS = ("240k", "480k", "960k", "1.92M")
CANDIDATES = ("A", "A+B", "A+B+C", "A+B+C+D", "A+B+C+D+E")
UPTO = "500k"
METRIC = "loss"
WIDE = 7.0  # inches
PICTURE, SAVED, TEXT, PAGE = "bands.png", "fit.nc", "report.txt", "report.html"


def observed(runs: Runs, metric: str) -> pd.DataFrame:
    """Mean over seeds of what was observed, by nominal budget and candidate."""
    table = runs.select(metric).table
    keys = {c: parse_mixture(c, runs.pools).key for c in CANDIDATES}
    rows = []
    for budget in BUDGETS:
        near = (table["samples"] / parse_number(budget)).between(0.97, 1.03)
        for candidate, key in keys.items():
            same = table["data"].map(lambda d, key=key: runs.mixtures[d].key == key)
            rows.append((budget, candidate, table.loc[near & same, "value"].mean()))
    return pd.DataFrame(rows, columns=["budget", "data", "observed"])


def compare(answer: Any, truth: pd.DataFrame) -> pd.DataFrame:
    """What was predicted beside what was observed: one row a budget and candidate.

    The observed means average three seeds, so the latent band is the one to hold.
    """
    named = dict(zip(answer.budgets, BUDGETS, strict=True))
    table = answer.table.assign(budget=answer.table["samples"].map(named)).merge(truth)
    best = table.loc[table["best"], ["budget", "observed"]].set_index("budget")["observed"]
    table["observed_difference"] = table["observed"] - table["budget"].map(best)
    table["inside"] = table["observed"].between(table["lo"], table["hi"])
    table["difference_inside"] = table["best"] | table["observed_difference"].between(
        table["difference_lo"], table["difference_hi"]
    )
    return table


def verdict(table: pd.DataFrame) -> list[str]:
    """One line a budget: what was said, what came of it, and how many bands held."""
    lines = [
        "             what was said             what was observed      inside its 90% band",
        f"{'budget':>8}   {'best':<6} {'P(best)':>7} {'regret':>8}   {'best':<6} {'regret':>12}   "
        f"{'levels':>7} {'differences':>12}",
    ]
    for budget in BUDGETS:
        rows = table[table["budget"] == budget].set_index("data")
        said, seen = rows["best"].idxmax(), rows["observed"]
        n = len(rows)
        levels = f"{rows['inside'].sum()} of {n}"
        differences = f"{rows['difference_inside'].sum() - 1} of {n - 1}"
        lines.append(
            f"{budget:>8}   {said:<6} {rows.loc[said, 'p_best']:>7.2f} "
            f"{rows.loc[said, 'expected_regret']:>8.4f}   {seen.idxmin():<6} "
            f"{seen[said] - seen.min():>12.4f}   {levels:>7} {differences:>12}"
        )
    return lines


def pairs(table: pd.DataFrame) -> list[str]:
    """Predicted and observed level of each candidate, one line a budget."""
    lines = ["predicted/observed loss", f"{'':>8}" + "".join(f"{c:>14}" for c in CANDIDATES)]
    for budget in BUDGETS:
        rows = table[table["budget"] == budget].set_index("data")
        cells = (f"{rows.loc[c, 'median']:.3f}/{rows.loc[c, 'observed']:.3f}" for c in CANDIDATES)
        lines.append(f"{budget:>8}" + "".join(f"{cell:>14}" for cell in cells))
    return lines


def failures(table: pd.DataFrame) -> list[str]:
    """Where a band did not hold."""
    lines = []
    for row in table.itertuples():
        if not row.inside:
            lines.append(
                f"  {row.budget} {row.data}: predicted {row.median:.3f} "
                f"[{row.lo:.3f}, {row.hi:.3f}], observed {row.observed:.3f}"
            )
        if not row.difference_inside:
            lines.append(
                f"  {row.budget} {row.data} less the best: predicted {row.difference:+.3f} "
                f"[{row.difference_lo:+.3f}, {row.difference_hi:+.3f}], "
                f"observed {row.observed_difference:+.3f}"
            )
    return ["where it failed:", *lines] if lines else ["no band failed"]


def run_demo(out: Path, *, force: bool = False) -> None:
    """Fit, decide, compare with the runs held back, and write the picture and report."""
    from qqt_bayes import datasets
    from qqt_bayes.fitting import fit
    from qqt_bayes.report import write_page

    check_folder(out, (PICTURE, SAVED, TEXT, PAGE), SAVED, force=force)
    runs = datasets.load("proving_ground")
    note("fitting the bundled training runs up to 500k samples")
    with progress(f"fitting {METRIC}") as update:
        made = fit(runs, METRIC, upto=UPTO, seed=1, progress=update)
    answer = made.decide(BUDGETS, CANDIDATES)
    table = compare(answer, observed(runs, METRIC))
    lines = [
        "Five nested pools of text, clean (A) to noisy (E), 60k characters each: which is best",
        f"to train a small transformer on? Fitted to {len(made.study)} runs up to "
        f"{format_number(made.study.trained_on['max_samples'])} characters, then",
        "compared with all runs, those 2 and 4 times longer included (means of three seeds;",
        "loss in nats, lower is better; regret: expected, and what was in fact lost).",
        "",
        *verdict(table),
        "",
        *pairs(table),
        "",
        *failures(table),
    ]
    typer.echo("\n".join(lines))
    again = ["qqt", "report", str(out / SAVED), "--budgets", ",".join(BUDGETS), "--candidates",
             ";".join(CANDIDATES), "--risk", "none", "-o", str(out / "report")]  # fmt: skip
    with staged(out) as part:
        made.save(part / SAVED)
        answer.plot(width=WIDE, held_out=runs).savefig(part / PICTURE, dpi=200)
        write_page(answer, part / PAGE, command=shlex.join(again))
        write_text(part / TEXT, "\n".join([*lines, "", answer.text, "", made.text, ""]))
    typer.echo(f"\nThe picture: {out / PICTURE}\nThe report:  {out / TEXT}"
               f"\nThe page:    {out / PAGE}\nThe fit:     {out / SAVED}"
               f"\nNext: {program()} decide {out / SAVED} --budgets 4M")  # fmt: skip


def program() -> str:
    """How this program is called here: by its name, or by its path if it is not on PATH."""
    return "qqt" if shutil.which("qqt") else sys.argv[0]

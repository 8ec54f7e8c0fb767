"""The demonstration: the bundled runs, fitted below 500k samples and judged above."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import typer

from qqt_bayes.cli.options import note, progress
from qqt_bayes.runs import Runs, format_number, parse_mixture, parse_number

BUDGETS = ("240k", "480k", "960k", "1.92M")
CANDIDATES = ("A", "A+B", "A+B+C", "A+B+C+D", "A+B+C+D+E")
UPTO = "500k"


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


def judge(answer: Any, truth: pd.DataFrame) -> list[str]:
    """One line a budget: what was said, and what was observed."""
    table = answer.table
    lines = [
        f"{'budget':>7}  {'said best':<10} {'P':>5}  {'observed best':<13} {'lost':>6}  "
        f"{'inside 90%':>10}   P(best) and predicted vs observed",
    ]
    for b, budget in enumerate(BUDGETS):
        rows = table[table["samples"] == answer.budgets[b]].set_index("data")
        seen = truth[truth["budget"] == budget].set_index("data")["observed"]
        said, best = rows["expected_regret"].idxmin(), seen.idxmin()
        # the observed means average three seeds, so the latent band is the one to hold
        inside = int(((seen >= rows["lo"]) & (seen <= rows["hi"])).sum())
        shown = ", ".join(
            f"{name} {rows.loc[name, 'median']:.2f}/{seen[name]:.2f}" for name in CANDIDATES
        )
        lines.append(
            f"{budget:>7}  {said:<10} {rows.loc[said, 'p_best']:>5.2f}  {best:<13} "
            f"{seen[said] - seen[best]:>6.3f}  {inside:>6} of {len(seen)}   {shown}"
        )
    return lines


def run_demo(out: Path) -> None:
    """Fit, decide, compare with the runs held back, and write the picture and report."""
    from qqt_bayes import datasets
    from qqt_bayes.fitting import fit

    runs = datasets.load("proving_ground")
    note("fitting the bundled training runs up to 500k samples (the first time also compiles)")
    with progress("fitting loss") as update:
        made = fit(runs, "loss", upto=UPTO, seed=1, progress=update)
    answer = made.decide(BUDGETS, list(CANDIDATES))
    out.mkdir(parents=True, exist_ok=True)
    picture, saved, report = out / "bands.png", out / "fit.nc", out / "report.txt"
    made.save(saved)
    answer.plot().savefig(picture, dpi=200)
    truth = observed(runs, "loss")
    lines = [
        "Which of five nested pools of text is best for a small transformer? Fitted to "
        f"{len(made.study)} runs up to {format_number(made.study.trained_on['max_samples'])} "
        "characters; judged on runs held back, up to 4x longer.",
        "",
        *judge(answer, truth),
        "",
        "'lost' is the observed loss of the data chosen less that of the best; 'inside' counts the",
        "observed means inside the 90% equal-tailed bands. Pairs are predicted/observed loss.",
    ]
    typer.echo("\n".join(lines))
    report.write_text("\n".join([*lines, "", answer.text, "", made.text, ""]), encoding="utf-8")
    typer.echo(f"\nThe picture: {picture}\nThe report:  {report}\nThe fit:     {saved}"
               f"\nNext: qqt decide {saved} --budgets 4M")  # fmt: skip

"""Does a verdict of `risk` foretell failure? On simulated studies (``breaks.py``) and real tables.

    python benchmarks/verdicts.py simulated --work FOLDER [--studies 100]
    python benchmarks/verdicts.py real --work FOLDER [--published FOLDER]
    python benchmarks/verdicts.py report --work FOLDER   # writes benchmarks/results/verdicts.json

A simulated study is fitted up to its largest budget and judged by the truth at 1x, 2x, 4x and 8x of
it; a table is fitted up to each of its budgets and judged by the mean of the runs at larger ones.
A verdict *failed* when the 90% band of the chosen candidate's level, or of its difference to the
runner-up, missed, or when the choice cost more than the margin (1% of the metric). Bands that are
right fail so by chance in 10 to 20% of cases, which nothing can foresee: beside it stand *missed*,
the band of the level or the cost only, and *grave*, the 99% band of either, or the cost. Intervals
are bootstrapped over the histories of simulated studies, and over the tables' origins. Twenty
minutes for a hundred studies of each history.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import stored
from breaks import FACTORS, FUTURES, LARGEST, simulate

import qqt_bayes as qqt
from qqt_bayes.backtest import origins
from qqt_bayes.backtest.origins import Origin
from qqt_bayes.errors import QQTError
from qqt_bayes.files import write_text

MARGIN = 0.01
BOOTSTRAP = 2000
SCRIPT = "benchmarks/verdicts.py"
OWN = ("proving_ground", "headers", "digits", "laion_clip", "paper_budgets")
DEFINITIONS = ("failed", "missed", "grave")
STAKES = (0.0, 0.1, 0.25, 0.45, 1.0)  # groups of stated P(costly)


def said(assessment: Any) -> dict[str, Any]:
    """What a verdict says."""
    stakes = next(c for c in assessment.checks if c.name == "stakes").figures
    return {"verdict": assessment.verdict, "p_costly": stakes["p_costly"]}


def came(level: np.ndarray, gap: np.ndarray, seen: tuple[float, float, float]) -> dict[str, Any]:
    """Where the chosen candidate, the one after it and the best ended among the draws.

    ``level``, ``gap`` (draw,): of the chosen, and of the other less the chosen.
    """
    best, other, lowest = seen
    below = float(np.mean(level < best)), float(np.mean(gap < other - best))
    return {"level_pit": below[0], "gap_pit": below[1], "cost": best / lowest - 1.0}


def simulated(seed: int, history: str) -> Iterator[dict[str, Any]]:
    """One history: the verdict at each budget, and what each of its futures showed."""
    runs, truths = simulate(history, seed)
    fit = qqt.fit(runs, "loss", seed=1, on_fail="warn")
    found = fit.risk([*(LARGEST * np.array(FACTORS))], quick=True)
    d = found.decision
    for b, factor in enumerate(FACTORS):
        best, other = np.argsort(d.expected_regret[b], kind="stable")[:2]
        level, gap = d.latent[:, b, best], d.latent[:, b, other] - d.latent[:, b, best]
        for kind, truth in truths.items():
            real = truth[truth["samples"] == LARGEST * factor].set_index("data")["latent"]
            seen = [float(real[c.text]) for c in d.candidates]
            yield {"kind": kind, "group": f"{history} {seed}", "factor": factor,
                   **said(found.assessments[b]),
                   **came(level, gap, (seen[best], seen[other], min(seen)))}  # fmt: skip


def real(name: str, origin: Origin, metric: str) -> Iterator[dict[str, Any]]:
    """The verdict at each larger budget of one origin, and what its runs showed."""
    fit = qqt.fit(origin.runs, metric, seed=1)
    budgets = sorted(set(origin.targets["budget"]))
    at = origin.targets.groupby(["budget", "data"])["value"].mean()
    found = fit.risk(budgets, candidates=sorted(set(origin.targets["data"])), quick=True)
    d = found.decision
    names = [c.text for c in d.candidates]
    for b, budget in enumerate(budgets):
        here = [k for k, n in enumerate(names) if (budget, n) in at.index]
        if len(here) < 2:
            continue
        latent = d.latent[:, b][:, here]
        order = np.argsort((latent - latent.min(axis=1, keepdims=True)).mean(axis=0))
        best, other = here[order[0]], here[order[1]]
        seen = {k: float(at[(budget, names[k])]) for k in here}
        level, gap = d.new_run[:, b, best], d.new_run[:, b, other] - d.new_run[:, b, best]
        yield {"kind": name, "group": f"{name} {origin.upto:g}", "factor": budget / origin.upto,
               **said(found.assessments[b]),
               **came(level, gap, (seen[best], seen[other], min(seen.values())))}  # fmt: skip


def tables(published: Path | None) -> Iterator[tuple[str, qqt.Runs, str]]:
    """Name, runs and metric of each real study."""
    for name in OWN:
        runs = qqt.datasets.load(name)
        models = sorted(set(runs.table["model"])) if name == "laion_clip" else [None]
        for metric in runs.metrics if name != "proving_ground" else ["loss"]:
            for model in models:
                part = runs.select(where={"model": model}) if model else runs
                yield f"{name}, {model or metric}", part, metric
    if published is not None:
        yield "Zhou et al.", qqt.read_runs(published / "zhou_wikipedia.runs.csv"), "loss"


def outcomes(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows, with which failed by each definition, and which were flagged."""
    level, gap = ((rows[name] - 0.5).abs() for name in ("level_pit", "gap_pit"))
    costly = rows["cost"] > MARGIN
    return rows.assign(
        costly=costly, failed=(level > 0.45) | (gap > 0.45) | costly,
        missed=(level > 0.45) | costly, grave=(level > 0.495) | (gap > 0.495) | costly,
        flagged=rows["verdict"] != "PASS",
    )  # fmt: skip


def rate(rows: pd.DataFrame, hit: pd.Series) -> list[float] | None:
    """Share of the rows that are hits, with a 90% bootstrap interval over their groups."""
    if rows.empty:
        return None
    _, index = np.unique(rows["group"], return_inverse=True)
    hits, cases = np.bincount(index, hit[rows.index]), np.bincount(index)
    drawn = np.random.default_rng(0).integers(0, len(cases), (BOOTSTRAP, len(cases)))
    lo, hi = np.quantile(hits[drawn].sum(axis=1) / cases[drawn].sum(axis=1), [0.05, 0.95])
    return [round(float(x), 2) for x in (hits.sum() / cases.sum(), lo, hi)]


def both(rows: pd.DataFrame, definition: str) -> list:
    """How many failed and were flagged, and of how many that held how many passed."""
    bad, good = rows[rows[definition]], rows[~rows[definition]]
    return [len(bad), rate(bad, rows["flagged"]), len(good), rate(good, ~rows["flagged"])]


def report(work: Path) -> dict[str, Any]:
    """The tables of the page."""
    found = {name: outcomes(pd.DataFrame(lines(work / f"{name}.jsonl")))
             for name in ("simulated", "real")}  # fmt: skip
    ours, field = found["simulated"], found["real"]
    head = ["n failed", "flagged (goal .80)", "n held", "passed (goal .70)"]
    parts = [(f"{f:g}x", ours[ours["factor"] == f]) for f in FACTORS]
    parts += [(kind, ours[ours["kind"] == kind]) for kind in dict.fromkeys(ours["kind"])]
    by = [[name, *both(part, "missed")] for name, part in parts]
    by_table = [[name, *both(part, "failed")] for name, part in field.groupby("kind", sort=False)]
    near = field[field["factor"] < 2.7]
    by_table += [["all", *both(field, "failed")], ["up to 2.6x", *both(near, "failed")]]
    stakes = []
    for low, high in pairwise(STAKES):
        part = field[(field["p_costly"] > low - (low == 0)) & (field["p_costly"] <= high)]
        stakes.append([f"{low:g}-{high:g}", len(part), round(float(part["p_costly"].mean()), 2),
                       rate(part, field["costly"])])  # fmt: skip
    return {
        "simulated": stored.table(
            SCRIPT, ["definition", *head], [[d, *both(ours, d)] for d in DEFINITIONS], digits=2),
        "by_distance_and_kind": stored.table(
            SCRIPT, ["distance or kind", *head], by, digits=2),
        "real": stored.table(SCRIPT, ["table", *head], by_table, digits=2),
        "stakes": stored.table(
            SCRIPT, ["P(costly) stated", "verdicts", "mean stated", "came"], stakes, digits=2),
    }  # fmt: skip


def lines(path: Path) -> list[dict[str, Any]]:
    """The rows that a step kept."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def cases(given: argparse.Namespace) -> Iterator[tuple[str, Iterator[dict[str, Any]]]]:
    """The studies of a step, each with its rows to come."""
    if given.step == "simulated":
        for seed in range(given.studies):
            for history in FUTURES:
                yield f"{history} {seed}", simulated(seed, history)
        return
    for name, runs, metric in tables(given.published):
        for origin in origins(runs, metric):
            yield f"{name} {origin.upto:g}", real(name, origin, metric)


def main() -> None:
    """One step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("step", choices=["simulated", "real", "report"])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--studies", type=int, default=100)
    parser.add_argument("--published", type=Path)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    given.work.mkdir(exist_ok=True)
    if given.step == "report":
        stored.write(stored.RESULTS / "verdicts.json", report(given.work))
        return
    rows: list[str] = []
    for name, found in cases(given):
        try:
            rows += [json.dumps(row) for row in found]
        except QQTError as error:
            print(f"{name}: {error}")
    write_text(given.work / f"{given.step}.jsonl", "\n".join(rows) + "\n")


if __name__ == "__main__":
    main()

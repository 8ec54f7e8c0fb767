"""Which single run, data or seed carries the decision: refits without each."""

from __future__ import annotations

from typing import Any
from zlib import crc32

import numpy as np

from qqt_bayes.decide.text import and_list
from qqt_bayes.risk.check import INFO, PASS, REVIEW, Check, instead
from qqt_bayes.risk.closed_form import influence
from qqt_bayes.risk.context import Context
from qqt_bayes.risk.refit import latent_of, order, subset
from qqt_bayes.risk.thresholds import LEFT_OUT

NAME = "leave one out"
FEWEST_ROWS = 4
SEEDS = 3


def check(context: Context) -> tuple[Check, ...]:
    """Refit without the runs, data and seeds that move the decision most at each budget."""
    d = context.decision
    asked = [omissions(context, b) for b in range(len(d.budgets))]
    without = {(kind, name): keep for found in asked for kind, name, keep in found}
    jobs = [
        (order(context.fit, subset(context.fit.study, keep), seed=201 + crc32(name.encode())),
         d.budgets, context.shares)
        for (_, name), keep in without.items()
    ]  # fmt: skip
    made = context.workers.run(latent_of, jobs, context.share("leave one out"))
    drawn = {key: latent for key, latent in zip(without, made, strict=True) if latent is not None}
    out = []
    for b, found in enumerate(asked):
        own = {(k, n): drawn[k, n][:, b] for k, n, _ in found if (k, n) in drawn}
        out.append(judge(own, int(d.best[b]), context.margin[b], d.names))
    return tuple(out)


def omissions(context: Context, budget: int) -> list[tuple[str, str, np.ndarray]]:
    """What to leave out, by influence on the decision there: kind, name and the rows kept."""
    study, design = context.fit.study, context.fit.posterior.design
    moved = decision_influence(context, budget)
    out = []
    data = np.array(study.data)
    by_row = moved[design.row_cell]
    for cell in heaviest(moved, design.run):
        rows = design.row_cell == cell
        if design.run[cell] >= 0:  # all checkpoints of a run go together
            rows = design.run[design.row_cell] == design.run[cell]
        out.append(("run", context.cell_name(int(cell)), ~rows))
    mass = {d: float(np.linalg.norm(by_row[data == d])) for d in dict.fromkeys(study.data)}
    for name in sorted(mass, key=lambda n: -mass[n])[:2]:
        out.append(("data", f"all runs of {name}", data != name))
    seeds = [s for s in dict.fromkeys(study.seed) if s]
    if 1 < len(seeds) <= SEEDS:
        out += [("seed", f"seed {s}", study.seed != s) for s in seeds]
    return [o for o in out if o[2].sum() >= FEWEST_ROWS and len(np.unique(study.samples[o[2]])) > 1]


def heaviest(moved: np.ndarray, run: np.ndarray) -> list[int]:
    """The cells that move most, dim (cell,) of influence and trajectory; one of each trajectory.

    A trajectory counts by what its checkpoints move together.
    """
    weight = moved.copy()
    for number in range(run.max(initial=-1) + 1):
        here = np.flatnonzero(run == number)
        weight[here] = 0.0
        weight[here[np.argmax(moved[here])]] = np.linalg.norm(moved[here])
    return [int(c) for c in np.argsort(-weight)[:LEFT_OUT] if weight[c] > 0.0 or run[c] < 0]


def decision_influence(context: Context, budget: int) -> np.ndarray:
    """How far each cell moves the difference between best and runner-up, dim (cell,)."""
    d, post = context.decision, context.fit.posterior
    other = d.runner_up(budget)
    pair = context.shares[[int(d.best[budget])] + ([] if other is None else [other])]
    points = post.design.points_at(np.full(len(pair), context.budgets[budget]), pair)
    return influence(post, points, contrast=True)


def judge(
    latent: dict[tuple[str, str], np.ndarray], best: int, margin: float, names: list[str]
) -> Check:
    """Judge the candidate ``best``, chosen with all runs, without each omission.

    ``latent`` maps (kind, name) of what was left out to draws (draw, candidate).
    """
    figures: list[dict[str, Any]] = []
    for (kind, name), draws in latent.items():
        other, lost, p_best = instead(draws, best)
        figures.append({
            "kind": kind, "without": name, "best": names[other], "lost_by_choice": lost,
            "p_best_of_choice": p_best,
        })  # fmt: skip
    carries = [f for f in figures if f["lost_by_choice"] > margin]
    single = [f for f in carries if f["kind"] != "data"]
    shown = {"refits": figures}
    if single:
        found = and_list((f"{f['without']} ({f['best']} instead)" for f in single), 3)
        return Check(
            NAME, REVIEW, f"the choice hangs on {found}",
            "repeat these runs with another seed before acting on them", shown,
        )  # fmt: skip
    text = f"{names[best]} stays the choice, or within the margin, without any one run or seed"
    if carries:
        text += f"; it needs {and_list((f['without'] for f in carries), 4)}"
    return Check(NAME, INFO if carries else PASS, text, "", shown)

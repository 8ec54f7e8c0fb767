"""Pools whose size is known as a range only: fits at sizes within it, weighed by their evidence.

The size enters the law through epochs, so that it cannot be integrated out. Sizes are laid evenly
over the logarithm of the range, and a study is fitted at each. What the runs say of the size is in
the evidence of these fits, and every answer mixes their draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import softmax

from qqt_bayes.fitting import fit as fit_runs
from qqt_bayes.runs import format_number

if TYPE_CHECKING:
    from qqt_bayes.fitting import Fit
    from qqt_bayes.runs import Pools

FEWEST, MOST, APART = 5, 9, 0.4  # sizes that are fitted, and e-folds between two of them
SMALL = 0.002  # a weight that is not worth its draws

__all__ = ["counts", "fits_by_size", "middle_notes", "mixed", "size_notes", "sizes_within"]


def sizes_within(pools: Pools) -> np.ndarray:
    """Sizes of all pools to fit at, dims (fit, pool); one row where every size is known."""
    unknown = np.flatnonzero(pools.uncertain)
    sizes = np.asarray(pools.sizes, float)
    if not len(unknown):
        return sizes[None]
    low, high = np.log(pools.size_ranges[unknown]).T
    number = int(np.clip(np.ceil((high - low).max() / APART), FEWEST, MOST))
    place = ((np.arange(number) + 0.5) / number)[:, None]
    if len(unknown) > 1:  # each pool meets all its sizes, apart from those of the others
        rng = np.random.default_rng(53)
        place = np.stack([rng.permutation(place[:, 0]) for _ in unknown], axis=1)
    out = np.tile(sizes, (number, 1))
    out[:, unknown] = np.exp(low + place * (high - low))
    return out


def fits_by_size(fit: Fit) -> tuple[tuple[Fit, ...], np.ndarray]:
    """Fits at sizes within the ranges, and their weights; the fit alone where all are known."""
    pools = fit.study.pools
    if not pools.uncertain.any():
        return (fit,), np.ones(1)
    known = np.full_like(pools.size_ranges, np.nan)
    made = []
    for sizes in sizes_within(pools):
        runs = replace(fit.runs, pools=replace(pools, sizes=sizes, size_ranges=known))
        made.append(
            fit_runs(
                runs, fit.study.metric, spec=fit.spec, seed=fit.seed,
                settings=replace(fit.settings, start=fit.posterior.start),
                on_fail="raise" if fit.converged else "warn",
            )
        )  # fmt: skip
    evidence = np.array([one.posterior.figures.get("log_evidence", np.nan) for one in made])
    weights = softmax(evidence) if np.isfinite(evidence).all() else np.full(len(made), np.nan)
    weights = np.nan_to_num(weights, nan=1.0 / len(made))
    kept = [k for k, weight in enumerate(weights) if weight > SMALL]
    return tuple(made[k] for k in kept), weights[kept] / weights[kept].sum()


def counts(weights: np.ndarray, size: int) -> np.ndarray:
    """How many of so many draws each fit gives, by its weight."""
    return np.diff(np.round(np.cumsum([0.0, *weights]) * size)).astype(int)


def mixed(parts: Sequence[np.ndarray], weights: np.ndarray, axis: int = 0) -> np.ndarray:
    """Draws of several fits as those of one: of each as many as its weight says, evenly spaced."""
    size = min(p.shape[axis] for p in parts)
    chosen = [
        np.take(p, np.linspace(0, p.shape[axis] - 1, k).round().astype(int), axis=axis)
        for p, k in zip(parts, counts(weights, size), strict=True)
    ]
    return np.concatenate(chosen, axis=axis)


def middle_notes(fit: Fit) -> tuple[str, ...]:
    """That an answer rests on the middle of a size's range, where it does not carry the range."""
    pools = fit.study.pools
    return tuple(
        f"the size of {pools.names[i]} is not known ({given_range(pools, i)}): taken here as "
        f"{format_number(pools.sizes[i])}, the middle; qqt decide carries the whole range"
        for i in np.flatnonzero(pools.uncertain).tolist()
    )


def given_range(pools: Pools, i: int) -> str:
    """The range of a size as it is written."""
    return "..".join(format_number(end) for end in pools.size_ranges[i])


def size_notes(fit: Fit) -> tuple[str, ...]:
    """What the ranges of sizes became."""
    pools = fit.study.pools
    if not pools.uncertain.any():
        return ()
    fits, weights = fit.by_size
    out = []
    for i in np.flatnonzero(pools.uncertain).tolist():
        sizes = np.array([one.study.pools.sizes[i] for one in fits])
        order = np.argsort(sizes)
        below = np.cumsum(weights[order])
        likely = [format_number(sizes[order][np.searchsorted(below, q)]) for q in (0.1, 0.9)]
        told = likely[0] if likely[0] == likely[1] else f"{likely[0]} to {likely[1]}"
        out.append(
            f"the size of {pools.names[i]} is not known ({given_range(pools, i)}): draws of fits "
            f"at several sizes are mixed by their evidence, which speaks for {told}; epochs of it "
            f"are told at {format_number(pools.sizes[i])}"
        )
    return tuple(out)

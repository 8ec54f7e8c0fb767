"""What runs cannot tell by where they lie: a slope, or repetition apart from samples."""

from __future__ import annotations

import numpy as np

from qqt_bayes.runs.numbers import format_number
from qqt_bayes.runs.pools import Pools

ONE_BUDGET = 1.1  # budgets this close tell no slope
ONE_RATE = 1.05  # epochs a sample this close are one rate


def untold(samples: np.ndarray, shares: np.ndarray, pools: Pools) -> list[str]:
    """What runs leave open, and the run that would tell: by samples (row,), shares (row, pool)."""
    if len(samples) == 0:
        return []
    top = int(np.argmax(samples))
    names = [pools.names[i] for i in np.flatnonzero(shares[top] > 0)]
    if samples.max() <= ONE_BUDGET * samples.min():
        half, there = format_number(samples[top] / 2.0), format_number(samples[top])
        what = f"all runs have about {there} samples: how fast more of them help is a guess"
        return [f"{what} -> run some of the mixtures at {half} samples or fewer too"]
    sizes = np.asarray(pools.sizes, float)
    rates = (shares / sizes)[shares > 0]
    if rates.min() == 0.0 or rates.max() > ONE_RATE * rates.min():
        return []  # some draw from a pool without an end, or several rates tell the two apart
    if (samples[:, None] * shares / sizes).max() <= 1.0:
        return []
    used = [n for n, u, s in zip(pools.names, shares.any(axis=0), sizes, strict=True)
            if u and np.isfinite(s)]  # fmt: skip
    return [
        "samples and epochs rise together in all runs: repetition and a slope that flattens "
        f"look alike -> {untie(used, names, float(samples[top]), pools)}"
    ]


def untie(used: list[str], names: list[str], samples: float, pools: Pools) -> str:
    """The run that has other epochs at samples that were run."""
    there = format_number(samples)
    apart = [(a, b) for a in used for b in used if a < b and not pools.overlaps(a, b)]
    if apart and not any(set(pair) <= set(names) for pair in apart):
        first, second = apart[0]
        return f"run {first}+{second} for {there} samples: fewer epochs of each"
    name = names[0]
    half = format_number(float(pools.sizes[pools.index(name)]) / 2.0)
    return (
        f"cut a random half of {name} ({half}) as a pool of its own and run it for {there} samples"
    )

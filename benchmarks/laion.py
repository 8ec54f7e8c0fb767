"""LAION-80M, 400M or 2B? Fitted up to 13B samples, judged at 34B, a model at a time.

    python benchmarks/laion.py

The bundled runs of Cherti et al. (arXiv:2212.07143). Prints what was predicted, with what
probability, and what is published: the best pool and the differences at 34B, the budget from which
2B stays ahead of 400M, and what 80M still gains between 13B and 34B.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

import qqt_bayes as qqt
from qqt_bayes.decide.crossovers import crossover
from qqt_bayes.decide.predict import predict

POOLS = ["LAION-80M", "LAION-400M", "LAION-2B"]
TARGET, BEFORE = 34.2e9, 13e9


def interval(draws: np.ndarray, factor: float = 1.0) -> str:
    """Median and 90% equal-tailed interval; a quantile may be infinite."""
    mid, lo, hi = np.quantile(draws, [0.5, 0.05, 0.95], method="inverted_cdf") * factor
    return f"{mid:+.3g} [{lo:+.3g}, {hi:+.3g}]"


def study(model: str) -> None:
    """One model."""
    runs = qqt.datasets.load("laion_clip").select(where={"model": model})
    fit = qqt.fit(runs, "imagenet_accuracy", upto="14B", seed=1)
    table = runs.table
    seen = table[table["samples"] > 30e9].set_index("data")["value"]
    last = table[table["samples"].between(10e9, 20e9)].set_index("data")["value"]
    answer = fit.decide([TARGET], POOLS)
    rows = answer.table.set_index("data")
    print(f"\n{model}: six runs up to 13B; at 34B")
    out = pd.DataFrame(
        {"P(best)": rows["p_best"], "predicted": rows["median"], "lo": rows["new_run_lo"],
         "hi": rows["new_run_hi"], "published": seen, "at 13B": last}
    )  # fmt: skip
    print(out.loc[POOLS].round(3).to_string())
    draws = answer.draws.isel(budget=0)
    gap = (draws.sel(data="LAION-2B") - draws.sel(data="LAION-400M")).to_numpy()
    real = seen["LAION-2B"] - seen["LAION-400M"]
    print(f"2B less 400M, points: {interval(gap, 100)}, published {100 * real:+.2f}")

    # from which budget on is 2B ahead, and stays so up to 34B?
    grid = np.geomspace(2.44e9, TARGET, 64)
    shares = np.eye(3)[[fit.study.pools.index(p) for p in POOLS]]
    found = crossover(predict(fit, grid, shares).latent, grid, 1, 2)
    rows = table.pivot_table(index=table["samples"].round(-10), columns="data", values="value")
    ahead = rows["LAION-2B"] > rows["LAION-400M"]
    print(
        f"2B stays ahead of 400M from (B samples): {interval(found.draws, 1e-9)}; "
        f"P(by 13B) {np.mean(found.draws <= BEFORE):.2f}, P(by 34B) "
        f"{np.mean(found.draws <= TARGET):.2f}; published: ahead at 3B, 13B, 34B? "
        f"{', '.join('yes' if yes else 'no' for yes in ahead)}"
    )

    # exhaustion of 80M: what 2.6 times the samples bring
    both = predict(fit, np.array([BEFORE, TARGET]), shares).latent
    for k, pool in enumerate(POOLS):
        gain = 100 * (both[:, 0, k] - both[:, 1, k])
        real = 100 * (seen[pool] - last[pool])
        epochs = TARGET / fit.study.pools.sizes[fit.study.pools.index(pool)]
        print(
            f"{pool} from 13B to 34B ({epochs:.0f} epochs): gains {interval(gain)} points, "
            f"P(less than 1 point) {np.mean(gain < 1):.2f}, published {real:+.2f}"
        )
    print(fit.table[["pool", "half_life", "half_life_lo", "half_life_hi"]].round(1).to_string())


if __name__ == "__main__":
    for name in ("ViT-B-16", "ViT-B-32"):
        study(name)

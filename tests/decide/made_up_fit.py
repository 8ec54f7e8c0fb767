"""A fit whose draws are a power law written down here: no engine, and the truth is known."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

import qqt_bayes as qqt
from qqt_bayes.fitting import Fit
from qqt_bayes.inference.gate import GateReport
from qqt_bayes.inference.posterior import Posterior
from qqt_bayes.inference.settings import Settings
from qqt_bayes.model.design import build_design
from qqt_bayes.model.spec import load_spec

DRAWS, EXPONENT, FLOOR = 1200, 0.3, 1.5
LEVELS = {"best": 0.0, "good": 0.12, "poor": 0.3}  # a sample of a pool is worth e^(-level / .3)


class MadeUp:
    """Posterior of ``y = FLOOR + exp(level - EXPONENT log n)``, its error common to all pools."""

    chains = (4, DRAWS // 4)
    pool_noise = exchange_rates = shared = None
    gate = GateReport((), (), {"r_hat": 1.0, "ess": 1200.0})

    def __init__(self, design: Any, levels: np.ndarray, seed: int = 1) -> None:
        self.design, self.levels, self.seed = design, levels, seed
        rng = np.random.default_rng(seed)
        self.irreducible = np.full(DRAWS, FLOOR)
        self.common = 0.05 * rng.normal(size=(DRAWS, 1))
        self.half_lives = np.full((DRAWS, len(levels)), 5.0)
        self.harms = np.zeros((DRAWS, len(levels)))
        self.fitted = SimpleNamespace(
            utility=np.full((DRAWS, len(levels)), EXPONENT), level=levels + self.common
        )

    def __len__(self) -> int:
        return DRAWS

    def check(self, names: list[str], draws: np.ndarray) -> GateReport:
        assert len(names) == len(draws)
        return self.gate

    def at(self, points: Any, *, seed: int = 0, every: int = 1, with_parts: bool = False) -> Any:
        rng = np.random.default_rng([self.seed, seed])
        own = 0.01 * rng.normal(size=(DRAWS, len(self.levels)))
        log = (self.levels + own) @ points.shares.T + self.common
        log = log + EXPONENT * (14.0 - points.log_samples)
        return SimpleNamespace(log_reducible=log[::every], parts=None)

    latent = Posterior.latent

    def scalars(self) -> dict[str, np.ndarray]:
        return {}

    def noise_variance(
        self, latent: np.ndarray, shares: np.ndarray, evaluation: Any = None, draws: Any = None
    ) -> np.ndarray:
        return (0.004 * latent) ** 2


def made_up_fit(levels: dict[str, float] | None = None, extra: tuple[str, ...] = ()) -> Fit:
    """Pools of these levels, each run alone at three budgets; ``extra`` pools are never run."""
    levels = levels or LEVELS
    rows = [
        (f"{pool}/{n:g}", pool, n, "loss", FLOOR + np.exp(level + EXPONENT * (14.0 - np.log(n))))
        for pool, level in levels.items()
        for n in (1e6, 2e6, 4e6)
    ]
    names = [*levels, *extra]
    runs = qqt.read_runs(
        pd.DataFrame(rows, columns=["run", "data", "samples", "metric", "value"]),
        pd.DataFrame({"pool": names, "size": [np.inf] * len(names)}),
    )
    spec = load_spec("effective_utility")
    study = runs.study("loss", spec_levels=spec.levels)
    every = np.array([levels.get(name, 0.5) for name in names])
    posterior: Any = MadeUp(build_design(study, spec), every)
    return Fit(runs, study, spec, posterior, 1, Settings(draws=DRAWS // 4), {"where": {}})

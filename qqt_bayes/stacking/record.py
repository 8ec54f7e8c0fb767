"""Roll-forward forecasts of several laws at the same origins, judged at the same targets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from qqt_bayes.backtest import foretold, judge, judge_choice, origins
from qqt_bayes.backtest.origins import groups, joined, spread_out
from qqt_bayes.inference.settings import Settings
from qqt_bayes.model.spec import Spec
from qqt_bayes.refits import Workers, refit_many
from qqt_bayes.runs import Runs

__all__ = ["LawRecord", "roll_forward"]


@dataclass(frozen=True)
class LawRecord:
    """How each law would have done at earlier budgets of the same runs."""

    # as from `judge` and `judge_choice`, with a column `law`
    scores: pd.DataFrame
    choices: pd.DataFrame
    origins: tuple[float, ...]  # where every law converged: theirs are the scores
    refused: tuple[tuple[str, float], ...]  # law and origin of each fit that failed its gate

    def log_density(self, laws: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Log scores of new runs, dims (target, law), and the targets' groups."""
        if self.scores.empty:
            return np.empty((0, len(laws))), np.empty(0)
        levels = self.scores[self.scores["what"] == "level"]
        columns = [levels.loc[levels["law"] == law, "log_score"].to_numpy(float) for law in laws]
        first = levels[levels["law"] == laws[0]]
        return np.stack(columns, axis=1), groups(first)


def roll_forward(
    runs: Runs, metric: str, specs: Sequence[Spec], seed: int,
    settings: Settings | None, most: int, workers: int | Workers,
    progress: Callable[[str, float], None],
) -> LawRecord:  # fmt: skip
    """Fit every law up to every origin (at most so many, spread evenly) and judge its forecasts."""
    splits = spread_out(list(origins(runs, metric)), most)
    jobs = [(o, spec, seed, settings) for o in splits for spec in specs]
    found = iter(
        refit_many(
            foretold, jobs, workers=workers,
            progress=lambda done, of: progress("back-tests", done / of),
        )
    )  # fmt: skip
    scores, choices, used, refused = [], [], [], []
    for origin in splits:
        drawn = {}
        for spec in specs:
            draws = next(found)
            if draws is None:
                refused.append((spec.name, origin.upto))
            else:
                drawn[spec.name] = draws
        if len(drawn) < len(specs):
            continue
        used.append(origin.upto)
        for law, draws in drawn.items():
            scores.append(judge(origin, draws).assign(law=law))
            choices.append(judge_choice(origin, draws).assign(law=law))
    return LawRecord(joined(scores), joined(choices), tuple(used), tuple(refused))

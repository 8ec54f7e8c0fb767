"""The stack: laws fitted to one study, weighted by what they would have foreseen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from qqt_bayes._shown import Shown
from qqt_bayes.backtest import predictive
from qqt_bayes.decide.decision import Decision, check_decision, check_prob, conclude
from qqt_bayes.decide.drawn import Drawn, Question, Vote, ask, draw, mix, regret_of
from qqt_bayes.errors import GateError, UsageError
from qqt_bayes.fitting import Fit, fit
from qqt_bayes.inference.gate import merge
from qqt_bayes.model.spec import Spec, load_spec
from qqt_bayes.runs import format_number
from qqt_bayes.stacking.record import LawRecord, roll_forward
from qqt_bayes.stacking.weights import stacking_weights

if TYPE_CHECKING:
    from qqt_bayes.inference.settings import Settings
    from qqt_bayes.refits import Workers
    from qqt_bayes.runs import Runs, Study

MIN_ORIGINS = 2
MAX_ORIGINS = 4
SPECS = ("effective_utility", "exchange_rate")

__all__ = ["Stack", "stack"]


@dataclass(frozen=True, eq=False, repr=False)
class Stack(Shown):
    """Several laws fitted to one study; made by :func:`stack`.

    Attributes
    ----------
    fits : tuple of Fit
        One a law, of those that passed their gate.
    weights : numpy.ndarray
        Dim (law,), on the simplex.
    record : LawRecord
        The roll-forward back-tests behind the weights.
    notes : tuple of str
        What a reader has to know: laws left out, origins not used, equal weights.
    seed : int
    """

    fits: tuple[Fit, ...] = field(repr=False)
    weights: np.ndarray
    record: LawRecord = field(repr=False)
    notes: tuple[str, ...]
    seed: int

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the laws' specifications."""
        return tuple(f.spec.name for f in self.fits)

    @property
    def study(self) -> Study:
        """The runs fitted."""
        return self.fits[0].study

    @property
    def selection(self) -> dict[str, Any]:
        """``where`` and ``upto`` as given."""
        return self.fits[0].selection

    @property
    def converged(self) -> bool:
        """Whether every law passed its gate."""
        return all(f.converged for f in self.fits)

    @property
    def stamp(self) -> str:
        """What every output must carry if a law did not pass its gate; else empty."""
        return next((f.stamp for f in self.fits if f.stamp), "")

    @property
    def draws(self) -> dict[str, Any]:
        """Posterior draws of each law, as :attr:`qqt_bayes.Fit.draws`."""
        return dict(zip(self.names, (f.draws for f in self.fits), strict=True))

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a law: weight, and how it would have done at earlier budgets.

        ``log_score`` (mean over new runs, higher is better), ``covered`` (share of new runs inside
        their 90% equal-tailed interval), the same of differences to the best candidate, ``regret``
        (mean of its choices, metric's unit); NaN where nothing could be scored.
        """
        rows = []
        for name, weight in zip(self.names, self.weights, strict=True):
            row: dict[str, Any] = {"law": name, "weight": weight}
            for what, prefix in (("level", ""), ("difference", "difference_")):
                own = of(self.record.scores, name)
                own = own[own["what"] == what] if len(own) else own
                row[f"{prefix}log_score"] = own["log_score"].mean() if len(own) else np.nan
                row[f"{prefix}covered"] = own["in90"].mean() if len(own) else np.nan
            chosen = of(self.record.choices, name)
            row["regret"] = chosen["regret"].mean() if len(chosen) else np.nan
            rows.append(row)
        return pd.DataFrame(rows)

    @property
    def text(self) -> str:
        """The laws, their weights and their record."""
        count = len(self.record.origins)
        lines = [
            f"{self.stamp}{self.study.metric}: {len(self.fits)} laws stacked by their log scores "
            f"at {count} roll-forward origin{'' if count == 1 else 's'}",
            "",
            f"{'law':>20} {'weight':>7} {'log score':>10} {'in 90%':>7} "
            f"{'differences':>12} {'in 90%':>7} {'regret':>8}",
        ]
        for r in self.table.itertuples():
            lines.append(
                f"{r.law:>20} {r.weight:>7.2f} {r.log_score:>10.2f} {r.covered:>7.2f} "
                f"{r.difference_log_score:>12.2f} {r.difference_covered:>7.2f} {r.regret:>8.2g}"
            )
        return "\n".join(lines + [f"note: {note}" for note in self.notes])

    def decide(
        self,
        budgets: Any,
        candidates: str | Sequence[str] | None = None,
        *,
        prob: float = 0.9,
        margin: float | None = None,
        on_fail: str = "raise",
    ) -> Decision:
        """Decide under the stack: the laws' draws in proportion to their weights.

        Parameters and errors are those of :func:`qqt_bayes.decide.decide`; the decision has
        ``laws``, what each law alone would say.
        """
        check_prob(prob)
        question = ask(self.study, budgets, candidates)
        drawn = [draw(f, question) for f in self.fits]
        gate = merge(
            *(check_decision(f, d.latent, question) for f, d in zip(self.fits, drawn, strict=True))
        )
        if not gate.passed and self.converged and on_fail != "warn":
            raise GateError(gate.text, gate)
        mixed = mix(drawn, self.weights)
        return conclude(
            self, question, mixed, gate, prob=prob, margin=margin,
            laws=self._votes(question, drawn, mixed), notes=self.notes,
        )  # fmt: skip

    def _votes(self, question: Question, drawn: list[Drawn], mixed: Drawn) -> tuple[Vote, ...]:
        """What each law alone says, and what the stack's choice costs under it."""
        choice = np.argmin(regret_of(mixed.latent), axis=1)
        budgets = np.arange(len(question.budgets))
        votes = []
        for row, d in zip(self.table.itertuples(), drawn, strict=True):
            regret = regret_of(d.latent)
            best = np.argmin(regret, axis=1)
            cost = regret[budgets, choice] - regret[budgets, best]
            votes.append(Vote(str(row.law), float(row.weight), float(row.log_score), best, cost))
        return tuple(votes)

    def predictive(self, samples: np.ndarray, shares: np.ndarray, seed: int = 1) -> np.ndarray:
        """Draws of new runs, dims (draw, target), as modelled: an accuracy is an error.

        Parameters
        ----------
        samples : numpy.ndarray
            Dim (target,).
        shares : numpy.ndarray
            Dims (target, pool).
        seed : int
            Of the noise.
        """
        drawn = [predictive(f.posterior, f.study, samples, shares, seed) for f in self.fits]
        size = min(map(len, drawn))
        counts = np.round(self.weights * size).astype(int)
        return np.concatenate(
            [
                d[np.linspace(0, len(d) - 1, k).round().astype(int)]
                for d, k in zip(drawn, counts, strict=True)
            ]
        )

    def plot(self, **options: Any) -> Any:
        """Weights and roll-forward scores of the laws, as a matplotlib figure."""
        return import_module("qqt_bayes.plots").plot_stack(self, **options)


def of(frame: pd.DataFrame, law: str) -> pd.DataFrame:
    """The rows of one law."""
    return frame if frame.empty else frame[frame["law"] == law]


def stack(
    runs: Runs,
    metric: str,
    *,
    specs: Sequence[str | Path | Spec] = SPECS,
    seed: int = 1,
    settings: Settings | None = None,
    max_origins: int = MAX_ORIGINS,
    workers: int | Workers = 1,
    progress: Callable[[str, float], None] | None = None,
    **selection: Any,
) -> Stack:
    """Fit several laws to one study and weigh them by roll-forward scores.

    Every law is fitted up to earlier budgets of the same runs and predicts the runs beyond; the
    weights maximise the log score of the mixture (stacking), shrunk towards equal ones. With fewer
    than two origins the weights are equal, and a note says so.

    Parameters
    ----------
    runs, metric
        As for :func:`qqt_bayes.fit`.
    specs : sequence of str, Path or Spec
        At least two, with different names.
    seed, settings
        As for :func:`qqt_bayes.fit`.
    max_origins : int
        Back-test from at most so many origins, spread evenly.
    workers : int or Workers
        Processes for the back-tests; a law of your own is known to this process only.
    progress : callable, optional
        Called with the name of a stage and the share done of it.
    **selection
        ``where`` and ``upto``, as for :func:`qqt_bayes.fit`.

    Returns
    -------
    Stack

    Raises
    ------
    UsageError
        For fewer than two specifications, or two of one name.
    GateError
        If no law converged.
    """
    loaded = [load_spec(s) for s in specs]
    names = [s.name for s in loaded]
    if len(loaded) < 2 or len(set(names)) < len(names):
        raise UsageError(
            f"laws to stack: {', '.join(names) or 'none'} -> give two or more with different "
            f"names, for example specs={list(SPECS)}"
        )
    tell = progress or (lambda _label, _done: None)
    fits: list[Fit] = []
    notes: list[str] = []
    failed: GateError | None = None
    for k, spec in enumerate(loaded):
        try:
            fits.append(fit(runs, metric, spec=spec, seed=seed, settings=settings, **selection))
        except GateError as error:
            failed = error
            notes.append(f"{spec.name} is left out: it did not pass its convergence gate")
        tell("fits", (k + 1) / len(loaded))
    if not fits:
        assert failed is not None
        raise failed
    first = fits[0]
    used = [f.spec for f in fits]
    record = LawRecord(pd.DataFrame(), pd.DataFrame(), (), ())
    if len(fits) > 1:
        record = roll_forward(first.runs, metric, used, seed, settings, max_origins, workers, tell)
    notes += [
        f"{law} did not converge at origin {format_number(at)}: not used"
        for law, at in record.refused
    ]
    weights = np.full(len(fits), 1.0 / len(fits))
    if len(record.origins) >= MIN_ORIGINS:
        weights = stacking_weights(*record.log_density([s.name for s in used]))
    elif len(fits) > 1:
        notes.append(
            f"{len(record.origins)} roll-forward origin(s), fewer than {MIN_ORIGINS}: "
            "the laws have equal weights"
        )
    return Stack(tuple(fits), weights, record, tuple(notes), seed)

"""Our own convergence gate: no answer from a sampler that did not converge.

Neither the sampler's own path nor ArviZ's ``diagnose`` refuses everything that must be refused
(an R-hat of 1.67 passes the first in silence; parameters that are constant or NaN pass the second).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

R_HAT = 1.01
ESS = 400.0
DIVERGING = 0.001
E_BFMI = 0.3

__all__ = ["GateReport", "check_draws", "check_energy", "merge"]


@dataclass(frozen=True)
class GateReport:
    """What the gate measured.

    Attributes
    ----------
    table : tuple of (name, r_hat, ess_bulk, ess_tail)
        One entry a quantity.
    failures : tuple of str
        What did not pass, in words; empty when all did.
    figures : dict
        ``r_hat``, ``ess`` (the worst), ``diverging`` (share of draws), ``e_bfmi`` (worst chain).
    """

    table: tuple[tuple[str, float, float, float], ...]
    failures: tuple[str, ...]
    figures: dict[str, float]

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return not self.failures

    @property
    def text(self) -> str:
        """One line when passed, else the failures with advice."""
        f = self.figures
        worst = ", ".join(f"{k} {v:.4g}" for k, v in f.items())
        if self.passed:
            return f"converged: {worst}"
        lines = "\n  ".join(self.failures[:8])
        more = f"\n  and {len(self.failures) - 8} more" if len(self.failures) > 8 else ""
        return (
            f"the fit did not pass its convergence gate:\n  {lines}{more}\n"
            "Try more draws (--draws 4000) or another --seed; if that does not help, the runs and "
            "the priors may contradict each other: look at `qqt check` and at the prior table. "
            'Only on_fail="warn" (--on-fail warn) goes on regardless, and stamps every output.'
        )


def check_draws(names: list[str], draws: np.ndarray) -> GateReport:
    """Check R-hat and effective sample sizes.

    Parameters
    ----------
    names : list of str
        One a quantity.
    draws : numpy.ndarray
        Dims (quantity, chain, draw).
    """
    from arviz_stats.base import array_stats  # type: ignore[attr-defined]

    failures = []
    for name, values in zip(names, draws, strict=True):
        if not np.all(np.isfinite(values)):
            failures.append(f"{name}: draws that are not finite")
        elif np.ptp(values) == 0:
            failures.append(f"{name}: all draws are the same")
    if failures:
        return GateReport((), tuple(failures), {"r_hat": np.inf, "ess": 0.0})
    axes = {"chain_axis": 1, "draw_axis": 2}
    r_hat = array_stats.rhat(draws, **axes)
    bulk = array_stats.ess(draws, **axes)
    tail = array_stats.ess(draws, method="tail", prob=(0.05, 0.95), **axes)
    for name, r, b, t in zip(names, r_hat, bulk, tail, strict=True):
        if not r <= R_HAT:
            failures.append(f"{name}: R-hat {r:.3f} (at most {R_HAT})")
        if not b >= ESS:
            failures.append(f"{name}: bulk effective sample size {b:.0f} (at least {ESS:.0f})")
        if not t >= ESS:
            failures.append(f"{name}: tail effective sample size {t:.0f} (at least {ESS:.0f})")
    table = tuple(zip(names, map(float, r_hat), map(float, bulk), map(float, tail), strict=True))
    worst = {"r_hat": float(np.max(r_hat)), "ess": float(min(bulk.min(), tail.min()))}
    return GateReport(table, tuple(failures), worst)


def check_energy(diverging: np.ndarray, energy: np.ndarray) -> GateReport:
    """Check divergences and the energy, dims (chain, draw)."""
    failures = []
    share = float(np.mean(diverging))
    if share > DIVERGING:
        failures.append(f"{share:.2%} of the draws diverged (at most {DIVERGING:.1%})")
    steps = np.mean(np.diff(energy, axis=1) ** 2, axis=1)
    bfmi = float(np.min(steps / np.var(energy, axis=1)))
    if not bfmi >= E_BFMI:
        failures.append(f"E-BFMI {bfmi:.2f} (at least {E_BFMI})")
    return GateReport((), tuple(failures), {"diverging": share, "e_bfmi": bfmi})


def merge(*reports: GateReport) -> GateReport:
    """One report of several; the worst figure of each name."""
    figures: dict[str, float] = {}
    for report in reports:
        for name, value in report.figures.items():
            keep = max if name in ("r_hat", "diverging") else min
            figures[name] = keep(figures.get(name, value), value)
    return GateReport(
        tuple(row for r in reports for row in r.table),
        tuple(f for r in reports for f in r.failures),
        figures,
    )

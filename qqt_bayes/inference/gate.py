"""The gate: no answer from draws that do not represent their posterior.

Draws by importance sampling come from two independent halves of the proposals and from parents (the
weighted draws), of which some are taken more than once: a quantity is known as well as its parents
tell. Draws by NUTS come from chains.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

K = 0.7
R_HAT = 1.01
ESS = 400.0
DIVERGING = 0.001
E_BFMI = 0.3
APART = 5.0  # standard errors between the two halves of the proposals
WORDS = {
    "k": "Pareto k of the weights {:.2f}",
    "ess": "at least {:,.0f} effective draws",
    "apart": "halves of the draws {:.1f} standard errors apart",
    "r_hat": "R-hat {:.3f}",
    "diverging": "{:.2%} of the draws diverged",
    "e_bfmi": "E-BFMI {:.2f}",
}

__all__ = [
    "GateReport", "check_chains", "check_energy", "check_halves", "check_weights", "effective",
    "merge",
]  # fmt: skip


@dataclass(frozen=True)
class GateReport:
    """What the gate measured."""

    # one entry a quantity: its effective sample size; and how far the two halves of the proposals
    # are apart in standard errors or, of chains, R-hat
    table: tuple[tuple[str, float, float], ...]
    failures: tuple[str, ...]  # what did not pass, in words; empty when all did
    # the worst: ``k``, ``ess``, ``apart``; of chains ``r_hat``, ``ess``, ``diverging`` (share of
    # draws), ``e_bfmi``
    figures: dict[str, float]
    # how many standard deviations some parameters lie from the middle of their priors, where the
    # runs drive them far
    strained: dict[str, float] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return not self.failures

    @property
    def text(self) -> str:
        """One line when passed, else the failures with advice."""
        if self.passed:
            told = [WORDS[name].format(value) for name, value in self.figures.items()]
            return f"converged: {', '.join(told)}"
        lines = "\n  ".join(self.failures[:8])
        more = f"\n  and {len(self.failures) - 8} more" if len(self.failures) > 8 else ""
        if self.strained:
            worst = sorted(self.strained, key=lambda n: -abs(self.strained[n]))[:4]
            found = ", ".join(f"{name} {self.strained[name]:+.0f}" for name in worst)
            advice = (
                "The runs contradict the priors (standard deviations from the middle of a prior: "
                f"{found}): look at `qqt check` and at the prior table. "
            )
        else:
            advice = (
                "Try more draws (--draws 8000) or another --seed; if that does not help, the runs "
                "and the priors may contradict each other: look at `qqt check` and at the prior "
                "table. "
            )
        return (
            f"the fit did not pass its convergence gate:\n  {lines}{more}\n{advice}"
            'Only on_fail="warn" (--on-fail warn) goes on regardless, and stamps every output.'
        )


def effective(draws: np.ndarray, parent: np.ndarray) -> np.ndarray:
    """Effective sample sizes of means over draws that may share parents, dim (quantity,).

    ``draws`` (quantity, draw); ``parent`` (draw,).
    """
    _, index = np.unique(parent, return_inverse=True)
    apart = draws - draws.mean(axis=1, keepdims=True)
    sums = np.array([np.bincount(index, row) for row in apart])
    within, between = (apart**2).sum(axis=1), (sums**2).sum(axis=1)
    # what never varies is known exactly
    share = np.divide(within, between, out=np.ones(len(draws)), where=between > 0.0)
    return np.asarray(share * draws.shape[1])


def check_halves(names: list[str], draws: np.ndarray, parent: np.ndarray) -> GateReport:
    """Check quantities of draws by importance sampling.

    ``draws`` (quantity, half, draw); ``parent`` (half, draw): which weighted draw each is of.
    """
    failures = degenerate(names, draws)
    if failures:
        return GateReport((), failures, {"ess": 0.0, "apart": np.inf})
    by_half = np.array([effective(draws[:, h], parent[h]) for h in range(draws.shape[1])])
    means, variance = draws.mean(axis=2), draws.var(axis=2)
    error = np.sqrt((variance / by_half.T).sum(axis=1))
    apart = np.abs(means[:, 0] - means[:, -1]) / error
    flat = draws.reshape(len(draws), -1)
    size = effective(flat, parent.ravel())
    for quantile in (0.05, 0.95):
        below = (flat <= np.quantile(flat, quantile, axis=1)[:, None]).astype(float)
        size = np.minimum(size, effective(below, parent.ravel()))
    told = []
    for name, e, a in zip(names, size, apart, strict=True):
        if not e >= ESS:
            told.append(f"{name}: effective sample size {e:.0f} (at least {ESS:.0f})")
        if not a <= APART:
            told.append(f"{name}: halves of the draws {a:.1f} errors apart (at most {APART:.0f})")
    table = tuple(zip(names, map(float, size), map(float, apart), strict=True))
    return GateReport(table, tuple(told), {"ess": float(size.min()), "apart": float(apart.max())})


def check_weights(k: float) -> GateReport:
    """Check the shape of the tail of the importance weights."""
    failures = () if k <= K else (f"Pareto k of the importance weights {k:.2f} (at most {K})",)
    return GateReport((), failures, {"k": k})


def degenerate(names: list[str], draws: np.ndarray) -> tuple[str, ...]:
    """What is wrong with draws that are not finite, or all the same."""
    failures = []
    for name, values in zip(names, draws, strict=True):
        if not np.all(np.isfinite(values)):
            failures.append(f"{name}: draws that are not finite")
        elif np.ptp(values) == 0:
            failures.append(f"{name}: all draws are the same")
    return tuple(failures)


def check_chains(names: list[str], draws: np.ndarray) -> GateReport:
    """Check R-hat and effective sample sizes of chains, dims (quantity, chain, draw).

    Neither the sampler's own path nor ArviZ's ``diagnose`` refuses everything that must be refused
    (an R-hat of 1.67 passes the first in silence; NaN passes the second).
    """
    from arviz_stats.base import array_stats  # type: ignore[attr-defined]

    failures = list(degenerate(names, draws))
    if failures:
        return GateReport((), tuple(failures), {"r_hat": np.inf, "ess": 0.0})
    axes = {"chain_axis": 1, "draw_axis": 2}
    r_hat = array_stats.rhat(draws, **axes)
    bulk = array_stats.ess(draws, **axes)
    tail = array_stats.ess(draws, method="tail", prob=(0.05, 0.95), **axes)
    size = np.minimum(bulk, tail)
    for name, r, e in zip(names, r_hat, size, strict=True):
        if not r <= R_HAT:
            failures.append(f"{name}: R-hat {r:.3f} (at most {R_HAT})")
        if not e >= ESS:
            failures.append(f"{name}: effective sample size {e:.0f} (at least {ESS:.0f})")
    table = tuple(zip(names, map(float, size), map(float, r_hat), strict=True))
    worst = {"r_hat": float(np.max(r_hat)), "ess": float(size.min())}
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
            keep = min if name in ("ess", "e_bfmi") else max
            figures[name] = keep(figures.get(name, value), value)
    return GateReport(
        tuple(row for r in reports for row in r.table),
        tuple(f for r in reports for f in r.failures),
        figures,
    )

"""How the posterior was computed and how well, in words: by importance sampling or by NUTS."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from qqt_bayes.inference.gate import APART, DIVERGING, E_BFMI, ESS, R_HAT, K

if TYPE_CHECKING:
    from qqt_bayes.fitting import Fit

__all__ = ["Sampler", "by_chains", "convergence", "sampler"]


class Sampler(NamedTuple):
    """How many draws, how they were made, what was required (both with citations), and limits."""

    size: str
    algorithm: str
    required: str
    limits: str


def by_chains(fit: Fit) -> bool:
    """Whether the draws are of Markov chains."""
    return fit.posterior.engine == "nuts"


def sampler(fit: Fit) -> Sampler:
    """What to say of the sampler."""
    chains, each = fit.posterior.chains
    if by_chains(fit):
        s = fit.settings
        return Sampler(
            f"{chains} chains of {each} draws after {s.tune} of warm-up, target acceptance "
            f"{s.target_accept:g}",
            "with the No-U-Turn sampler [@hoffman2014nuts] as implemented in nutpie [@nutpie]",
            f"a rank-normalised split R-hat [@vehtari2021rhat] of at most {R_HAT:g} and bulk and "
            f"tail effective sample sizes of at least {ESS:.0f}",
            f"Limits: R-hat {R_HAT:g}, effective sample size {ESS:.0f}, divergent draws "
            f"{DIVERGING:.1%}, E-BFMI {E_BFMI:g}.",
        )
    return Sampler(
        f"{chains * each} draws from two independent halves of the proposals, resampled from "
        f"{fit.posterior.values:,} values of the density",
        "by adaptive multiple importance sampling [@cornuet2012amis] from a Laplace approximation "
        "on, its weights Pareto smoothed [@vehtari2024psis]",
        f"an effective sample size of at least {ESS:.0f} and two independent halves of the draws "
        f"at most {APART:g} standard errors apart, and of the weights a Pareto k of at most {K:g}",
        f"Limits: Pareto k of the weights {K:g}, effective sample size {ESS:.0f}, halves of the "
        f"draws {APART:g} standard errors apart.",
    )


def convergence(fit: Fit) -> str:
    """What the gate measured."""
    gate, f = fit.posterior.gate, fit.posterior.gate.figures
    names = {
        "k": "Pareto k", "ess": "effective sample size", "apart": "standard errors between halves",
        "r_hat": "R-hat", "diverging": "share of divergent draws", "e_bfmi": "E-BFMI",
    }  # fmt: skip
    told = ", ".join(f"{names.get(name, name)} {value:.3g}" for name, value in f.items())
    failed = "" if gate.passed else " NOT PASSED: " + "; ".join(gate.failures[:3]) + "."
    return f"Worst of all: {told}. {sampler(fit).limits}{failed}"

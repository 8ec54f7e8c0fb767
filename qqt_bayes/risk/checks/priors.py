"""Whether the decision hangs on the priors: power scaling by importance weights.

Where the weights to priors half or twice as strong cannot be trusted, and the decision is
sensitive, the runs are fitted anew under those priors.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from qqt_bayes.decide.drawn import regret_of
from qqt_bayes.decide.text import and_list
from qqt_bayes.risk.check import PASS, REVIEW, Check
from qqt_bayes.risk.closed_form import pareto_weights
from qqt_bayes.risk.context import Context
from qqt_bayes.risk.power import contraction, log_likelihood, log_prior, powered_priors
from qqt_bayes.risk.refit import latent_of, order
from qqt_bayes.risk.thresholds import GOOD_K, NOT_IDENTIFIED, POWERS, SENSITIVE, STRONG_POWERS

NAME = "priors"


def check(context: Context) -> tuple[Check, ...]:
    """Sensitivity of P(best), regret and crossovers at each budget to priors and likelihood."""
    d, post = context.decision, context.fit.posterior
    logs = {"prior": log_prior(post), "likelihood": log_likelihood(post)}
    left = contraction(post)
    vague = [name for name, ratio in left.items() if ratio >= NOT_IDENTIFIED]
    crossings = {
        f"crossover {d.candidates[c.origin].text} -> {d.candidates[c.to].text}": np.log(
            np.minimum(c.draws, 2.0 * d.grid[-1])
        )
        for c in d.crossovers
    }

    def all_budgets(
        refits: dict[float, np.ndarray], wanted: list[list[float]]
    ) -> tuple[Check, ...]:
        out = []
        for b in range(len(d.budgets)):
            latent, best, other = d.latent[:, b], int(d.best[b]), d.runner_up(b)
            quantities = dict(crossings)
            if other is not None:
                quantities["difference"] = latent[:, other] - latent[:, best]
            again = {power: refits[power][:, b] for power in wanted[b] if power in refits}
            margin = context.margin[b]
            out.append(judge(latent, best, margin, logs, quantities, vague, again))
        return tuple(out)

    found = all_budgets({}, [[]] * len(d.budgets))
    wanted = [c.figures["refit_wanted"] for c in found]
    powers = sorted({power for some in wanted for power in some})
    if context.quick or not powers:
        return found
    return all_budgets(refitted(context, powers), wanted)


def refitted(context: Context, powers: list[float]) -> dict[float, np.ndarray]:
    """Draws of the candidates, dims (draw, budget, candidate), under priors raised to powers."""
    post, spec = context.fit.posterior, context.fit.spec
    jobs = [
        (order(context.fit, spec=spec.with_priors(**powered_priors(post, p)),
               seed=301 + STRONG_POWERS.index(p)), context.budgets, context.shares)
        for p in powers
    ]  # fmt: skip
    found = context.workers.run(latent_of, jobs, context.share("other priors"))
    return {p: latent for p, latent in zip(powers, found, strict=True) if latent is not None}


def judge(
    latent: np.ndarray, best: int, margin: float, logs: dict[str, np.ndarray],
    quantities: dict[str, np.ndarray], vague: list[str],
    refits: dict[float, np.ndarray] | None = None,
) -> Check:  # fmt: skip
    """Judge the sensitivity of a choice, from draws (draw, candidate).

    ``logs`` holds the log densities of ``prior`` and ``likelihood`` at the parameters (draw,),
    ``quantities`` what else is examined (draw,), ``vague`` the parameters that these runs do not
    identify. ``refits`` maps powers of the priors to draws under them, used in place of weights
    that cannot be trusted.
    """
    wins = (np.argmin(latent, axis=1) == best).astype(float)
    regret = latent - latent.min(axis=1, keepdims=True)
    figures: dict[str, Any] = {"p_best": float(wins.mean()), "not_identified": vague}
    flagged, swayed, unknown = [], [], []
    for component, log in logs.items():
        found = {n: sensitivity(v, log) for n, v in quantities.items()}
        found["p_best"] = slope(wins, log)
        found["regret, in margins"] = slope(regret[:, best], log) / margin
        figures[component] = found
        if max(v for n, v in found.items() if not n.startswith("crossover")) > SENSITIVE:
            flagged.append(component)
        strong = {}
        for power in STRONG_POWERS:
            weight, k_hat = pareto_weights((power - 1.0) * log)
            mean, won = weight @ regret, float(weight @ wins)
            again = (refits or {}).get(power) if component == "prior" else None
            trusted = bool(k_hat < GOOD_K)
            if again is not None and not trusted:
                trusted = True
                mean = regret_of(again)
                won = float(np.mean(np.argmin(again, axis=1) == best))
            cost = float(mean[best] - mean.min())
            strong[f"power {power:g}"] = {
                "p_best": won, "lost_by_choice": cost, "k_hat": float(k_hat),
                "refitted": again is not None and bool(k_hat >= GOOD_K),
            }  # fmt: skip
            if component == "prior" and not trusted:
                unknown.append(power)
            elif component == "prior" and cost > margin:
                swayed.append(f"power {power:g}")
        figures[f"{component} scaled"] = strong
    figures["refit_wanted"] = unknown if "prior" in flagged else []
    moved = [n for n, v in figures["prior"].items() if n.startswith("crossover") and v > SENSITIVE]
    extra = f"; {and_list(moved, 2)} moves with the priors" if moved else ""
    if vague:
        extra += f"; known from the prior alone: {and_list(vague, 3)}"
    if "prior" in flagged and swayed:
        half = " and ".join("half" if p.endswith("0.5") else "twice" for p in swayed)
        return Check(
            NAME, REVIEW, f"with priors {half} as strong another choice is better{extra}",
            "justify these priors, or buy runs that inform what they stand in for", figures,
        )  # fmt: skip
    text = "stronger or weaker priors do not change the choice"
    if "prior" in flagged:
        text += ", though they change its probability or regret"
    return Check(NAME, PASS, text + extra, "", figures)


def sensitivity(values: np.ndarray, log: np.ndarray) -> float:
    """Cumulative Jensen-Shannon gradient of a quantity under power scaling."""
    from arviz_stats.base import array_stats  # type: ignore[attr-defined]

    if np.ptp(values) == 0:
        return 0.0
    lower, upper = (pareto_weights((power - 1.0) * log)[0] for power in POWERS)
    found = array_stats.power_scale_sense(
        values[None], lower[None], upper[None], lower_alpha=POWERS[0], upper_alpha=POWERS[1]
    )
    return float(np.squeeze(found))


def slope(values: np.ndarray, log: np.ndarray) -> float:
    """Change of a probability or an expectation for a doubling of the power."""
    lower, upper = (pareto_weights((power - 1.0) * log)[0] @ values for power in POWERS)
    return float(abs(upper - lower) / np.log2(POWERS[1] / POWERS[0]))

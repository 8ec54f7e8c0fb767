"""Whether the sampler converged, for the parameters and for what is decided."""

from __future__ import annotations

from qqt_bayes.inference.gate import GateReport, merge
from qqt_bayes.risk.check import FAIL, PASS, Check
from qqt_bayes.risk.context import Context

NAME = "convergence"
FIGURES = {"r_hat": "R-hat", "k": "Pareto k of the importance weights"}  # of either engine


def check(context: Context) -> tuple[Check, ...]:
    """The fit's gate and the decision's, the same at every budget."""
    return (judge(merge(context.fit.posterior.gate, context.decision.gate)),) * len(context.budgets)


def judge(gate: GateReport) -> Check:
    """FAIL unless the gate was passed."""
    figures = dict(gate.figures) | {"failures": list(gate.failures[:8])}
    if gate.passed:
        told, value = next(
            (name, gate.figures[key]) for key, name in FIGURES.items() if key in gate.figures
        )
        text = (
            f"the sampler converged ({told} at most {value:.3f}, "
            f"effective draws at least {gate.figures['ess']:.0f})"
        )
        return Check(NAME, PASS, text, "", figures)
    return Check(
        NAME, FAIL, f"the sampler did not converge: {'; '.join(gate.failures[:3])}",
        "fit again with more draws (--draws 8000) or another --seed before reading any number",
        figures,
    )  # fmt: skip

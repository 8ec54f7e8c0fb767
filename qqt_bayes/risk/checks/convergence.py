"""Whether the sampler converged, for the parameters and for what is decided."""

from __future__ import annotations

from qqt_bayes.inference.gate import GateReport, merge
from qqt_bayes.risk.check import FAIL, PASS, Check
from qqt_bayes.risk.context import Context

NAME = "convergence"


def check(context: Context) -> tuple[Check, ...]:
    """The fit's gate and the decision's, the same at every budget."""
    return (judge(merge(context.fit.posterior.gate, context.decision.gate)),) * len(context.budgets)


def judge(gate: GateReport) -> Check:
    """FAIL unless the gate was passed."""
    figures = dict(gate.figures) | {"failures": list(gate.failures[:8])}
    if gate.passed:
        text = (
            f"the sampler converged (R-hat at most {gate.figures['r_hat']:.3f}, "
            f"effective draws at least {gate.figures['ess']:.0f})"
        )
        return Check(NAME, PASS, text, "", figures)
    return Check(
        NAME, FAIL, f"the sampler did not converge: {'; '.join(gate.failures[:3])}",
        "fit again with more draws (--draws 4000) or another --seed before reading any number",
        figures,
    )  # fmt: skip

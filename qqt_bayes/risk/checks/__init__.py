"""The checks, in the order in which they are told; each gives one result per budget."""

from collections.abc import Callable

from qqt_bayes.risk.check import Check
from qqt_bayes.risk.checks import (
    convergence,
    distance,
    fit_quality,
    laws,
    leave_out,
    priors,
    record,
    stakes,
    table,
)
from qqt_bayes.risk.context import Context

CHECKS: dict[str, Callable[[Context], tuple[Check, ...]]] = {
    convergence.NAME: convergence.check,
    fit_quality.NAME: fit_quality.check,
    record.NAME: record.check,
    distance.NAME: distance.check,
    stakes.NAME: stakes.check,
    laws.NAME: laws.check,
    priors.NAME: priors.check,
    leave_out.NAME: leave_out.check,
    table.NAME: table.check,
}
# These refit the runs and are left out of a quick report.
SLOW = (laws.NAME, leave_out.NAME)

__all__ = ["CHECKS", "SLOW"]

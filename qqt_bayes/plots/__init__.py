"""Figures from frozen answers, for papers: see :func:`plot_decision` and :func:`plot_pools`."""

from qqt_bayes.plots.actions import plot_actions
from qqt_bayes.plots.allocation import plot_allocation
from qqt_bayes.plots.decay import plot_decay
from qqt_bayes.plots.decision import (
    caption,
    plot_decision,
    plot_differences,
    plot_kept_share,
    plot_p_best,
)
from qqt_bayes.plots.ledger import plot_ledger
from qqt_bayes.plots.paper import COLUMN, WIDE, new_figure, style
from qqt_bayes.plots.parameters import plot_parameters
from qqt_bayes.plots.plan import plot_plan, plot_preposterior
from qqt_bayes.plots.pools import plot_pools
from qqt_bayes.plots.reach import plot_reach
from qqt_bayes.plots.shares import plot_shares
from qqt_bayes.plots.stack import plot_stack
from qqt_bayes.plots.tasks import plot_size_decision, plot_task_decision, plot_tasks

__all__ = [
    "COLUMN", "WIDE", "caption", "new_figure", "plot_actions", "plot_allocation", "plot_decay",
    "plot_decision", "plot_differences", "plot_kept_share", "plot_ledger", "plot_p_best",
    "plot_parameters", "plot_plan", "plot_pools", "plot_preposterior", "plot_reach", "plot_shares",
    "plot_size_decision", "plot_stack", "plot_task_decision", "plot_tasks", "style",
]  # fmt: skip

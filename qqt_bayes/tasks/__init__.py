"""Several tasks, or models, at once: what they share about the pools, and one decision for all."""

from qqt_bayes.tasks.answer import TaskDecision
from qqt_bayes.tasks.joint import Joint
from qqt_bayes.tasks.several import Tasks, fit_tasks

__all__ = ["Joint", "TaskDecision", "Tasks", "fit_tasks"]

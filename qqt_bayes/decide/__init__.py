"""Deciding: which data is best at each budget, how sure that is, and what being wrong costs."""

from qqt_bayes.decide.decision import Decision, decide

__all__ = ["Decision", "decide"]

"""Acting: improve a pool, get more of it, add another, or train on; compared on one scale."""

from qqt_bayes.act.answer import ActionDecision, act
from qqt_bayes.act.table import Action, read_actions

__all__ = ["Action", "ActionDecision", "act", "read_actions"]

"""Which runs to buy next, what they are worth, and when to stop."""

from qqt_bayes.buy.ask import buy
from qqt_bayes.buy.designs import Designs, generate_designs, read_designs
from qqt_bayes.buy.plan import Plan
from qqt_bayes.buy.replay import Replay, replay

__all__ = ["Designs", "Plan", "Replay", "buy", "generate_designs", "read_designs", "replay"]

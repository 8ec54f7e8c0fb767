"""Deciding: which data is best at each budget, how sure that is, and what being wrong costs."""

from qqt_bayes.decide.decision import Decision, decide
from qqt_bayes.decide.reach import Reach, reach
from qqt_bayes.decide.rows import predict_rows
from qqt_bayes.decide.shares import Shares, best_shares
from qqt_bayes.decide.sizes import fits_by_size
from qqt_bayes.decide.worth import describe_fit, pool_worth, with_worth

__all__ = [
    "Decision", "Reach", "Shares", "best_shares", "decide", "describe_fit", "fits_by_size",
    "pool_worth", "predict_rows", "reach", "with_worth",
]  # fmt: skip

"""How far the runs can be trusted: a verdict per budget, with its reasons and advice."""

from qqt_bayes.risk.check import FAIL, INFO, PASS, REVIEW, Check
from qqt_bayes.risk.ledger import Ledger, ledger
from qqt_bayes.risk.report import Assessment, Risk, risk

__all__ = [
    "FAIL", "INFO", "PASS", "REVIEW", "Assessment", "Check", "Ledger", "Risk", "ledger", "risk",
]  # fmt: skip

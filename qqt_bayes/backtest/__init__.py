"""Roll-forward back-tests: fit up to a budget, predict the runs beyond it, judge."""

from qqt_bayes.backtest.judge import judge, judge_choice
from qqt_bayes.backtest.origins import FACTORS, Forecast, Origin, origins
from qqt_bayes.backtest.ours import engine_forecast, foretold, predictive
from qqt_bayes.backtest.scores import coverage_interval, crps, interval_score, log_score

__all__ = [
    "FACTORS", "Forecast", "Origin", "coverage_interval", "crps", "engine_forecast",
    "foretold", "interval_score", "judge", "judge_choice", "log_score", "origins", "predictive",
]  # fmt: skip

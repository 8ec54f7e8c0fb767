"""One small stack, made once."""

import pytest

import qqt_bayes as qqt


@pytest.fixture(scope="session")
def small_stack(small_runs):
    """Both laws on the small study, back-tested from two origins."""
    return qqt.stack(small_runs, "loss", settings=qqt.Settings(draws=500), max_origins=2)

"""A small study in which the choice is open, fitted quickly."""

import pytest
from simulated_runs import make_runs

from qqt_bayes.buy.exact import quick_fit
from qqt_bayes.fitting import Fit
from qqt_bayes.inference.settings import Settings
from qqt_bayes.model.spec import Spec, load_spec


@pytest.fixture(scope="session")
def plain_spec() -> Spec:
    """Without a change of regime beyond the data, which refits would reset."""
    return load_spec("effective_utility").with_priors(regime={"family": "fixed", "value": 0.0})


@pytest.fixture(scope="session")
def buy_fit(plain_spec: Spec) -> Fit:
    """Three pools up to 240k: which of A, B and their union is best at 960k is open."""
    runs = make_runs([30e3, 60e3, 120e3, 240e3], ["A", "B", "A+B", "C"], seeds=2)
    return quick_fit(runs, "loss", plain_spec, seed=2, settings=Settings(draws=4000))

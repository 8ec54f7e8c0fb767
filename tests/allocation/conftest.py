"""A fit of the small simulated study, made once."""

import pytest
from simulated_sizes import POOLS, table_of

import qqt_bayes as qqt


@pytest.fixture(scope="session")
def size_runs() -> qqt.Runs:
    return qqt.read_runs(table_of(), POOLS)


@pytest.fixture(scope="session")
def sampler(size_runs):
    """The model, compiled once for all tests."""
    from qqt_bayes.allocation.model import build_model
    from qqt_bayes.allocation.sample import Sampler
    from qqt_bayes.allocation.sizes import size_study

    return Sampler(build_model(size_study(size_runs, "loss"), qqt.load_spec("chinchilla")))


@pytest.fixture(scope="session")
def size_fit(size_runs, sampler) -> qqt.SizeFit:
    from qqt_bayes.allocation.sizes import size_study

    sizes = size_study(size_runs, "loss")
    return qqt.SizeFit(sizes, sampler.model, sampler.sample(1), qqt.load_spec("chinchilla"), 1)


@pytest.fixture(scope="session")
def answer(size_fit) -> qqt.Allocation:
    from qqt_bayes.allocation.answer import allocate_fit

    return allocate_fit(size_fit, "1e18,1e20")

"""A fit of the small simulated study, made once."""

import pytest
from simulated_sizes import POOLS, table_of

import qqt_bayes as qqt


@pytest.fixture(scope="session")
def size_runs() -> qqt.Runs:
    return qqt.read_runs(table_of(), POOLS)


@pytest.fixture(scope="session")
def size_fit(size_runs) -> qqt.SizeFit:
    return qqt.fit_sizes(size_runs, seed=1)


@pytest.fixture(scope="session")
def answer(size_fit) -> qqt.Allocation:
    from qqt_bayes.allocation.answer import allocate_fit

    return allocate_fit(size_fit, "1e18,1e20")

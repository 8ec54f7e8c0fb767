"""Small simulated studies as fixtures, each made once."""

import pytest
from small_studies import (
    STUDIES,
    Case,
    checkpoint_study,
    family_study,
    loss_study,
    replicated_study,
)


@pytest.fixture(scope="session", params=list(STUDIES))
def case(request) -> Case:
    return STUDIES[request.param]()


@pytest.fixture(scope="session")
def replicated() -> Case:
    return replicated_study()


@pytest.fixture(scope="session")
def families() -> Case:
    return family_study()


@pytest.fixture(scope="session")
def checkpoints() -> Case:
    return checkpoint_study()


@pytest.fixture(scope="session")
def two_pools() -> Case:
    return loss_study()

"""The command line, called in this process."""

from collections.abc import Callable
from typing import NamedTuple

import pytest

from qqt_bayes.cli import main


class Said(NamedTuple):
    """What a call ended with."""

    code: int
    out: str
    err: str


@pytest.fixture
def qqt(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Run ``qqt`` with these arguments."""

    def run(*argv: object) -> Said:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main([str(word) for word in argv])
        assert isinstance(stop.value.code, int)
        said = Said(stop.value.code, *capsys.readouterr())
        assert "Traceback" not in said.err
        return said

    return run


@pytest.fixture(scope="session")
def saved(small_fit, tmp_path_factory):
    """The small fit in a file."""
    return small_fit.save(tmp_path_factory.mktemp("cli") / "fit.nc")

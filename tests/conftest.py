"""Settings that have to be in place before any library is imported, and fits that tests share."""

import os
from pathlib import Path

import pytest

# One thread per numerical library: chains and test workers are the parallel part.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("MPLBACKEND", "Agg")

# Another base gives every posterior of this process other draws: `make test-seeds`.
BASE_SEED = int(os.environ.get("QQT_BASE_SEED", "0"))
SMALL = ("A", "B", "C", "A+B", "A+B+C")  # what the small study trains on


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_make_scheduler(config, log):
    """A folder of tests goes to one process, which makes its fits and reports once.

    What stands beside the folders goes by file; the pages, which take minutes, test by test.
    """
    from xdist.scheduler import LoadFileScheduling

    class ByFolder(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file, _, test = nodeid.partition("::")
            folder = file.rpartition("/")[0]
            if file == "tests/test_docs.py":
                return test.partition("[")[0]
            return file if folder == "tests" else folder

    return ByFolder(config, log)


@pytest.fixture(scope="session", autouse=True)
def base_seed():
    """Shift the seeds of importance sampling, where another base is asked for."""
    if BASE_SEED == 0:
        yield
        return
    from qqt_bayes.inference import engine

    def shifted(*given, seed, **more):
        return adapt(*given, seed=seed + BASE_SEED, **more)

    with pytest.MonkeyPatch.context() as patch:
        adapt = engine.adapt
        patch.setattr(engine, "adapt", shifted)
        yield


@pytest.fixture(scope="session")
def small_runs():
    """Three pools of the proving ground and their unions, up to 500k samples: 25 cells."""
    import qqt_bayes as qqt

    runs = qqt.datasets.load("proving_ground").select(upto="500k")
    rows = runs.table[runs.table["data"].isin(SMALL)]
    pools = runs.pools.table.head(3)[["pool", "size", "quality_rank", "family"]]
    return qqt.read_runs(rows.drop(columns="line"), pools)


@pytest.fixture(scope="session")
def small_fit(small_runs):
    """A short fit of the small study's loss."""
    import qqt_bayes as qqt

    return qqt.fit(small_runs, "loss", seed=1)


@pytest.fixture(scope="session")
def accuracy_fit(small_runs):
    """The same of accuracy: the small study's error, turned round."""
    import qqt_bayes as qqt

    rows = small_runs.select("error").table.drop(columns="line")
    rows = rows.assign(metric="accuracy", value=1 - rows["value"])
    runs = qqt.read_runs(rows, small_runs.pools)
    return qqt.fit(runs, "accuracy", seed=1)


@pytest.fixture(scope="session")
def small_stack(small_runs):
    """Both shipped laws on the small study's loss, back-tested from two origins."""
    import qqt_bayes as qqt

    return qqt.stack(small_runs, "loss", max_origins=2)


@pytest.fixture(scope="session")
def rated_fit(small_stack):
    """A fit of the exchange-rate law."""
    return small_stack.fits[1]


@pytest.fixture
def small_tables(small_runs, tmp_path: Path) -> Path:
    """A folder with the small study's runs.csv and pools.csv."""
    small_runs.table.drop(columns="line").to_csv(tmp_path / "runs.csv", index=False)
    small_runs.pools.table.to_csv(tmp_path / "pools.csv", index=False)
    return tmp_path

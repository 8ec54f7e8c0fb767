"""The same answers wherever refits are done, and whatever dies meanwhile."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qqt_bayes as qqt
from qqt_bayes.calibrate.replicate import default_study, replicate
from qqt_bayes.errors import UsageError, WorkerError
from qqt_bayes.inference.cores import chain_cores, threads
from qqt_bayes.inference.engine import sample_posterior
from qqt_bayes.inference.settings import Start
from qqt_bayes.refits import Workers, connect, refit_many

FEW = qqt.Settings(draws=200, engine="importance", values=4096)


def jobs_of(fit) -> list[tuple[Any, Start, int]]:
    """Six refits of a study: jobs with all that they need."""
    post = fit.posterior
    study = (post.design, post.priors, post.kind)
    return [(study, post.start, seed) for seed in range(6)]


def drawn(job: tuple[Any, Start, int]) -> np.ndarray:
    study, start, seed = job
    return sample_posterior(*study, seed, replace(FEW, start=start)).irreducible


def die_once(job: tuple[Path, int]) -> int:
    """The square of a number; the first to try that of 2 is killed, as by the kernel."""
    marker, number = job
    if number == 2 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    with marker.with_name(f"done-{number}-{os.getpid()}").open("a") as file:
        file.write("x")
    return number**2


def die(_job: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fail(job: int) -> int:
    if job == 1:
        raise UsageError("no good -> another")
    return job


def cores(_job: int) -> tuple[int | None, int]:
    return chain_cores(None), threads(2)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as made,
        distributed.Client(made, set_as_default=False) as client,
    ):
        yield client


def test_processes_do_as_one_does(small_fit) -> None:
    jobs = jobs_of(small_fit)
    alone, seen = refit_many(drawn, jobs), []
    beside = refit_many(drawn, jobs, workers=2, progress=lambda *n: seen.append(n))
    np.testing.assert_array_equal(np.array(alone), np.array(beside))
    assert len(np.unique([a.sum() for a in alone])) == len(jobs)
    assert seen == [(k, 6) for k in range(1, 7)]


def test_a_cluster_does_as_one_does(small_fit, cluster) -> None:
    jobs, seen = jobs_of(small_fit), []
    there = refit_many(
        drawn, jobs, workers=Workers(client=cluster), progress=lambda *n: seen.append(n)
    )
    np.testing.assert_array_equal(np.array(refit_many(drawn, jobs)), np.array(there))
    assert seen == [(k, 6) for k in range(1, 7)]


def test_a_killed_process_costs_its_own_job(tmp_path: Path) -> None:
    jobs = [(tmp_path / "killed", number) for number in range(8)]
    assert refit_many(die_once, jobs, workers=2) == [n**2 for n in range(8)]
    assert (tmp_path / "killed").exists()
    done = list(tmp_path.glob("done-*"))
    assert len(done) == 8
    assert all(path.read_text() == "x" for path in done)  # nothing was done twice


@pytest.mark.filterwarnings("ignore")
def test_a_killed_worker_of_a_cluster_is_made_up_for(tmp_path: Path, cluster) -> None:
    jobs = [(tmp_path / "killed", number) for number in range(8)]
    assert refit_many(die_once, jobs, workers=Workers(client=cluster)) == [n**2 for n in range(8)]
    assert (tmp_path / "killed").exists()


@pytest.mark.slow
def test_a_job_that_always_kills_is_told() -> None:
    with pytest.raises(WorkerError, match="memory"):
        refit_many(die, [1, 2], workers=2)


def test_what_a_job_raises_is_raised(cluster) -> None:
    for there in ({}, {"workers": 2}, {"workers": Workers(client=cluster)}):
        with pytest.raises(UsageError, match="no good"):
            refit_many(fail, [0, 1, 2], **there)


def test_open_workers_stay_open() -> None:
    with Workers(2) as crew:
        first = crew.run(cores, [0, 1])
        assert refit_many(cores, [0, 1], workers=crew) == first == [(1, 1), (1, 1)]
    assert refit_many(cores, [0]) == [(None, 2)]  # alone, a fit has all cores


def test_bad_arguments_are_told() -> None:
    with pytest.raises(UsageError, match="workers is 0"):
        refit_many(cores, [1], workers=0)
    assert refit_many(cores, []) == []
    with connect(None) as client:
        assert client is None


def test_no_scheduler_is_told() -> None:
    pytest.importorskip("distributed")
    with (
        pytest.raises(UsageError, match="no dask scheduler"),
        connect("tcp://127.0.0.1:9", timeout=0.5),
    ):
        pass


@pytest.mark.slow
def test_risk_is_the_same_on_processes(small_fit) -> None:
    alone = small_fit.risk("960k", seed=3)
    beside = small_fit.risk("960k", seed=3, workers=2)
    assert alone.text == beside.text


def test_calibration_is_the_same_on_a_cluster(cluster) -> None:
    common: dict[str, Any] = {"replications": 3, "study": default_study("loss", 2, 3)}
    alone, there = (
        replicate(workers=1, **common),
        replicate(workers=Workers(client=cluster), **common),
    )
    np.testing.assert_array_equal(alone.rank, there.rank)
    np.testing.assert_array_equal(alone.pit, there.pit)

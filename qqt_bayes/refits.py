"""Many refits: one after the other, on processes of this machine, or on a dask cluster.

Every loop over fits (back-tests, simulation-based calibration, leave-one-out, other laws, replays)
goes through :func:`refit_many`. A job carries its own seed and its result takes its own place in
the list, so that where it ran, and what finished first, cannot change an answer. A worker that dies
costs the job it was working on, which is done again. Scheduling is left to the standard library and
to dask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Self

from qqt_bayes.errors import UsageError, WorkerError
from qqt_bayes.inference.cores import one_core

DEATHS = 3  # of workers, over one job, after which the job is at fault
FAULT = (
    "a refit ended every process that was given it: killed, perhaps for want of memory "
    "-> use fewer workers or fewer draws; in a script of your own, start from under "
    "'if __name__ == \"__main__\":', for every process imports it"
)

Progress = Callable[[int, int], None]

__all__ = ["Workers", "connect", "opened", "refit_many"]


class Workers:
    """Where refits are done; open one and keep it where several batches follow each other.

    Parameters
    ----------
    workers : int
        Processes of this machine; with 1 the jobs are done in this one, chains on threads.
    client : distributed.Client, optional
        A dask cluster to use instead. Its machines need this package, and its workers one thread
        each (``dask worker --nthreads 1``) or as many as may refit at a time.

    Raises
    ------
    UsageError
        If ``workers`` is below 1.
    """

    def __init__(self, workers: int = 1, client: Any = None) -> None:
        if workers < 1:
            raise UsageError(f"workers is {workers} -> give 1 (no processes) or more")
        self.count = workers
        self.client = client
        # one executor a process: a broken pool of several would take its neighbours' jobs along
        self.idle: SimpleQueue[Executor] = SimpleQueue()
        for _ in range(workers if self.parallel and client is None else 0):
            self.idle.put(hire())

    @property
    def parallel(self) -> bool:
        """Whether jobs leave this process."""
        return self.count > 1 or self.client is not None

    def run[Job, Answer](
        self, work: Callable[[Job], Answer], jobs: Sequence[Job], progress: Progress | None = None
    ) -> list[Answer]:
        """Do every job; see :func:`refit_many`."""
        tell = progress or silent
        if self.client is not None:
            return self.run_on_cluster(work, jobs, tell)
        if not self.parallel or len(jobs) < 2:
            return run_here(work, jobs, tell)
        with ThreadPoolExecutor(self.count) as threads:
            futures = [threads.submit(self.run_apart, work, job) for job in jobs]
            try:
                for done, future in enumerate(as_completed(futures), start=1):
                    future.result()  # raises at once what a job raised
                    tell(done, len(jobs))
            except BaseException:
                threads.shutdown(wait=False, cancel_futures=True)
                raise
        return [future.result() for future in futures]

    def run_apart[Job, Answer](self, work: Callable[[Job], Answer], job: Job) -> Answer:
        """Do one job in a process of its own, as often as that process dies."""
        for _ in range(DEATHS):
            process = self.idle.get()
            try:
                return process.submit(single_core, work, job).result()
            except BrokenProcessPool:
                process.shutdown(wait=False)
                process = hire()
            finally:
                self.idle.put(process)
        raise WorkerError(FAULT)

    def run_on_cluster[Job, Answer](
        self, work: Callable[[Job], Answer], jobs: Sequence[Job], tell: Progress
    ) -> list[Answer]:
        """Do every job on the dask cluster, which gives those of a lost worker to another."""
        from distributed import KilledWorker
        from distributed import as_completed as as_finished

        futures = self.client.map(single_core, [work] * len(jobs), list(jobs), pure=False)
        finished = as_finished(futures, loop=self.client.loop, with_results=True)
        answers: dict[str, Answer] = {}
        try:
            for future, answer in finished:
                answers[future.key] = answer
                tell(len(answers), len(jobs))
        except KilledWorker as error:
            raise WorkerError(f"{FAULT}: {error}") from None
        finally:
            self.client.cancel(futures)
        return [answers[future.key] for future in futures]

    def close(self) -> None:
        """End the processes; a client is left to whoever made it."""
        while not self.idle.empty():
            self.idle.get().shutdown(cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.close()


def refit_many[Job, Answer](
    work: Callable[[Job], Answer],
    jobs: Sequence[Job],
    *,
    workers: int | Workers = 1,
    client: Any = None,
    progress: Progress | None = None,
) -> list[Answer]:
    """Do many jobs, each a refit, in whichever order and place; answers in the order of the jobs.

    Parameters
    ----------
    work : callable
        From a job to its answer; a function of a module, so that other processes find it. All
        randomness must come from the job.
    jobs : sequence
        One a refit.
    workers : int or Workers
        Processes of this machine, or workers that are open already.
    client : distributed.Client, optional
        A dask cluster to use instead.
    progress : callable, optional
        Called with the numbers of jobs done and to do.

    Raises
    ------
    UsageError
        If ``workers`` is below 1.
    WorkerError
        If a job ends its process again and again.
    """
    with opened(workers, client, len(jobs)) as crew:
        return crew.run(work, jobs, progress)


@contextmanager
def opened(
    workers: int | Workers, client: Any = None, jobs: int | None = None
) -> Iterator[Workers]:
    """Workers for a while; those that are open already stay open.

    Parameters
    ----------
    workers : int or Workers
        Processes of this machine, or workers that are open already.
    client : distributed.Client, optional
        A dask cluster to use instead.
    jobs : int, optional
        No more processes than these.
    """
    if isinstance(workers, Workers):
        yield workers
        return
    if jobs is not None and workers > 1:
        workers = min(workers, max(jobs, 1))
    with Workers(workers, client) as crew:
        yield crew


def hire() -> Executor:
    """A process that waits for work: started afresh, since one with threads cannot be forked."""
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"))


def single_core[Job, Answer](work: Callable[[Job], Answer], job: Job) -> Answer:
    """Do a job on one core: the refits beside it take the others."""
    with one_core():
        return work(job)


def run_here[Job, Answer](
    work: Callable[[Job], Answer], jobs: Sequence[Job], tell: Progress
) -> list[Answer]:
    """Do every job in this process."""
    answers = []
    for done, job in enumerate(jobs, start=1):
        answers.append(work(job))
        tell(done, len(jobs))
    return answers


def silent(_done: int, _total: int) -> None:
    """Report no progress."""


@contextmanager
def connect(address: str | None, timeout: float = 10.0) -> Iterator[Any]:
    """A client of the dask scheduler at an address; None without an address.

    Parameters
    ----------
    address : str or None
        Such as ``tcp://10.0.0.5:8786``.
    timeout : float
        Seconds to wait for an answer.

    Raises
    ------
    UsageError
        If dask.distributed is not installed, or nothing answers there.
    """
    if address is None:
        yield None
        return
    try:
        from distributed import Client
    except ImportError:
        raise UsageError(
            "--dask needs dask.distributed -> pip install 'qqt_bayes[distributed]'"
        ) from None
    try:
        client = Client(address, timeout=timeout, set_as_default=False)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"no dask scheduler at {address} ({error}) -> start one with `dask scheduler`, and "
            "workers with `dask worker ADDRESS --nthreads 1`"
        ) from None
    with client:
        yield client

"""Many refits: one after the other, on processes of this machine, or on a dask cluster.

Every loop over fits (back-tests, simulation-based calibration, leave-one-out, other laws, replays)
goes through :func:`refit_many`. A job carries its own seed and its result takes its own place in
the list, so that where it ran, and what finished first, cannot change an answer. A worker that dies
costs the job it was working on, which is done again; when this process ends, however it ends, its
workers end too. What was finished before can be taken from a file.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager, closing, contextmanager
from queue import SimpleQueue
from threading import Event
from time import sleep
from types import TracebackType
from typing import Any

from qqt_bayes.errors import UsageError, WorkerError
from qqt_bayes.finished import NO_ANSWER, Finished, fingerprint
from qqt_bayes.helper import Helper, single_core

DEATHS = 3  # of workers, over one job, after which the job is at fault
FAULT = (
    "a refit ended every process that was given it: killed, perhaps for want of memory "
    "-> use fewer workers or fewer draws; in a script of your own, start from under "
    "'if __name__ == \"__main__\":', for every process imports it"
)

Progress = Callable[[int, int], None]

__all__ = ["Workers", "connect", "opened", "refit_many"]


class Workers(AbstractContextManager["Workers"]):
    """Where refits are done; open one and keep it where several batches follow each other.

    Parameters
    ----------
    workers : int
        Processes of this machine; with 1 the jobs are done in this one.
    client : distributed.Client, optional
        A dask cluster to use instead. Its machines need this package, and its workers one thread
        each (``dask worker --nthreads 1``) or as many as may refit at a time.
    finished : Finished, optional
        Jobs done before, whose answers are taken from there; those done now are added.

    Raises
    ------
    UsageError
        If ``workers`` is below 1.
    """

    def __init__(
        self, workers: int = 1, client: Any = None, finished: Finished | None = None
    ) -> None:
        if workers < 1:
            raise UsageError(f"workers is {workers} -> give 1 (no processes) or more")
        self.count = workers
        self.client = client
        self.finished = finished
        self.idle: SimpleQueue[Helper] = SimpleQueue()
        for _ in range(workers if self.parallel and client is None else 0):
            self.idle.put(Helper())

    @property
    def parallel(self) -> bool:
        """Whether jobs leave this process."""
        return self.count > 1 or self.client is not None

    def run[Job, Answer](
        self, work: Callable[[Job], Answer], jobs: Sequence[Job], progress: Progress | None = None
    ) -> list[Answer]:
        """Do every job; see :func:`refit_many`."""
        answers: dict[int, Answer] = {}
        keys = [] if self.finished is None else [fingerprint(work, job) for job in jobs]
        for place, key in enumerate(keys):
            if self.finished is not None and (old := self.finished.get(key)) is not NO_ANSWER:
                answers[place] = old
        left = [place for place in range(len(jobs)) if place not in answers]
        with closing(self.each(work, [jobs[place] for place in left])) as arriving:
            for k, answer in arriving:
                answers[left[k]] = answer
                if self.finished is not None:
                    self.finished.add(keys[left[k]], answer)
                if progress is not None:
                    progress(len(answers), len(jobs))
        return [answers[place] for place in range(len(jobs))]

    def each[Job, Answer](
        self, work: Callable[[Job], Answer], jobs: Sequence[Job]
    ) -> Generator[tuple[int, Answer]]:
        """The answers as they come, each with the place of its job."""
        if self.client is not None:
            yield from self.on_cluster(work, jobs)
        elif not self.parallel or len(jobs) < 2:
            yield from ((place, work(job)) for place, job in enumerate(jobs))
        else:
            yield from self.beside(work, jobs)

    def beside[Job, Answer](
        self, work: Callable[[Job], Answer], jobs: Sequence[Job]
    ) -> Iterator[tuple[int, Answer]]:
        """The answers of processes beside this one, as they come."""
        threads, stopped = ThreadPoolExecutor(self.count), Event()
        busy: set[Helper] = set()
        try:
            places = {
                threads.submit(self.apart, work, job, busy, stopped): place
                for place, job in enumerate(jobs)
            }
            for future in as_completed(places):
                yield places[future], future.result()  # raises at once what a job raised
        finally:  # a job that failed, Ctrl-C, or all done
            stopped.set()
            threads.shutdown(wait=False, cancel_futures=True)
            while busy:
                for helper in list(busy):
                    helper.kill()
                sleep(0.01)
            threads.shutdown()

    def apart[Job, Answer](
        self, work: Callable[[Job], Answer], job: Job, busy: set[Helper], stopped: Event
    ) -> Answer:
        """Do one job in a process of its own, as often as that process dies."""
        for _ in range(DEATHS):
            helper = self.idle.get()
            busy.add(helper)
            try:
                if stopped.is_set():
                    break
                return helper.do(work, job)
            except EOFError:
                continue
            finally:
                busy.discard(helper)
                self.idle.put(helper)
        raise WorkerError(FAULT)

    def on_cluster[Job, Answer](
        self, work: Callable[[Job], Answer], jobs: Sequence[Job]
    ) -> Iterator[tuple[int, Answer]]:
        """The answers of a dask cluster, which gives the jobs of a lost worker to another."""
        from distributed import KilledWorker
        from distributed import as_completed as as_finished

        futures = self.client.map(single_core, [work] * len(jobs), list(jobs), pure=False)
        places = {future.key: place for place, future in enumerate(futures)}
        try:
            for future, answer in as_finished(futures, loop=self.client.loop, with_results=True):
                yield places[future.key], answer
        except KilledWorker as error:
            raise WorkerError(f"{FAULT}: {error}") from None
        finally:
            self.client.cancel(futures)

    def close(self) -> None:
        """End the processes; a client is left to whoever made it."""
        while not self.idle.empty():
            self.idle.get().drop()

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
    progress : callable, optional
        Called with the numbers of jobs done and to do.

    Raises
    ------
    UsageError
        If ``workers`` is below 1.
    WorkerError
        If a job ends its process again and again.
    """
    with opened(workers, len(jobs)) as crew:
        return crew.run(work, jobs, progress)


@contextmanager
def opened(workers: int | Workers, jobs: int | None = None) -> Iterator[Workers]:
    """Workers for a while, no more than there are jobs; those that are open already stay open."""
    if isinstance(workers, Workers):
        yield workers
        return
    if jobs is not None and workers > 1:
        workers = min(workers, max(jobs, 1))
    with Workers(workers) as crew:
        yield crew


@contextmanager
def connect(address: str | None, timeout: float = 10.0) -> Iterator[Any]:
    """A client of the dask scheduler at an address (``tcp://10.0.0.5:8786``); None without one."""
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

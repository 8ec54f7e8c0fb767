"""A process beside this one that does jobs, and ends when this one does."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from multiprocessing import get_context, parent_process, resource_tracker
from multiprocessing.connection import Connection, wait
from traceback import format_exc
from typing import Any

from qqt_bayes.inference.cores import one_core

__all__ = ["Helper", "single_core"]


def single_core[Job, Answer](work: Callable[[Job], Answer], job: Job) -> Answer:
    """Do a job on one core: the refits beside it take the others."""
    with one_core():
        return work(job)


class Helper:
    """A process that waits for jobs: started at its first, and anew where it died.

    It is started afresh, since a process with threads cannot be forked.
    """

    def __init__(self) -> None:
        self.process: Any = None
        self.line: Any = None

    def start(self) -> None:
        """Start the process, deaf to Ctrl-C, which is this process's to attend to."""
        context = get_context("spawn")
        resource_tracker.ensure_running()  # whose start would undo what comes now
        self.line, there = context.Pipe()
        self.process = context.Process(target=serve, args=(there,), daemon=True)
        before = None
        if hasattr(signal, "pthread_sigmask"):  # what is started inherits what it is deaf to
            before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self.process.start()
        finally:
            there.close()  # else the end of the process would not end the line
            if before is not None:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def do[Job, Answer](self, work: Callable[[Job], Answer], job: Job) -> Answer:
        """Do a job and wait for its answer; EOFError says that the process died over it."""
        if self.process is None:
            self.start()
        try:
            self.line.send((work, job))
            done, answer = self.line.recv()
        except (EOFError, OSError):
            self.drop()
            raise EOFError from None
        if not done:
            raise answer
        return answer

    def kill(self) -> None:
        """End the process, whatever it is doing; whoever waits for its answer is told."""
        process = self.process
        if process is not None:
            process.kill()

    def drop(self) -> None:
        """End the process and forget it."""
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.line.close()
        self.process = self.line = None


def serve(line: Connection) -> None:
    """Do jobs until there are no more; what the process runs."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=end_with_parent, daemon=True).start()
    while True:
        try:
            work, job = line.recv()
        except (EOFError, OSError):
            return
        try:
            answer = True, single_core(work, job)
        except Exception as error:
            error.add_note(f"In a worker:\n{format_exc()}")
            answer = False, error
        try:
            line.send(answer)
        except (BrokenPipeError, ConnectionError):
            return
        except Exception as error:  # an answer, or an error, that cannot be sent
            line.send((False, RuntimeError(f"{type(error).__name__}: {error}")))


def end_with_parent() -> None:
    """End this process as soon as the one that started it is gone, killed or not."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)

"""How many cores one fit may use: all, or one where many are fitted side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from functools import cache

from threadpoolctl import ThreadpoolController

LIMIT: ContextVar[int | None] = ContextVar("cores", default=None)
MOST = 2  # threads: linear algebra of small matrices gains little from more
NUMBERS = 300_000  # in one array of a chunk: 2 MB, which a processor's cache holds
FEW, ROOM = 16, 4_000_000  # draws that share what is read for all of them, and what they may take

__all__ = ["chain_cores", "in_chunks", "one_core", "threads"]


@contextmanager
def one_core() -> Iterator[None]:
    """Keep everything fitted inside to one core; no answer depends on it."""
    token = LIMIT.set(1)
    try:
        yield
    finally:
        LIMIT.reset(token)


def threads(most: int) -> int:
    """So many threads, or fewer where the cores are shared."""
    limit = LIMIT.get()
    return most if limit is None else min(most, limit)


def chain_cores(wanted: int | None) -> int | None:
    """Chains walked at a time: as wanted (None: as many as there are cores), unless shared."""
    limit = LIMIT.get()
    return wanted if limit is None else limit


def in_chunks[Made](work: Callable[[slice], Made], draws: int, each: int) -> list[Made]:
    """Work on slices of so many draws, in their order, so that no temporary array gets large.

    ``work``: given a slice of the draws; ``draws``: how many there are; ``each``: numbers in the
    largest array for one draw.
    """
    each = max(each, 1)
    fitting = max(NUMBERS // each, min(FEW, ROOM // each), 1)
    size = min(fitting, -(-draws // MOST))
    chunks = [slice(b, min(b + size, draws)) for b in range(0, draws, size)]
    # the libraries' own threads only get in each other's way where matrices are small
    with libraries().limit(limits=1, user_api="blas"):
        if threads(MOST) == 1 or len(chunks) < 2:
            return [work(chunk) for chunk in chunks]
        # NumPy lets go of the interpreter in its loops, so that threads work side by side
        with ThreadPoolExecutor(MOST) as pool:
            return list(pool.map(lambda c: copy_context().run(work, c), chunks))


@cache
def libraries() -> ThreadpoolController:
    """The libraries of linear algebra that are loaded."""
    return ThreadpoolController()

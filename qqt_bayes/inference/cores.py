"""How many cores one fit may use: all, or one where many are fitted side by side."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

LIMIT: ContextVar[int | None] = ContextVar("cores", default=None)

__all__ = ["chain_cores", "one_core", "threads"]


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

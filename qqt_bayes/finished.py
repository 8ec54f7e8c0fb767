"""Finished jobs in a file of JSON lines, so that a long run can go on where it was stopped.

A job is known by a hash of all that it holds, of what is done with it and of the version of this
package: another seed, row or setting is another job. Only plain data go in and come out.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from qqt_bayes import __version__
from qqt_bayes.errors import UsageError
from qqt_bayes.files import check_parent

HEAD = {"schema": 1, "program": "qqt_bayes", "holds": "finished jobs"}
ARRAYS = "biufUO"  # kinds of arrays that are kept; of objects, what they hold must be plain
NO_ANSWER = object()

__all__ = ["NO_ANSWER", "Finished", "fingerprint", "packed", "unpacked"]


class Finished:
    """Answers of jobs that are done, in a file that grows by a line a job."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        check_parent(self.path)
        self.answers: dict[str, Any] = {}
        if self.path.exists() and not self.path.is_file():
            raise UsageError(f"{path} is not a file -> name one for the jobs that are finished")
        if self.path.is_file() and self.path.stat().st_size:
            self.read()
        else:
            self.append(HEAD)

    def read(self) -> None:
        """Read what is there; a line that was cut off by an interruption counts for nothing."""
        with self.path.open(encoding="utf-8", errors="replace") as file:
            lines = list(parsed(file))
        if not lines or lines[0] != HEAD:
            raise UsageError(
                f"{self.path} does not hold finished jobs of this version -> name another file"
            )
        for line in lines[1:]:
            if isinstance(line, dict) and isinstance(line.get("job"), str) and "answer" in line:
                self.answers[line["job"]] = line["answer"]
        if not self.path.read_bytes().endswith(b"\n"):
            with self.path.open("a", encoding="utf-8") as file:
                file.write("\n")

    def get(self, key: str) -> Any:
        """The answer of a job, or :data:`NO_ANSWER`."""
        try:
            return unpacked(self.answers[key]) if key in self.answers else NO_ANSWER
        except Exception:  # edited by hand, whatever numpy and pandas make of it: done again
            return NO_ANSWER

    def add(self, key: str, answer: Any) -> None:
        """Keep the answer of a job, on disk before anything else is done."""
        self.answers[key] = packed(answer)
        self.append({"job": key, "answer": self.answers[key]})

    def append(self, line: dict[str, Any]) -> None:
        """Write one line."""
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line, allow_nan=False) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise UsageError(f"cannot write {self.path}: {error.strerror or error}") from None


def parsed(lines: Iterator[str]) -> Iterator[Any]:
    """The lines that are JSON."""
    for line in lines:
        try:
            yield json.loads(line)
        except (ValueError, RecursionError):
            continue


def fingerprint(work: Callable[..., Any], job: Any) -> str:
    """A hash of a job, what is done with it, and the version of this package."""
    content = packed((__version__, work, job), named)
    return hashlib.sha256(json.dumps(content, allow_nan=False).encode()).hexdigest()


def packed(value: Any, strange: Callable[[Any], Any] | None = None) -> Any:
    """An answer as JSON holds it; what JSON does not know is named by its kind.

    `strange` tells what is no plain data, which is refused without it: it is not there again.
    """
    match value:
        case None | bool() | str():
            return value
        case np.generic():
            return packed(value.item(), strange)
        case int():
            return value
        case float():
            return value if math.isfinite(value) else {"float": str(value)}
        case list():
            return [packed(held, strange) for held in value]
        case tuple():
            return {"tuple": [packed(held, strange) for held in value]}
        case np.ndarray() if value.dtype.kind in ARRAYS:
            held = packed(value.ravel().tolist(), strange)
            return {"array": [value.dtype.str, list(value.shape), held]}
        case pd.DataFrame():
            columns = [
                [str(name), str(value[name].dtype), packed(value[name].tolist(), strange)]
                for name in value.columns
            ]
            return {"table": columns, "rows": len(value)}
        case dict():
            return {"dict": [[packed(k, strange), packed(v, strange)] for k, v in value.items()]}
    if strange is None:
        raise TypeError(f"an answer holds {type(value).__name__}, which cannot be kept as JSON")
    return {type(value).__name__: strange(value)}


def named(value: Any) -> Any:
    """What a job holds beside plain data, as content that two processes see alike."""
    match value:
        case bytes():
            return value.hex()
        case Path():
            return str(value)
        case Enum():
            return value.name
        case set() | frozenset():
            return sorted(json.dumps(packed(held, named)) for held in value)
        case Mapping():
            return packed(dict(value), named)
        case _ if value is pd.NA or value is pd.NaT:
            return None
        case _ if callable(value) and hasattr(value, "__qualname__"):
            return f"{value.__module__}.{value.__qualname__}"
        case _ if is_dataclass(value):
            return packed({item.name: getattr(value, item.name) for item in fields(value)}, named)
    raise TypeError(f"a job holds {type(value).__name__}, which has no plain content")


def unpacked(value: Any) -> Any:
    """What :func:`packed` was given."""
    match value:
        case list():
            return [unpacked(held) for held in value]
        case {"float": str(text)}:
            return float(text)
        case {"tuple": list(held)}:
            return tuple(unpacked(v) for v in held)
        case {"array": [str(kind), list(shape), list(held)]}:
            return np.array([unpacked(v) for v in held], dtype=np.dtype(kind)).reshape(shape)
        case {"table": list(columns), "rows": int(rows)}:
            index = range(len(range(rows)))  # no more than a table can have
            made = {
                name: pd.Series([unpacked(v) for v in held], dtype=kind, index=index)
                for name, kind, held in columns
            }
            return pd.DataFrame(made, index=index)
        case {"dict": list(pairs)}:
            return {unpacked(k): unpacked(v) for k, v in pairs}
        case dict():
            raise ValueError("not one of the kinds that are kept")
    return value

"""Writing a folder so that a failure leaves nothing half-written."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qqt_bayes.errors import UsageError

__all__ = ["check_folder", "staged"]


def check_folder(out: Path) -> Path:
    """Check a folder to write into before any work is done for it.

    Raises
    ------
    UsageError
        If it is a file, or there is no folder to make it in.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file -> name a folder, which is made if it does not exist")
    if not out.resolve().parent.is_dir():
        raise UsageError(f"no such folder: {out.parent} -> make it first, or write elsewhere")
    return out


@contextmanager
def staged(out: Path) -> Iterator[Path]:
    """A temporary folder beside `out`; once the block is done, its files replace those of `out`.

    Nothing of `out` is touched before all files are complete, and files of other names stay.

    Raises
    ------
    UsageError
        If nothing can be written there.
    """
    out = check_folder(out).resolve()
    try:
        part = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".part", dir=out.parent))
    except OSError as error:
        raise UsageError(f"cannot write beside {out}: {error.strerror or error}") from None
    try:
        yield part
        for path in sorted(p for p in part.rglob("*") if p.is_file()):
            target = out / path.relative_to(part)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, target)
    except OSError as error:
        raise UsageError(f"cannot write {out}: {error.strerror or error}") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)

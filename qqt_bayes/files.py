"""Everything that is written: checked before any work, staged under another name, then renamed.

A failure, a full disk or Ctrl-C leaves the old file as it was and nothing beside it. What this
package did not write itself is replaced only by request, and an input never.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from qqt_bayes._text import listed
from qqt_bayes.errors import UsageError

MARK = b"qqt_bayes"  # in every picture, page and fit that this package writes
JSON = b'{\n  "schema": '  # how its JSON objects begin
PICTURES = (".png", ".pdf", ".svg")

__all__ = ["PICTURES", "check_file", "check_folder", "replacing", "staged", "write_bytes",
           "write_text"]  # fmt: skip


def check_file(
    out: Path,
    suffixes: Iterable[str],
    *,
    inputs: Iterable[Path | None] = (),
    header: tuple[str, ...] = (),
    force: bool = False,
) -> Path:
    """Check a file to write before any work is done for it: its name, its folder, what is there.

    An input is never replaced; without `force` only what this package wrote is: a table where its
    first line begins like one of `header`.
    """
    out, suffixes = Path(out), tuple(suffixes)
    if out.suffix.lower() not in suffixes:
        raise UsageError(f"'{out}' -> give it a name that ends in {' or '.join(suffixes)}")
    check_parent(out)
    if not out.exists():
        return out
    if out.is_dir():
        raise UsageError(f"{out} is a folder -> name a file")
    if any(path is not None and path.exists() and out.samefile(path) for path in inputs):
        raise UsageError(f"{out} is an input of this command -> write elsewhere")
    if not force and not is_ours(out, header):
        raise UsageError(
            f"{out} is there already, and was not written by this command "
            "-> write elsewhere, or add --force to replace it"
        )
    return out


def check_parent(out: Path) -> None:
    """Check the folder that something is to be written in."""
    folder = target_of(out).parent
    if not folder.is_dir():
        raise UsageError(f"no such folder: {out.parent} -> make it first, or write elsewhere")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"no file can be written in {out.parent} -> write elsewhere")


def is_ours(path: Path, header: tuple[str, ...] = ()) -> bool:
    """Whether a file was written by this package, going by its content."""
    if not path.is_file():
        return False
    content = path.read_bytes()
    if not content:
        return True
    match path.suffix.lower():
        case ".csv":
            return content.startswith(tuple(text.encode() for text in header))
        case ".json":
            return content.startswith(JSON)
        case ".nc":
            return content.startswith(b"\x89HDF") and b"qqt_schema" in content
    return MARK in content


def target_of(out: Path) -> Path:
    """Where a file really is: what a link points to is replaced, not the link."""
    return Path(os.path.realpath(out))


@contextmanager
def replacing(out: str | Path) -> Iterator[Path]:
    """A name to write a file under; once the block is done it takes the place of `out`."""
    target = target_of(Path(out))
    sweep(target)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        yield part
        with part.open("rb+") as file:  # a disk may be full only when it is written to
            os.fsync(file.fileno())
        part.replace(target)
    except OSError as error:
        raise UsageError(f"cannot write {out}: {error.strerror or error}") from None
    finally:
        with suppress(OSError):
            part.unlink()


def sweep(target: Path) -> None:
    """Remove what a process that was killed left beside a file."""
    left = re.compile(re.escape(f".{target.name}.") + r"(\d+)(\.\w+)?\.part")
    with suppress(OSError):  # a courtesy, which stops nothing
        for path in target.parent.iterdir():
            found = left.fullmatch(path.name)
            if found is None or alive(int(found[1])):
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def alive(process: int) -> bool:
    """Whether a process of this number is running here; if that cannot be told, yes."""
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def write_bytes(out: str | Path, data: bytes) -> None:
    """Write a file in one go; see :func:`replacing`."""
    with replacing(out) as part:
        part.write_bytes(data)


def write_text(out: str | Path, text: str) -> None:
    """Write a text in one go, in UTF-8; see :func:`replacing`."""
    write_bytes(out, text.encode("utf-8"))


def check_folder(
    out: Path, names: Iterable[str] = (), mark: str | None = None, *, force: bool = False
) -> Path:
    """Check a folder to write into before any work is done for it; it is made if it does not exist.

    Files of these names that are there are replaced by `force`, or where the file `mark` tells that
    this package wrote the folder.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file -> name a folder, which is made if it does not exist")
    check_parent(out)
    if not out.is_dir():
        return out
    if not os.access(out, os.W_OK | os.X_OK):
        raise UsageError(f"no file can be written in {out} -> write elsewhere")
    there = [name for name in names if (out / name).exists()]
    if there and not force and not (mark is not None and is_ours(out / mark)):
        raise UsageError(
            f"{out} holds {listed(there, 3)}, not written by this "
            "command -> write elsewhere, or add --force to replace them"
        )
    return out


@contextmanager
def staged(out: Path) -> Iterator[Path]:
    """A temporary folder beside `out`; once the block is done, its files replace those of `out`.

    Nothing of `out` is touched before all files are complete, and files of other names stay.
    """
    out = target_of(check_folder(out))
    sweep(out)
    prefix, part = f".{out.name}.{os.getpid()}.", None
    try:
        part = Path(tempfile.mkdtemp(prefix=prefix, suffix=".part", dir=out.parent))
        yield part
        for path in sorted(p for p in part.rglob("*") if p.is_file()):
            target = out / path.relative_to(part)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, target)
    except OSError as error:
        raise UsageError(f"cannot write {out}: {error.strerror or error}") from None
    finally:
        if part is not None:
            shutil.rmtree(part, ignore_errors=True)

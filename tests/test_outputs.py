"""What is written is checked before, replaces nothing foreign, and is whole or not there at all."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from qqt_bayes.errors import UsageError
from qqt_bayes.files import check_file, check_folder, replacing, staged, write_bytes, write_text


def there(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def full(*_args, **_options):
    raise OSError(errno.ENOSPC, "No space left on device")


def raising() -> None:
    raise KeyboardInterrupt


def write_half(path: Path, fail) -> None:
    with replacing(path) as part:
        part.write_bytes(b"half")
        fail()


@pytest.mark.parametrize("content", [b"", b'{\n  "schema": 1}'])
def test_its_own_files_are_replaced(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    assert check_file(tmp_path / "a.json", (".json",)) == tmp_path / "a.json"


OURS = {
    "a.png": b"\x89PNG...Software\0qqt_bayes", "a.svg": b"<svg>qqt_bayes</svg>",
    "a.nc": b"\x89HDF....qqt_schema", "a.csv": b"samples,data,best\n1,A,x\n",
}  # fmt: skip
FOREIGN = {
    "a.png": b"\x89PNG holiday", "a.svg": b"<svg/>", "a.nc": b"\x89HDF other",
    "a.csv": b"run,data,samples\n", "a.json": b"{}", "a.pdf": b"%PDF thesis",
}  # fmt: skip


@pytest.mark.parametrize("name", OURS)
def test_a_file_of_this_package_is_known(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(OURS[name])
    check_file(tmp_path / name, (Path(name).suffix,), header=("samples,data,",))


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_file_is_replaced_by_request_only(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(FOREIGN[name])
    with pytest.raises(UsageError, match="add --force to replace it"):
        check_file(path, (path.suffix,), header=("samples,data,",))
    check_file(path, (path.suffix,), force=True)


def test_an_input_is_never_replaced(tmp_path: Path) -> None:
    table = tmp_path / "runs.csv"
    table.write_text("run,data\n")
    (tmp_path / "link.csv").symlink_to(table)
    for out in (table, tmp_path / "link.csv", tmp_path / ".." / tmp_path.name / "runs.csv"):
        with pytest.raises(UsageError, match="is an input of this command"):
            check_file(out, (".csv",), inputs=(None, table), force=True)


def test_where_nothing_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        check_file(tmp_path / "no" / "a.csv", (".csv",))
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(UsageError, match="is a folder"):
        check_file(tmp_path / "a.csv", (".csv",))
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(UsageError, match="no file can be written in"):
        check_file(tmp_path / "b.csv", (".csv",))
    with pytest.raises(UsageError, match="no file can be written in"):
        check_folder(tmp_path / "new")


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.csv"
    write_text(path, "old\n")
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(UsageError, match="No space left"):
            write_text(path, "new\n")
    for error, seen in ((full, UsageError), (raising, KeyboardInterrupt)):
        with pytest.raises(seen):
            write_half(path, error)
    assert path.read_text() == "old\n"
    assert there(tmp_path) == ["a.csv"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    write_bytes(tmp_path / "link.csv", b"new")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_text() == "new"


KILLED = """
import os, signal
from pathlib import Path
from qqt_bayes.files import replacing, staged
with replacing(Path("a.csv")) as part, staged(Path("report")) as folder:
    part.write_bytes(b"half")
    (folder / "page.html").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_is_swept(tmp_path: Path) -> None:
    write_text(tmp_path / "a.csv", "old")
    (tmp_path / ".a.csv.notes.part").write_text("somebody else's")
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", KILLED], cwd=tmp_path, check=False, env=env)
    assert done.returncode == -signal.SIGKILL
    assert len(there(tmp_path)) == 4
    assert (tmp_path / "a.csv").read_text() == "old"
    write_text(tmp_path / "a.csv", "new")
    with staged(tmp_path / "report") as part:
        (part / "page.html").write_text("whole")
    assert there(tmp_path) == [".a.csv.notes.part", "a.csv", "report"]
    assert (tmp_path / "report" / "page.html").read_text() == "whole"


def test_a_folder_with_foreign_files(tmp_path: Path) -> None:
    out = tmp_path / "out"
    check_folder(out, ("page.html",), "page.html")
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    check_folder(out, ("page.html",), "page.html")
    (out / "page.html").write_text("mine")
    with pytest.raises(UsageError, match=r"holds page\.html, not written by this command"):
        check_folder(out, ("page.html",), "page.html")
    check_folder(out, ("page.html",), "page.html", force=True)
    (out / "page.html").write_text("<meta content=qqt_bayes>")
    check_folder(out, ("page.html", "notes.txt"), "page.html")


def test_a_running_process_keeps_its_part(tmp_path: Path) -> None:
    with replacing(tmp_path / "a.csv") as part:
        part.write_bytes(b"1")
        begun = time.monotonic()
        with replacing(tmp_path / "b.csv") as other:
            other.write_bytes(b"2")
        assert part.exists()
    assert time.monotonic() - begun < 5
    assert there(tmp_path) == ["a.csv", "b.csv"]

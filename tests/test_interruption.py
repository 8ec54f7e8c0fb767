"""Stopped anywhere, by anything: no half file, no litter, the right code, no work done twice."""

import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from qqt_bayes.errors import UsageError
from qqt_bayes.files import staged, write_text
from qqt_bayes.finished import Finished

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and limits of POSIX")

# --- a fault at each single operation on files --------------------------------------------------

TOUCHING = ("open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.listdir", "os.scandir")
KINDS = {"full disk": (OSError, 28, "No space left on device"), "Ctrl-C": (KeyboardInterrupt,)}


class Faults:
    """Makes one operation on files fail: an audit hook, which cannot be removed, only silenced."""

    def __init__(self) -> None:
        self.left, self.error = -1, BaseException()
        sys.addaudithook(self)

    def __call__(self, event: str, _args: object) -> None:
        if self.left >= 0 and event in TOUCHING:
            self.left -= 1
            if self.left < 0:
                raise self.error

    def at(self, place: int, error: BaseException, work: Callable[[], object]) -> bool:
        """Do some work with a fault at this operation of it; returns whether it came so far."""
        self.left, self.error = place, error
        try:
            work()
        except (UsageError, KeyboardInterrupt):
            assert self.left < 0
        reached, self.left = self.left < 0, -1
        return reached


FAULTS = Faults()


def write_file(folder: Path) -> None:
    write_text(folder / "a.csv", "new")


def write_folder(folder: Path) -> None:
    with staged(folder / "report") as part:
        for name in ("a.csv", "b.csv"):
            (part / name).write_text("new")


def append(folder: Path) -> None:
    Finished(folder / "jobs.jsonl").add("job", [1, 2])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("work", [write_file, write_folder, append])
def test_a_fault_at_every_operation(tmp_path: Path, work, kind: str) -> None:
    """The old content or the new one, whole; and the next attempt tidies up and succeeds."""
    for place in range(40):
        folder = tmp_path / str(place)
        (folder / "report").mkdir(parents=True)
        old = ["a.csv", "report/a.csv", "report/b.csv"]
        for name in old:
            (folder / name).write_text("old")
        error = KINDS[kind][0](*KINDS[kind][1:])
        reached = FAULTS.at(place, error, lambda folder=folder: work(folder))
        assert {(folder / name).read_text() for name in old} <= {"old", "new"}
        work(folder)
        seen = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
        # what could not be removed is named for what it is
        assert {name for name in seen if ".part" not in name} - {"jobs.jsonl"} == set(old)
        if work is append:
            assert Finished(folder / "jobs.jsonl").get("job") == [1, 2]
        if not reached:
            assert place > 0
            return
    pytest.fail("never ran to the end")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.999])
def test_a_fit_on_a_full_disk(small_fit, tmp_path: Path, share: float) -> None:
    """A real limit: the HDF5 library once crashed the interpreter here."""
    size = small_fit.save(tmp_path / "fit.nc").stat().st_size
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(share * size), before[1]))
    try:
        with pytest.raises(UsageError, match=r"cannot write .*: File too large"):
            small_fit.save(tmp_path / "fit.nc")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [(p.name, p.stat().st_size) for p in tmp_path.iterdir()] == [("fit.nc", size)]


# --- whole commands, stopped by real signals ----------------------------------------------------

LONG = {
    "replay": ("replay", "runs.csv", "--metric", "loss", "--target", "480k", "--starts", "3",
               "--policies", "none,random", "-o", "done.csv"),
    "calibrate": ("calibrate", "runs.csv", "--metric", "loss", "--methods", "power_law,conformal",
                  "-o", "done.csv"),
    "sbc": ("sbc", "--replications", "4", "--draws", "100"),
}  # fmt: skip
PACE = re.compile(r"[0-9.]+ s a refit")
CODES = {"SIGINT": 130, "SIGTERM": 143, "SIGKILL": -9}


def start(folder: Path, *words: str, **variables: str) -> subprocess.Popen[str]:
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | variables
    return subprocess.Popen(
        [sys.executable, "-m", "qqt_bayes", *words], cwd=folder, env=env, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def jobs(folder: Path) -> list[str]:
    path = folder / "jobs.jsonl"
    return path.read_text().splitlines()[1:] if path.exists() else []


@pytest.mark.slow
@pytest.mark.parametrize("name", CODES)
@pytest.mark.parametrize("command", LONG)
def test_finished_work_is_used_on_restart(small_tables: Path, command: str, name: str) -> None:
    words = (*LONG[command], "--resume", "jobs.jsonl", "--workers", "1")
    before = {path.name for path in small_tables.iterdir()}
    with start(small_tables, *words) as process:
        while not jobs(small_tables):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(getattr(signal, name))
        _, told = process.communicate(timeout=60)
    assert process.returncode == CODES[name]
    assert "Traceback" not in told
    assert {path.name for path in small_tables.iterdir()} == {*before, "jobs.jsonl"}
    kept = [line for line in jobs(small_tables) if line.endswith("}")]
    with start(small_tables, *words) as process:
        again, told = process.communicate(timeout=600)
    assert process.returncode == 0, told
    assert jobs(small_tables)[: len(kept)] == kept
    assert len(set(jobs(small_tables))) == len(jobs(small_tables)) > len(kept)
    (small_tables / "jobs.jsonl").unlink()
    (small_tables / "done.csv").unlink(missing_ok=True)
    with start(small_tables, *words) as process:
        undisturbed = process.communicate(timeout=600)[0]
    assert PACE.sub("", undisturbed) == PACE.sub("", again)


@pytest.mark.slow
@pytest.mark.parametrize("name", CODES)
@pytest.mark.parametrize("wait", [0.3, 1.0, 2.0, 3.0, 5.0, 8.0])
def test_a_report_is_whole_or_not_there(
    small_tables: Path, small_fit, name: str, wait: float
) -> None:
    small_fit.save(small_tables / "fit.nc")
    before = {path.name for path in small_tables.iterdir()}
    words = ("report", "fit.nc", "--budgets", "480k", "--risk", "none", "-o", "out")
    with start(small_tables, *words) as process:
        time.sleep(wait)
        process.send_signal(getattr(signal, name))
        _, told = process.communicate(timeout=120)
    assert process.returncode in (0, CODES[name], -getattr(signal, name))
    assert "Traceback" not in told
    left = {path.name for path in small_tables.iterdir()} - before
    if name == "SIGKILL":
        left = {name for name in left if not name.endswith(".part")}
    assert left <= {"out"}
    assert ("out" in left) == (small_tables / "out" / "report.html").exists()


@pytest.mark.slow
def test_two_first_uses_at_once_without_a_home(small_tables: Path, small_fit) -> None:
    """/proc takes no file of anybody, root included."""
    small_fit.save(small_tables / "fit.nc")
    words = ("decide", "fit.nc", "--budgets", "480k", "--plot")
    nowhere = dict.fromkeys(("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "MPLCONFIGDIR"), "/proc")
    both = [start(small_tables, *words, f"{k}.png", **nowhere) for k in range(2)]
    said = [process.communicate(timeout=300) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert said[0][0].replace("0.png", "") == said[1][0].replace("1.png", "")

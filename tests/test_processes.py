"""Workers end with the process that started them, and Ctrl-C ends all of them at once."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from qqt_bayes.errors import UsageError
from qqt_bayes.refits import refit_many

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")

SCRIPT = """
import os, signal, sys, time
from pathlib import Path
from qqt_bayes.cli.main import explain
from qqt_bayes.refits import refit_many

def work(seconds):
    Path(f"worker-{os.getpid()}").touch()
    end = time.monotonic() + seconds
    while time.monotonic() < end:  # busy, as a fit is
        sum(range(1000))
    return seconds

if __name__ == "__main__":
    # a shell that starts tests in the background has them ignore Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        refit_many(work, [60.0] * 4, workers=2)
    except BaseException as error:
        sys.exit(explain(error, False))
"""


def started(folder: Path) -> subprocess.Popen:
    """A process whose two workers are at work."""
    script = folder / "script.py"
    script.write_text(SCRIPT)
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, str(script)], cwd=folder, env=env, start_new_session=True,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    wait_for(lambda: len(workers(folder)) == 2, 120)
    return process


def workers(folder: Path) -> list[int]:
    return [int(path.name.partition("-")[2]) for path in folder.glob("worker-*")]


def running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_for(holds, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM"])
def test_no_orphans(tmp_path: Path, name: str) -> None:
    with started(tmp_path) as process:
        process.send_signal(getattr(signal, name))
        process.wait(10)
    wait_for(lambda: not any(map(running, workers(tmp_path))), 10)


def test_ctrl_c_ends_all_at_once(tmp_path: Path) -> None:
    with started(tmp_path) as process:
        begun = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: workers get it too
        _, told = process.communicate(timeout=50)  # the work would take two minutes
    assert process.returncode == 130
    assert time.monotonic() - begun < 50
    assert told == "qqt: stopped\n"
    wait_for(lambda: not any(map(running, workers(tmp_path))), 10)


def slow_or_bad(job: int) -> int:
    if job == 0:
        raise UsageError("no good -> another")
    time.sleep(60)
    return job


def test_a_job_that_fails_does_not_wait_for_the_others() -> None:
    begun = time.monotonic()
    with pytest.raises(UsageError, match="no good") as refusal:
        refit_many(slow_or_bad, [1, 0, 2], workers=2)
    assert time.monotonic() - begun < 45
    assert "In a worker" in "".join(refusal.value.__notes__)

"""Jobs that are finished are not done again; another job is another job."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from qqt_bayes.errors import UsageError
from qqt_bayes.finished import NO_ANSWER, Finished, fingerprint, packed, unpacked
from qqt_bayes.refits import Workers


@dataclass(frozen=True)
class Job:
    table: pd.DataFrame
    numbers: np.ndarray
    folder: Path
    seed: int
    names: tuple[str, ...] = ("A", "B")


def job(folder: Path, seed: int = 1) -> Job:
    table = pd.DataFrame({"data": ["A", None], "value": [1.0, np.nan], "flag": [True, False]})
    return Job(table, np.arange(4.0), folder, seed)


def work(given: Job) -> dict:
    """What a job answers; each call leaves a mark."""
    with (given.folder / "marks").open("a") as file:
        file.write(f"{given.seed}\n")
    if given.seed == 13:
        raise UsageError("no good -> another")
    table = pd.DataFrame({"seed": [given.seed, 2], "share": [0.1, np.inf], "of": ["A", "B"]})
    return {"table": table, "rank": np.array([given.seed, 7]), "names": ("x", "y"),
            "p": np.float64(1) / 3, "ok": np.bool_(True), "none": None}  # fmt: skip


def other(given: Job) -> int:
    return given.seed


def marks(folder: Path) -> list[int]:
    path = folder / "marks"
    return sorted(map(int, path.read_text().split())) if path.exists() else []


def alike(a: dict, b: dict) -> None:
    pd.testing.assert_frame_equal(a["table"], b["table"])
    np.testing.assert_array_equal(a["rank"], b["rank"])
    assert a["rank"].dtype == b["rank"].dtype
    keys = ("names", "p", "ok", "none")
    assert [a[k] for k in keys] == [b[k] for k in keys]


def test_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "jobs.jsonl"
    plain = Workers().run(work, [job(tmp_path, s) for s in range(4)])
    (tmp_path / "marks").unlink()
    with pytest.raises(UsageError, match="no good"):
        Workers(finished=Finished(path)).run(work, [job(tmp_path, s) for s in (0, 1, 13, 2)])
    assert marks(tmp_path) == [0, 1, 13]
    seen = []
    made = Workers(finished=Finished(path)).run(
        work, [job(tmp_path, s) for s in range(4)], lambda *n: seen.append(n)
    )
    assert marks(tmp_path) == [0, 1, 2, 3, 13]  # 0 and 1 were not done again
    assert seen == [(3, 4), (4, 4)]
    for a, b in zip(plain, made, strict=True):
        alike(a, b)


def test_a_line_cut_off_counts_for_nothing(tmp_path: Path) -> None:
    path = tmp_path / "jobs.jsonl"
    Workers(finished=Finished(path)).run(work, [job(tmp_path, s) for s in range(3)])
    for cut in (1, 5, 40):
        text = path.read_bytes()
        path.write_bytes(text[: -cut - 1])
        Workers(finished=Finished(path)).run(work, [job(tmp_path, s) for s in range(3)])
    assert marks(tmp_path) == [0, 1, 2, 2, 2, 2]
    for line in path.read_text().splitlines()[-1:]:
        assert set(json.loads(line)) == {"job", "answer"}


def test_what_makes_another_job(tmp_path: Path) -> None:
    base = job(tmp_path)
    changed = base.table.copy()
    changed.loc[0, "value"] = np.nextafter(1.0, 2.0)
    keys = {
        fingerprint(work, base), fingerprint(other, base),
        fingerprint(work, replace(base, seed=2)), fingerprint(work, replace(base, table=changed)),
        fingerprint(work, replace(base, numbers=np.arange(4))),
        fingerprint(work, replace(base, numbers=np.arange(4.0).reshape(2, 2))),
        fingerprint(work, replace(base, names=("AB",))),
        fingerprint(work, replace(base, names=("A", "B", ""))),
    }  # fmt: skip
    assert len(keys) == 8
    assert fingerprint(work, job(tmp_path)) == fingerprint(work, base)
    with pytest.raises(TypeError, match="no plain content"):
        fingerprint(work, object())
    with pytest.raises(TypeError, match="cannot be kept"):
        packed(object())


@pytest.mark.parametrize("text", ["", "x", "{}\n", "[1]\n", '{"schema": 2}\n'])
def test_other_files_stay_as_they_are(tmp_path: Path, text: str) -> None:
    path = tmp_path / "jobs.jsonl"
    path.write_text(text)
    if text:
        with pytest.raises(UsageError, match="does not hold finished jobs"):
            Finished(path)
        assert path.read_text() == text
    else:
        assert Finished(path).get("x") is NO_ANSWER


@pytest.mark.parametrize("answer", [{"odd": 1}, {"array": ["<f8", [2], [1]]}, {"float": "x"}])
def test_an_answer_edited_by_hand_is_done_again(tmp_path: Path, answer) -> None:
    path = tmp_path / "jobs.jsonl"
    kept = Finished(path)
    kept.append({"job": "k", "answer": answer})
    assert Finished(path).get("k") is NO_ANSWER
    with pytest.raises((ValueError, TypeError)):
        unpacked(answer)

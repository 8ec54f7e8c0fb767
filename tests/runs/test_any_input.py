"""Whatever is handed in is read as written or refused in words: no traceback, nothing misread."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qqt_bayes.errors import InputError, UsageError
from qqt_bayes.runs import parse_mixture, parse_number, read_pools, read_runs
from qqt_bayes.runs.importers import import_runs

FAST = settings(max_examples=150, deadline=None)
FILES = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
POOLS = read_pools({"A": 100, "B": 300, "Web": np.inf, "U": "1k..2k"})
NUMBERS = st.sampled_from(
    ["", "1", "0", "-1", "480k", "1.28B", "30.000", "480,000", "2,5", "1e5", "nan", "inf", "72%",
     "1e99999999999", "0e99999999999", "1..2", "1B..2B", "x", "١٢", "1_000", "--3", "1e300", ".5"]
)  # fmt: skip
WORDS = st.one_of(
    NUMBERS, st.text(max_size=8),
    st.sampled_from(["A", "A+B", "A:0.7+B:0.3", "A:0.5+B:0.495", "A:0+B:1", "loss", "x_accuracy",
                     "true", "r1", "B+Web", "A:70+B:30", "=cmd|' /C calc'!A0", "<b>", "a\nb", '"']),
)  # fmt: skip
HEADERS = [
    "run",
    "data",
    "samples",
    "metric",
    "value",
    "n_eval",
    "se",
    "seed",
    "params",
    "annealed",
]


def told(error: Exception) -> None:
    """Refusals say what is wrong, and how to mend it."""
    message = str(error)
    assert "->" in message, message


@FAST
@given(st.one_of(NUMBERS, st.text(alphabet="0123456789.,e+-kMB% '_", max_size=30)),
       st.sampled_from([None, ",", "."]))  # fmt: skip
def test_numbers(text: str, decimal: str | None) -> None:
    try:
        value = parse_number(text, decimal=decimal)
    except UsageError as error:
        told(error)
    else:
        assert not math.isnan(value)


@FAST
@given(st.integers(0, 10**15), st.sampled_from([",", ".", " ", "'"]))
def test_grouped_numbers_mean_what_they_say(number: int, mark: str) -> None:
    text = f"{number:,}".replace(",", mark)
    decimal = "," if mark == "." else "."
    assert parse_number(text, decimal=decimal) == number


@FAST
@given(
    st.lists(st.tuples(st.sampled_from(["A", "B", "Web", "U", "Q", "", "a b"]), WORDS), max_size=5),
    st.booleans(),
)
def test_mixtures(terms: list[tuple[str, str]], shares: bool) -> None:
    text = "+".join(f"{name}:{share}" if shares else name for name, share in terms)
    try:
        mixture = parse_mixture(text, POOLS)
    except UsageError as error:
        told(error)
    else:
        vector = mixture.vector(POOLS)
        assert vector.sum() == pytest.approx(1)
        assert np.all(vector >= 0)
        assert parse_mixture(mixture.text, POOLS) == mixture


@FAST
@given(st.dictionaries(st.sampled_from(["A", "B", "U"]), st.floats(0.001, 1), min_size=1))
def test_shares_come_back_as_they_were(shares: dict[str, float]) -> None:
    total = math.fsum(shares.values())
    scaled = {name: share / total for name, share in shares.items()}
    frame = pd.DataFrame({"run": ["a"], "data": [scaled], "samples": [10], "metric": "loss",
                          "value": [2.0]})  # fmt: skip
    (mixture,) = read_runs(frame, POOLS).mixtures.values()
    assert mixture.shares == pytest.approx(scaled)


def csv_text(rows: list[list[str]], separator: str = ",") -> str:
    return "\n".join(separator.join(row) for row in rows)


ROWS = st.lists(st.lists(WORDS, min_size=5, max_size=10), min_size=1, max_size=6)


@FILES
@given(ROWS, ROWS, st.sampled_from([None, ",", "."]), st.sampled_from([",", ";"]))
def test_run_and_pool_tables(tmp_path, rows, pools, decimal, separator) -> None:
    (tmp_path / "runs.csv").write_text(csv_text([HEADERS[: len(rows[0])], *rows], separator))
    head = ["pool", "size", "quality_rank", "family", "overlaps"]
    (tmp_path / "pools.csv").write_text(csv_text([head, *(row[:5] for row in pools)], separator))
    try:
        runs = read_runs(tmp_path / "runs.csv", decimal=decimal)
    except InputError as error:
        told(error)
    else:
        assert np.isfinite(runs.table["value"]).all()
        assert runs.replace(runs.table).sha256 == runs.sha256


@FILES
@given(
    st.lists(st.sampled_from([*HEADERS, "Step", "State", "val_loss", "w/A", "w/B", "a - loss"]),
             min_size=2, max_size=6, unique=True),
    ROWS, st.sampled_from(["x.csv", "x.jsonl", "x.log", "x.json"]),
    st.sampled_from([None, "long", "wide", "wandb-chart", "lm-eval", "composer", "hf-trainer",
                     "datacomp", "swarm"]),
)  # fmt: skip
def test_importers(tmp_path, head, rows, name, format) -> None:
    width = len(head)
    (tmp_path / name).write_text(csv_text([head, *((row * 2)[:width] for row in rows)]))
    try:
        found = import_runs(tmp_path / name, format, per_step=10)
    except (UsageError, InputError) as error:
        told(error)
    else:
        assert {"run", "data", "samples", "metric", "value"} <= set(found.table.columns)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), WORDS),
    lambda x: st.one_of(st.lists(x, max_size=3), st.dictionaries(
        st.sampled_from(["results", "log_history", "key", "metrics", "acc1", "acc,none", "step",
                         "eval_loss", "loss", "config", "model_args", "n-samples", "run"]),
        x, max_size=4)), max_leaves=12,
)  # fmt: skip


@FILES
@given(JSON, st.sampled_from([None, "lm-eval", "hf-trainer", "datacomp"]))
def test_json(tmp_path, value, format) -> None:
    import json

    (tmp_path / "x.json").write_text(json.dumps(value))
    try:
        found = import_runs(tmp_path / "x.json", format, per_step=10)
    except (UsageError, InputError) as error:
        told(error)
    else:
        assert len(found.table)

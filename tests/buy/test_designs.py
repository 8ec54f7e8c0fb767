"""Tables of designs: read, checked, generated, priced."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from qqt_bayes.buy import generate_designs, read_designs
from qqt_bayes.errors import InputError, UsageError
from qqt_bayes.fitting import Fit
from qqt_bayes.runs import parse_mixture, read_pools

POOLS = pd.DataFrame({"pool": ["A", "B"], "size": [60_000, 60_000]})


def test_costs_default_to_samples_times_seeds(tmp_path: Path) -> None:
    path = tmp_path / "designs.csv"
    path.write_text("data,samples,seeds,cost\nA,480k,,\nA+B,1M,3,\nB,240k,2,17\n")
    table = read_designs(path, read_pools(POOLS)).table
    assert table["seeds"].tolist() == [1, 3, 2]
    assert table["cost"].tolist() == [480e3, 3e6, 17.0]


def test_costs_default_to_the_pools_prices() -> None:
    pools = read_pools(POOLS.assign(price=[2.0, 4.0]))
    table = read_designs(pd.DataFrame({"data": ["A", "A+B"], "samples": [10, 10]}), pools).table
    assert table["cost"].tolist() == [20.0, 30.0]
    half = read_pools(POOLS.assign(price=[2.0, None]))
    with pytest.raises(UsageError, match="no price for pool B"):
        read_designs(pd.DataFrame({"data": ["A+B"], "samples": [10]}), half)


def test_every_problem_is_told_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "designs.csv"
    path.write_text("data,samples,seeds,cost\nA,many,1,\nZ,1M,1.5,\nA,1M,1,-3\nA,1M,1,\nA,1M,1,5\n")
    with pytest.raises(InputError) as caught:
        read_designs(path, read_pools(POOLS))
    said = str(caught.value)
    for piece in (
        "designs.csv:2, column 'samples', 'many'",
        "designs.csv:3, column 'data', 'Z': unknown pool",
        "designs.csv:3, column 'seeds', '1.5'",
        "designs.csv:4, column 'cost', '-3'",
        "designs.csv:5, column 'data', 'A': the same design as in line 4",
    ):
        assert piece in said, said
    with pytest.raises(InputError, match="missing column 'samples'"):
        read_designs(pd.DataFrame({"data": ["A"], "budget": [3]}), read_pools(POOLS))


def test_designs_are_read_as_runs_are(tmp_path: Path) -> None:
    """A count that may be in thousands is not guessed; with decimal commas said, all is read."""
    path, pools = tmp_path / "german.csv", read_pools(POOLS)
    path.write_text("data;samples;seeds;cost\nA:0,7+B:0,3;240.000;2;1.234,5\nB;1.920.000;;\n")
    table = read_designs(path, pools, decimal=",").table
    assert table["samples"].tolist() == [240e3, 1.92e6]
    assert table["seeds"].tolist() == [2, 1]
    assert table["cost"].tolist() == [1234.5, 1.92e6]
    path.write_text("data,samples,seeds\nA,240.000,1.000\n")
    with pytest.raises(InputError) as caught:
        read_designs(path, pools)
    assert "'240.000': 240 or 240 thousand -> write 240000 or 240" in str(caught.value)
    assert "column 'seeds', '1.000': 1 or 1 thousand" in str(caught.value)
    path.write_text('data;samples\nA;240.000\nB;"480,000"\n')
    with pytest.raises(InputError, match="points and commas before three digits"):
        read_designs(path, pools, decimal=",")


def test_generated_designs_are_affordable_and_reach_the_target(buy_fit: Fit) -> None:
    study = buy_fit.study
    candidates = [parse_mixture(t, study.pools) for t in ("A", "A+B")]
    every = generate_designs(study, candidates, np.array([960e3]))
    assert sorted(set(every.samples)) == [30e3, 60e3, 120e3, 240e3, 480e3, 960e3]
    assert len(every) == 12
    assert every.repeatable
    some = generate_designs(study, candidates, np.array([960e3]), 250e3)
    assert some.samples.max() == 240e3
    with pytest.raises(UsageError, match="no run is affordable"):
        generate_designs(study, candidates, np.array([960e3]), 10.0)

"""The run tables that come with the package."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from qqt_bayes import datasets
from qqt_bayes.errors import UsageError
from qqt_bayes.runs import read_runs

PUBLISHED = Path(__file__).resolve().parents[3] / "shared" / "data" / "published"
has_published = pytest.mark.skipif(not PUBLISHED.is_dir(), reason="published tables not present")


def test_names() -> None:
    own = ("web", "proving_ground", "headers", "digits", "decay")
    assert datasets.names() == (*own, "paper_budgets", "laion_clip")
    with pytest.raises(UsageError, match="unknown data set 'laion' -> choose from web"):
        datasets.load("laion")


def test_web_is_what_its_script_makes(tmp_path: Path) -> None:
    """46 runs, made again from the seed; the truth is that of the script's own law."""
    folder = Path(datasets.__file__).parent / "web"
    script = Path(__file__).parents[2] / "scripts" / "datasets" / "web.py"
    subprocess.run([sys.executable, script], check=True, cwd=tmp_path)
    for name in ("runs.csv", "pools.csv", "truth.csv"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name
    runs = datasets.load("web")
    assert len(runs) == 46
    assert runs.pools.names == ("edu", "clean", "wide", "crawl")
    assert runs.study("val_loss").trained_on["max_samples"] == 8e9
    truth = pd.read_csv(folder / "truth.csv").set_index(["data", "samples"])["val_loss"]
    best = {budget: truth.xs(budget, level=1).idxmin() for budget in ("8B", "16B", "32B")}
    assert best == {"8B": "edu:0.5+clean:0.5", "16B": "edu:0.3+clean:0.7", "32B": "edu+clean"}


def test_proving_ground() -> None:
    runs = datasets.load("proving_ground")
    assert len(runs) == 273 * 2
    assert runs.metrics == ("error", "loss")
    assert runs.pools.names == ("A", "B", "C", "D", "E", "B4")
    assert len(runs.mixtures) == 13
    assert len(runs.budgets("loss")) == 7
    study = runs.study("loss")
    assert study.trained_on == {"runs": 273, "rows": 273, "max_samples": 1_920_000}
    assert study.warnings == ()
    mean = runs.select("loss", upto="480k").table.groupby(["data", "samples"])["value"].mean()
    assert mean["A", 480_256.0] == pytest.approx(2.267, abs=5e-4)
    assert mean["A+B", 480_256.0] == pytest.approx(2.204, abs=5e-4)


@pytest.mark.parametrize(
    ("name", "runs", "mixtures", "budgets"), [("headers", 108, 6, 6), ("digits", 168, 7, 8)]
)
def test_runs_made_afterwards(name: str, runs: int, mixtures: int, budgets: int) -> None:
    table = datasets.load(name)
    assert table.pools.names == ("A", "B", "C")
    assert len(table.mixtures) == mixtures
    assert len(table.budgets("loss")) == budgets
    assert len(table.study("error")) == len(table.study("loss")) == runs
    cells = table.select("loss").table.groupby(["data", "samples"]).size()
    assert set(cells) == {3}  # complete, with three seeds


def test_decay() -> None:
    """Weight decay tames repetition: at 64 epochs of A, in both sizes."""
    table = datasets.load("decay").select("loss").table
    cells = table.groupby(["params", "weight_decay", "data", "samples"])["value"]
    assert set(cells.size()) == {2}
    assert len(cells) == 2 * 2 * 3 * 7
    mean = cells.mean()
    for size in (5_880, 15_144):
        assert mean[size, 0.1, "A", 320_000] > mean[size, 1.0, "A", 320_000] + 0.5
        assert mean[size, 0.1, "B", 320_000] < mean[size, 1.0, "B", 320_000]


@pytest.mark.parametrize(
    ("name", "file", "rows"),
    [("paper_budgets", "goyal_pareto", 18), ("laion_clip", "laion_clip", 18)],
)
@has_published
def test_equal_to_the_published_tables(name: str, file: str, rows: int) -> None:
    ours, theirs = datasets.load(name), read_runs(PUBLISHED / f"{file}.runs.csv")
    assert len(ours) == len(theirs) == rows
    columns = ["run", "data", "samples", "metric", "value", "n_eval", "model"]
    a, b = (r.table[columns].sort_values("run").reset_index(drop=True) for r in (ours, theirs))
    pd.testing.assert_frame_equal(a, b)
    assert ours.pools.names == theirs.pools.names
    np.testing.assert_array_equal(ours.pools.sizes, theirs.pools.sizes)
    np.testing.assert_array_equal(ours.pools.quality_rank, theirs.pools.quality_rank)
    assert ours.pools.family == theirs.pools.family
    assert ours.pools.overlap_pairs == theirs.pools.overlap_pairs


def test_published_runs_can_be_studied() -> None:
    laion = datasets.load("laion_clip").study("imagenet_accuracy", where={"model": "ViT-B-16"})
    assert len(laion) == 9
    assert laion.value.min() == pytest.approx(1 - 0.70222)
    assert len(datasets.load("paper_budgets").study("avg18_accuracy")) == 9


@has_published
def test_paper_parameters() -> None:
    ours = datasets.paper_parameters()
    theirs = pd.read_csv(PUBLISHED / "paper_params.csv")
    theirs = theirs[(theirs["filter"] == "T-MARS") & (theirs["metric"] == "imagenet1k error")]
    theirs = theirs[theirs["law"].isin(["effective_utility", "effective_data"])]
    both = ours.merge(theirs, on=["law", "pool"], suffixes=("", "_published"))
    assert len(ours) == len(both) == 10
    for column in ("a", "b", "tau"):
        np.testing.assert_array_equal(both[column], both[f"{column}_published"])
    np.testing.assert_array_equal(both["size"], both["pool_size"])
    given = both["d_published"].notna()
    assert given.sum() == 5
    np.testing.assert_array_equal(both.loc[given, "d"], both.loc[given, "d_published"])
    assert ours["suspect"].sum() == 1
    np.testing.assert_allclose(ours["n0"].unique(), [4e6, 1e5 / 0.022])

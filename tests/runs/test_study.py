"""One metric of comparable rows, as arrays."""

import numpy as np
import pandas as pd
import pytest

from qqt_bayes.errors import InputError, UsageError
from qqt_bayes.runs import Runs, read_runs

POOLS = pd.DataFrame({"pool": ["A", "B", "C"], "size": [100, 300, np.inf]})


def table(**columns) -> Runs:
    """Give four runs of accuracy on A and B, with some columns changed or added."""
    base = {
        "run": ["r0", "r1", "r2", "r3"],
        "data": ["A", "A", "A+B", "B:0.5+C:0.5"],
        "samples": [1000, 1000, 1000, 2000],
        "metric": "top1_accuracy",
        "value": [0.25, 0.26, 0.5, 0.75],
        "n_eval": [50_000, None, 50_000, 50_000],
    }
    return read_runs(pd.DataFrame(base | columns), POOLS)


def test_arrays() -> None:
    study = table(seed=[0, 1, None, 0]).study("top1_accuracy")
    assert len(study) == 4
    assert study.kind == "accuracy"
    assert study.direction == "max"
    np.testing.assert_allclose(study.value, [0.75, 0.74, 0.5, 0.25])  # modelled as error
    np.testing.assert_allclose(study.reported(study.value), [0.25, 0.26, 0.5, 0.75])
    np.testing.assert_allclose(study.shares, [[1, 0, 0], [1, 0, 0], [0.25, 0.75, 0], [0, 0.5, 0.5]])
    np.testing.assert_array_equal(study.samples, [1000, 1000, 1000, 2000])
    np.testing.assert_array_equal(study.n_eval, [50_000, np.nan, 50_000, 50_000])
    assert np.isnan(study.se).all()
    assert np.isnan(study.annealed).all()
    assert study.run.tolist() == ["r0", "r1", "r2", "r3"]
    assert study.seed.tolist() == ["0", "1", "", "0"]
    assert study.data == ("A", "A", "A+B", "B:0.5+C:0.5")
    assert study.used.tolist() == [True, True, True]
    assert study.trained_on == {"runs": 4, "rows": 4, "max_samples": 2000}
    assert study.pools.names == ("A", "B", "C")
    assert list(study.mixtures) == ["A", "A+B", "B:0.5+C:0.5"]


def test_arrays_are_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        table().study("top1_accuracy").value[0] = 1


@pytest.mark.parametrize(
    ("metric", "kind", "direction"),
    [
        ("val_loss", "loss", "min"), ("Loss", "loss", "min"), ("top1_error", "error", "min"),
        ("imagenet_accuracy", "accuracy", "max"), ("lossless_accuracy", "accuracy", "max"),
    ],
)  # fmt: skip
def test_kind_by_name(metric: str, kind: str, direction: str) -> None:
    study = table(metric=metric).study(metric)
    assert (study.kind, study.direction) == (kind, direction)


def test_kind_given() -> None:
    runs = table(metric="bits", value=[3.0, 3.1, 2.5, 2.4])
    with pytest.raises(UsageError, match="kind of metric 'bits' is not in its name -> pass --kind"):
        runs.study("bits")
    study = runs.with_kind("bits", "loss").study("bits")
    np.testing.assert_array_equal(study.value, [3.0, 3.1, 2.5, 2.4])
    with pytest.raises(InputError, match=r"accuracy above 1 in 4 of 4 rows .* -> divide by 100"):
        runs.with_kind("bits", "accuracy").study("bits")
    with pytest.raises(UsageError, match="unknown kind 'nats'"):
        runs.with_kind("bits", "nats")


def test_unknown_metric() -> None:
    with pytest.raises(UsageError, match="no metric 'loss' -> choose from top1_accuracy"):
        table().study("loss")


def test_perfect_score_needs_the_number_of_items() -> None:
    values = [0.25, 0.26, 0.5, 1]
    with pytest.raises(
        InputError, match=r"row 3, column 'value', '1': a perfect accuracy"
    ) as caught:
        table(value=values, n_eval=[None] * 4).study("top1_accuracy")
    assert "n_eval" in caught.value.problems[0].mend
    study = table(value=values, n_eval=[100.0] * 4).study("top1_accuracy")
    assert study.value[3] == 0.5 / 101
    assert any("half a test item" in note for note in study.warnings)


@pytest.mark.parametrize(
    ("column", "values"), [("model", ["s", "s", "l", "l"]), ("params", [1e6, 1e6, None, 2e6])]
)
def test_several_models_are_an_error(column: str, values) -> None:
    runs = table(**{column: values})
    with pytest.raises(
        InputError, match=f"values in one study -> choose one: --where {column}="
    ) as e:
        runs.study("top1_accuracy")
    assert e.value.problems[0].column == column
    first = values[0]
    assert len(runs.study("top1_accuracy", where={column: first})) == 2
    study = runs.study("top1_accuracy", spec_levels=(column,))
    assert len(study.levels[column]) == 4


def test_params_that_follow_from_a_level_are_fine() -> None:
    runs = table(model=["s", "s", "l", "l"], params=[1e6, 1e6, 2e6, 2e6])
    with pytest.raises(InputError) as caught:  # one problem, not two
        runs.study("top1_accuracy")
    assert [p.column for p in caught.value.problems] == ["model"]
    assert "qqt tasks --by model" in caught.value.problems[0].mend
    study = runs.study("top1_accuracy", spec_levels=("model",))
    assert study.levels == {"model": ("s", "s", "l", "l")}
    with pytest.raises(UsageError, match="no column 'lab' for a level -> choose from run, data"):
        runs.study("top1_accuracy", spec_levels=("lab",))


def test_annealed_rows_are_never_mixed_silently() -> None:
    runs = table(annealed=[True, True, False, None])
    with pytest.raises(InputError, match=r"annealed and unannealed .* --where annealed=true"):
        runs.study("top1_accuracy")
    assert len(runs.study("top1_accuracy", where={"annealed": "yes"})) == 2
    study = table(annealed=[True, None, True, True]).study("top1_accuracy")
    assert any("blank in 1 rows" in warning for warning in study.warnings)
    np.testing.assert_array_equal(study.annealed, [1, np.nan, 1, 1])


def warned(runs: Runs, text: str) -> bool:
    return any(text in warning for warning in runs.study("top1_accuracy").warnings)


def test_warnings() -> None:
    assert not warned(table(), "one run only")
    assert warned(table(data=["A", "B", "A+B", "B"]), "one run only for each mixture")
    assert warned(table(), "no n_eval or se in 1 of 4 rows")
    assert not warned(table(se=0.01), "no n_eval")
    assert warned(table(data="A"), "no run draws from B, C")
    assert warned(table(tuned=[True, False, True, None]), "1 row not tuned (1k to 1k samples)")
    assert warned(table(annealed=False), "unannealed rows")
    assert warned(table(lab=["x", "y", "x", "x"]), "column 'lab' differs (x, y)")
    assert not warned(table(plan=[1000, 1000, 1000, 2000]), "plan")


def test_trajectories_are_allowed_and_noted() -> None:
    runs = table(run=["a", "a", "b", "b"], data=["A", "A", "B", "B"], samples=[10, 20, 10, 20])
    assert warned(runs, "2 of 2 runs with several rows")
    assert warned(runs, "schedule is still decaying")
    done = runs.replace(runs.table.assign(annealed=True))
    assert not warned(done, "schedule is still decaying")
    assert warned(done, "'annealed' is true at several samples of 2 runs")
    ends = runs.replace(runs.table.assign(annealed=[False, True, False, True]))
    assert not warned(ends.select(where={"annealed": "true"}), "trajector")

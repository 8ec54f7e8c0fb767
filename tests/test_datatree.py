"""A fit in ArviZ: every call that the page and the notebook show, and what it must agree with."""

import arviz as az
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import qqt_bayes as qqt
from qqt_bayes.inference.reweight import densities
from qqt_bayes.risk.closed_form import leave_one_out

CI = {"ci_prob": 0.9, "ci_kind": "eti"}
SHARED = ["irreducible", "utility_mean", "seed_noise"]


@pytest.fixture(scope="module")
def tree(small_fit):
    return small_fit.to_datatree("480k,960k", "A;A+B")


@pytest.fixture(autouse=True)
def closed():
    yield
    matplotlib.pyplot.close("all")


def test_groups_and_dims(small_fit, tree) -> None:
    assert set(tree.children) == {
        "posterior", "posterior_predictive", "prior", "prior_predictive", "observed_data",
        "constant_data", "log_likelihood", "log_prior", "sample_stats", "predictions",
    }  # fmt: skip
    runs = len(small_fit.posterior.design.value)
    for group in ("posterior_predictive", "prior_predictive", "log_likelihood"):
        assert tree[group]["y"].dims == ("chain", "draw", "run")
        assert tree[group].sizes["run"] == runs
    assert tree["constant_data"]["shares"].dims == ("run", "pool")
    assert tree["posterior"]["utility"].dims == ("chain", "draw", "pool")
    assert tree["predictions"]["level"].dims == ("chain", "draw", "budget", "candidate")
    assert "predictions" not in small_fit.to_datatree().children
    assert set(tree["log_prior"].data_vars) <= set(tree["posterior"].data_vars)
    assert set(tree["posterior"].data_vars) == set(tree["prior"].data_vars)


def test_runs_are_named_and_their_constants_are_theirs(small_fit, tree) -> None:
    constant = tree["constant_data"]
    assert len(set(constant["run"].values)) == constant.sizes["run"]
    study = small_fit.study
    for row in (0, len(study) - 1):
        cell = constant.dataset.isel(run=small_fit.posterior.design.row_cell[row])
        assert str(cell["data"].values) == study.data[row]
        assert float(cell["samples"]) == pytest.approx(study.samples[row])
        np.testing.assert_allclose(cell["epochs"], study.epochs[row])
        np.testing.assert_allclose(cell["shares"], study.shares[row])
        same = small_fit.posterior.design.row_cell == small_fit.posterior.design.row_cell[row]
        seen = tree["observed_data"]["y"].isel(run=small_fit.posterior.design.row_cell[row])
        assert float(seen) == pytest.approx(study.observed[same].mean())


def test_likelihood_adds_up_to_the_joint_density(small_fit, tree) -> None:
    found = tree["log_likelihood"]
    total = (found["y"].sum("run") + found["rest"]).values.ravel()
    post = small_fit.posterior
    np.testing.assert_allclose(total, densities(post.parameters, post.cells))


HIGH_K = "ignore:Estimated shape parameter of Pareto"  # ArviZ is right: one run is influential


@pytest.mark.filterwarnings(HIGH_K)
def test_loo_is_that_of_the_package(small_fit, tree) -> None:
    found = az.loo(tree, var_name="y", pointwise=True)
    own = leave_one_out(small_fit.posterior)  # of fewer draws
    trusted = (found.pareto_k.values < 0.7) & (own.k_hat < 0.7)
    # with thirteen seeds .8 to 1 of the cells, at most .23 apart, most within .05
    assert trusted.mean() >= 0.5
    apart = np.abs(found.elpd_i.values - own.log_density)[trusted]
    assert np.median(apart) < 0.1
    assert apart.max() < 0.7


@pytest.mark.filterwarnings(HIGH_K)
def test_compare_two_laws(small_fit, rated_fit) -> None:
    found = az.compare({f.spec.name: f.to_datatree() for f in (small_fit, rated_fit)}, var_name="y")
    assert set(found.index) == {"effective_utility", "exchange_rate"}
    assert found["weight"].sum() == pytest.approx(1.0)


def test_summary(small_fit, tree) -> None:
    found = az.summary(tree, var_names=["utility", *SHARED], **CI, round_to="none")
    pools = small_fit.study.pools.names
    assert [f"utility[{p}]" for p in pools] == list(found.index[: len(pools)])
    told = small_fit.table.set_index("pool")
    for pool in pools:
        low = found.loc[f"utility[{pool}]", [c for c in found.columns if c.startswith("eti")]]
        np.testing.assert_allclose(
            low.to_numpy(float), told.loc[pool, ["utility_lo", "utility_hi"]].to_numpy(float),
            rtol=0.01,
        )  # fmt: skip


def test_psense(tree) -> None:
    scalars = [name for name, draws in tree["posterior"].data_vars.items() if draws.ndim == 2]
    assert set(SHARED) < set(scalars)
    found = az.psense_summary(tree, var_names=scalars)
    assert list(found.index) == scalars
    assert np.isfinite(found[["prior", "likelihood"]].to_numpy(float)).all()
    # the likelihood moves what the runs tell (.22 to .32 with eight seeds), not more than it could
    assert found["likelihood"].max() > 0.1
    assert (found["likelihood"] < 1.0).all()


@pytest.mark.parametrize(
    ("draw", "options"),
    [
        (az.plot_forest, {"var_names": ["utility", "half_life"], "combined": True}),
        (az.plot_forest, {"group": "predictions", "var_names": ["level"], "combined": True}),
        (az.plot_ppc_dist, {}),
        (az.plot_ppc_dist, {"group": "prior_predictive"}),
        (az.plot_prior_posterior, {"var_names": ["irreducible", "utility_mean"]}),
    ],
)
def test_plots(tree, draw, options: dict) -> None:
    figure = draw(tree, backend="matplotlib", **options).viz["figure"].item()
    drawn = any(axes.has_data() for axes in figure.axes)
    plt.close("all")  # ArviZ leaves its figures to pyplot
    assert drawn


def test_replications_are_about_what_was_seen(tree) -> None:
    low, high = tree["posterior_predictive"]["y"].quantile([0.005, 0.995], ("chain", "draw"))
    seen = tree["observed_data"]["y"]
    assert float(((seen > low) & (seen < high)).mean()) > 0.9
    wide = tree["prior_predictive"]["y"].std(("chain", "draw"))
    assert (wide > 3 * tree["posterior_predictive"]["y"].std(("chain", "draw"))).all()


def test_predictions_are_those_of_the_decision(small_fit, tree) -> None:
    table = small_fit.decide("480k,960k", "A;A+B").table.set_index(["samples", "data"])
    middle = tree["predictions"]["level"].median(("chain", "draw"))
    for (samples, data), row in table.iterrows():
        assert float(middle.sel(budget=samples, candidate=data)) == pytest.approx(row["median"])


def test_accuracy_stays_accuracy(accuracy_fit) -> None:
    tree = accuracy_fit.to_datatree()
    seen, drawn = tree["observed_data"]["y"], tree["posterior_predictive"]["y"]
    assert float(abs(drawn.mean(("chain", "draw")) - seen).max()) < 0.02
    assert 0.0 <= float(drawn.min()) <= float(drawn.max()) <= 1.0


def test_saved_and_read_again(tree, tmp_path) -> None:
    tree.to_netcdf(tmp_path / "tree.nc")
    again = az.from_netcdf(tmp_path / "tree.nc")
    assert again.attrs["metric"] == "loss"
    assert again["sample_stats"].attrs["engine"] == "importance"
    np.testing.assert_array_equal(again["log_likelihood"]["y"], tree["log_likelihood"]["y"])


def test_predict_gives_a_row_for_each_row(small_fit) -> None:
    table = pd.DataFrame(
        {"data": ["A", "A+B", "A:0.5+B:0.5", "A"], "samples": ["480k", 960_000, "480k", 480e3],
         "note": ["w", "x", "y", "z"]},
        index=[7, 3, 5, 1],
    )  # fmt: skip
    found = small_fit.predict(table)
    assert list(found.index) == [7, 3, 5, 1]
    assert list(found["note"]) == ["w", "x", "y", "z"]
    assert set(found["prob"]) == {0.9}
    assert set(found["interval"]) == {"eti"}
    assert found.loc[7, "median"] == found.loc[1, "median"]
    assert (found["lo"] < found["median"]).all()
    assert (found["median"] < found["hi"]).all()
    within = found.drop(index=3)  # beyond the runs seed noise adds less than a Monte Carlo error
    assert (within["new_run_lo"] < within["lo"]).all()
    assert (within["hi"] < within["new_run_hi"]).all()
    told = small_fit.decide("480k", "A;A+B").table.set_index("data")
    assert found.loc[7, "median"] == pytest.approx(told.loc["A", "median"], abs=0.003)
    assert (small_fit.predict(table, prob=0.5)["hi"] < found["hi"]).all()
    assert small_fit.predict(table.iloc[:0]).columns.equals(found.columns)


def test_predict_complains_once_of_each_mistake(small_fit) -> None:
    table = pd.DataFrame({"data": ["A", "X", "A"] * 200, "samples": ["1M", "1M", "-3"] * 200})
    with pytest.raises(qqt.UsageError) as complaint:
        small_fit.predict(table)
    said = str(complaint.value).splitlines()
    assert len(said) == 2
    assert "row 1 and 199 more" in said[0]
    assert "'X'" in said[0]
    assert "not a positive number" in said[1]
    with pytest.raises(qqt.UsageError, match="no column 'data' and 'samples'"):
        small_fit.predict(pd.DataFrame({"a": [1]}))
    with pytest.raises(qqt.UsageError, match="prob is 2"):
        small_fit.predict(pd.DataFrame({"data": ["A"], "samples": [1e6]}), prob=2)

"""The answer on a study whose truth is known: optima, probabilities, outputs, command line."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from simulated_sizes import POOLS, TRUTH, table_of, true_loss

import qqt_bayes as qqt
from qqt_bayes.allocation import fitted
from qqt_bayes.allocation.answer import allocate_fit, parse_compute
from qqt_bayes.allocation.optimum import lowest
from qqt_bayes.allocation.sample import Draws
from qqt_bayes.allocation.sizes import size_study
from qqt_bayes.cli import main


def true_optimum(data: str, compute: float) -> tuple[float, float]:
    """Parameters and loss of the optimum, by a fine grid."""
    params = np.exp(np.linspace(np.log(compute / 6) / 2 - 6, np.log(compute / 6) / 2 + 6, 4001))
    loss = true_loss(data, params, compute / 6 / params)
    return params[np.argmin(loss)], loss.min()


def test_the_fit_converged_and_holds_the_truth(size_fit) -> None:
    assert size_fit.posterior.gate.passed
    assert size_fit.stamp == ""
    held = 0
    for i, data in enumerate(size_fit.sizes.laws):
        alpha, beta = TRUTH[data][3:5]
        for name, truth in {"alpha": alpha, "beta": beta, "a": beta / (alpha + beta)}.items():
            low, high = np.quantile(size_fit.exponents[name][:, i], [0.01, 0.99])
            held += low < truth < high
    assert held >= 5  # of 6


def test_optima_and_losses_against_the_truth(answer) -> None:
    for row in answer.table.itertuples():
        params, loss = true_optimum(row.data, row.compute)
        wide = 1.5 * (row.params_hi / row.params_lo)
        assert row.params / wide < params < row.params * wide
        slack = 0.02 + (row.loss_hi - row.loss_lo)
        assert abs(row.loss - loss) < slack
        # the median of an even number of draws lies between two of them
        assert row.samples == pytest.approx(row.compute / 6 / row.params, rel=1e-4)


def test_repetition_makes_the_limited_pool_lose(answer) -> None:
    """Books are better while fresh; at 1e20 they would be repeated, as the truth has it."""
    for b, compute in enumerate(answer.compute):
        losses = [true_optimum(m.text, compute)[1] for m in answer.candidates]
        assert int(np.argmin(losses)) == answer.best[b]
        assert answer.p_best[b, answer.best[b]] > 0.7


def test_definitions(answer) -> None:
    table = answer.table
    assert np.allclose(table.groupby("compute")["p_best"].sum(), 1.0)
    assert (table["regret"] >= -1e-9).all()
    best = table[table["difference"] == 0]
    assert len(best) == len(answer.compute)  # the best less itself
    web, books = (table[table["data"] == name] for name in ("web", "books"))
    assert web["epochs"].isna().all()
    np.testing.assert_allclose(books["epochs"], books["samples"] / 1e9)
    np.testing.assert_allclose(answer.extrapolation, answer.compute / 1e19)
    e = answer.exponents
    np.testing.assert_allclose(e["a"] + e["b"], 1.0, atol=1e-9)
    order = answer.fit.order()
    assert order.loc["web", "books"] + order.loc["books", "web"] == pytest.approx(1.0)
    assert len(answer.growth) == 2


def test_what_the_truth_says_of_the_order(answer) -> None:
    """Books: .54, web: .47; the study knows it."""
    assert answer.fit.order().loc["books", "web"] > 0.8


def test_bands_widen_beyond_the_data(size_fit) -> None:
    near, far = allocate_fit(size_fit, [1e19, 1e23], candidates="web").table.itertuples()
    assert far.loss_hi - far.loss_lo > 3 * (near.loss_hi - near.loss_lo)


def test_the_same_seed_gives_the_same_answer(size_fit, answer) -> None:
    again = size_fit.allocate("1e18,1e20")
    pd.testing.assert_frame_equal(again.table, answer.table)


def test_json_is_strict_and_complete(answer) -> None:
    value = json.loads(json.dumps(answer.to_json(), allow_nan=False))
    assert value["schema"] == 1
    assert [b["compute"] for b in value["budgets"]] == [1e18, 1e20]
    web = value["budgets"][0]["candidates"][0]
    assert web["data"] == "web"
    assert web["epochs"] == {"median": None, "lo": None, "hi": None}  # fresh data
    assert web["params"]["lo"] < web["params"]["median"] < web["params"]["hi"]
    assert {row["data"] for row in value["exponents"]} == {"web", "books"}
    assert value["order"][0].keys() == {"data", "other", "p_larger_a"}


def test_text_names_what_to_train(answer) -> None:
    assert "90% equal-tailed credible intervals" in answer.text
    assert "At 1e+20 operations, 10x the largest run" in answer.text
    assert "fresh" in answer.text


def test_figure(answer, tmp_path) -> None:
    figure = answer.plot()
    figure.savefig(tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 10_000
    assert "90%" in figure.caption


def test_predictions_of_runs(size_fit) -> None:
    table = pd.DataFrame({"data": ["web", "books"], "params": [1e8, 3e8], "samples": [2e9, 5e9]})
    latent, new = size_fit.predict(table), size_fit.predict(table, noise=True)
    truth = [true_loss(*row) for row in table.itertuples(index=False)]
    np.testing.assert_allclose(np.median(latent, axis=0), truth, rtol=0.01)
    assert np.all(new.std(axis=0) > latent.std(axis=0))
    with pytest.raises(qqt.UsageError, match="no column 'params'"):
        size_fit.predict(table.drop(columns="params"))


def test_lowest_is_exact_for_a_parabola() -> None:
    x = np.linspace(0.0, 4.0, 9)
    at, value = lowest(x, np.array([(x - 1.3) ** 2 + 2.0, (x - 2.9) ** 2]))
    np.testing.assert_allclose(at, [1.3, 2.9])
    np.testing.assert_allclose(value, [2.0, 0.0], atol=1e-12)
    edge, _ = lowest(x, np.array([x]))
    assert edge[0] <= x[1]


@pytest.mark.parametrize(
    ("compute", "said"),
    [("", "not a number"), ("1e20,1e20", "given twice"), ([-1.0], "positive"), ([], "no compute")],
)
def test_bad_compute(compute, said: str) -> None:
    with pytest.raises(qqt.UsageError, match=said):
        parse_compute(compute)


def test_bad_candidates(size_fit) -> None:
    with pytest.raises(qqt.UsageError, match="unknown pool"):
        allocate_fit(size_fit, 1e20, candidates="web;bools")
    with pytest.raises(qqt.UsageError, match="given twice"):
        allocate_fit(size_fit, 1e20, candidates="web;web")
    with pytest.raises(qqt.UsageError, match="no run was made on"):
        allocate_fit(size_fit, 1e20, candidates=["web:0.5+books:0.5"])


def test_runs_worse_than_smaller_ones(size_runs, size_fit, monkeypatch) -> None:
    """A run of more parameters and samples that is worse is told of, and left out on demand."""
    table = table_of()
    kind = table.iloc[[3]].assign(run="bad", params=table["params"][3] * 2)
    kind = kind.assign(samples=kind["samples"] * 2, value=kind["value"] * 1.02)
    runs = qqt.read_runs(pd.concat([table, kind], ignore_index=True), POOLS)
    sizes = size_study(runs, "loss")
    assert sizes.overfitted[-1]
    count = int(sizes.overfitted.sum())

    def drawn(model, *_args) -> Draws:
        z = 0.1 * np.random.default_rng(0).normal(size=(2, 50, model.size))
        return Draws(z, size_fit.posterior.gate)

    monkeypatch.setattr(fitted, "sample_law", drawn)
    kept = qqt.fit_sizes(runs)
    assert len(kept.sizes.study) == len(table) + 1
    assert kept.left_out == 0
    without = qqt.fit_sizes(runs, overfitted="leave_out")
    assert len(without.sizes.study) == len(table) + 1 - count
    assert without.left_out == count
    answer = allocate_fit(without, 1e19)
    assert f"{count} runs left out" in answer.text
    assert answer.to_json()["left_out"] == count
    assert "--overfitted leave_out" in allocate_fit(kept, 1e19).text
    with pytest.raises(qqt.UsageError, match="keep or leave_out"):
        qqt.fit_sizes(runs, overfitted="drop")


def test_it_says_what_it_does_with_checkpoints(size_fit, answer) -> None:
    """Rows of one run are taken as runs of their own; with one row each nothing is said."""
    assert "checkpoints" not in answer.text
    assert answer.to_json()["checkpoints"] == 0
    table = table_of()
    again = table[:3].assign(samples=table["samples"][:3] / 2, value=table["value"][:3] * 1.1)
    table = pd.concat([table, again], ignore_index=True)  # earlier rows of three runs
    sizes = size_study(qqt.read_runs(table, POOLS), "loss")
    told = allocate_fit(replace(size_fit, sizes=sizes), 1e19)
    assert (
        "3 runs have several rows (checkpoints): each row counts as a run of its own" in told.text
    )
    assert "the last row of each run" in told.text
    assert told.to_json()["checkpoints"] == 3


@pytest.fixture
def tables(tmp_path):
    table_of().to_csv(tmp_path / "runs.csv", index=False)
    POOLS.to_csv(tmp_path / "pools.csv", index=False)
    return tmp_path


def test_command_line(tables, size_fit, monkeypatch, capsys) -> None:
    """The command hands on what it was given; the fit itself is the one made before."""
    monkeypatch.setattr("qqt_bayes.allocation.answer.fit_sizes", lambda *_a, **_k: size_fit)
    out = tables / "answer.json"
    with pytest.raises(SystemExit) as ended:
        main(
            [
                "allocate",
                str(tables / "runs.csv"),
                "--compute",
                "1e18,1e20",
                "--json",
                "-o",
                str(out),
            ]
        )
    assert ended.value.code == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads(out.read_text())
    assert printed["budgets"][1]["best"] in TRUTH


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--compute", "many"], "is not a number"),
        (["--compute", "1e20", "--prob", "90"], "give a probability"),
        (["--compute", "1e20", "-o", "answer.txt"], "ends in .csv or .json"),
        (["--compute", "1e20", "--on-fail", "stop"], "give raise or warn"),
        (["--compute", "1e20", "--overfitted", "drop"], "give keep or leave_out"),
    ],
)
def test_bad_usage_ends_with_2(tables, options, said: str, capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["allocate", str(tables / "runs.csv"), *options])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_no_convergence_ends_with_3(tables, size_fit, monkeypatch, capsys) -> None:
    from qqt_bayes.inference.gate import GateReport

    def stuck(*_args) -> Draws:
        return Draws(size_fit.posterior.z, GateReport((), ("Pareto k 1.7",), {"k": 1.7}))

    monkeypatch.setattr(fitted, "sample_law", stuck)
    with pytest.raises(SystemExit) as ended:
        main(["allocate", str(tables / "runs.csv"), "--compute", "1e20"])
    assert ended.value.code == 3
    assert "Pareto k 1.7" in capsys.readouterr().err
    with pytest.warns(UserWarning, match="Pareto k"):
        made = qqt.fit_sizes(qqt.read_runs(tables / "runs.csv"), on_fail="warn")
    answer = allocate_fit(made, 1e19)
    assert "NOT CONVERGED" in answer.text
    assert "warning" in answer.to_json()

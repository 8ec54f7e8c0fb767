"""Every figure of a decision against its definition, worked out slowly on made-up draws."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from qqt_bayes.decide.crossovers import crossover
from qqt_bayes.decide.decision import Decision
from qqt_bayes.decide.predict import bounded, ceiling, new_runs
from qqt_bayes.inference.gate import GateReport
from qqt_bayes.inference.posterior import Posterior
from qqt_bayes.kind_names import kind_named
from qqt_bayes.kinds import Ceiling
from qqt_bayes.runs import parse_mixture, read_pools

POOLS = read_pools(pd.DataFrame({"pool": ["A", "B", "C"], "size": [100.0, 300.0, np.inf]}))
SIZES = {"A": 0.25, "B": 0.75, "A+B": 1.0}  # share of the widest candidate
BUDGETS = np.array([1e4, 1e3])  # not in order, on purpose
KINDS = ("loss", "error", "accuracy")


def made_up(seed: int, candidates: list[str], samples: int = 301) -> np.ndarray:
    """Draws (sample, budget, candidate) with a common error, ties and a clear loser."""
    rng = np.random.default_rng(seed)
    shape = (samples, len(BUDGETS), len(candidates))
    common = rng.normal(0.5, 0.05, (samples, 1, 1))
    own = rng.normal(0.0, 0.02, shape) + np.linspace(0.0, 0.02, len(candidates))
    return np.clip(common + own, 0.01, 0.99)


def decision(
    latent: np.ndarray,
    candidates: list[str] | None = None,
    kind: str = "loss",
    prob: float = 0.9,
    margin: float | None = None,
) -> Decision:
    candidates = candidates or ["A", "B", "A+B"]
    study = SimpleNamespace(
        metric=f"my_{kind}",
        kind=kind_named(kind),
        direction=kind_named(kind).direction,
        pools=POOLS,
        samples=np.array([1e3, 4e3]),
        used=np.ones(3, bool),
        trained_on={"runs": 7, "rows": 9, "max_samples": 4000.0},
        reported=kind_named(kind).reported,
    )
    fit = SimpleNamespace(study=study, stamp="", converged=True)
    noise = np.random.default_rng(0).normal(0.0, 0.01, latent.shape)
    grid = np.geomspace(1e3, 1e4, 5)
    on_grid = np.stack([latent[:, 1]] * 2 + [latent[:, 0]] * 3, axis=1)
    crossings = (crossover(on_grid, grid, 0, 1),) if len(candidates) > 1 else ()
    return Decision(
        fit, latent, latent + noise, BUDGETS, tuple(parse_mixture(c, POOLS) for c in candidates),
        grid, on_grid, crossings, prob, margin, np.ones(latent.shape[1:]),
        GateReport((), (), {}),
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_p_best_is_the_share_of_draws_won(seed: int) -> None:
    latent = made_up(seed, ["A", "B", "A+B"])
    d = decision(latent)
    for b in range(len(BUDGETS)):
        won = [int(np.argmin(draw[b])) for draw in latent]
        for c in range(3):
            assert d.p_best[b, c] == pytest.approx(won.count(c) / len(latent))
    assert d.p_best.sum(axis=1) == pytest.approx(1.0)


@pytest.mark.parametrize("kind", KINDS)
def test_regret_is_the_mean_shortfall_in_the_unit_of_the_metric(kind: str) -> None:
    latent = made_up(4, ["A", "B", "A+B"])
    d = decision(latent, kind=kind)
    seen = 1 - latent if kind == "accuracy" else latent
    for b in range(len(BUDGETS)):
        for c in range(3):
            lost = [
                max(draw[b]) - draw[b][c] if kind == "accuracy" else draw[b][c] - min(draw[b])
                for draw in seen
            ]
            assert d.expected_regret[b, c] == pytest.approx(sum(lost) / len(lost))
            assert d.expected_regret[b, c] >= 0.0
    assert list(d.best) == [int(np.argmin(row)) for row in d.expected_regret]


def test_best_may_be_the_safe_second() -> None:
    latent = np.full((10, 2, 2), 1.0)
    latent[:, :, 0] = 0.99  # usually a little better, sometimes a disaster
    latent[:2, :, 0] = 3.0
    d = decision(latent, ["A", "B"])
    assert d.p_best[0, 0] == 0.8
    assert d.best[0] == 1
    assert d.credible_set(0) == ["A", "B"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("prob", [0.5, 0.9])
def test_intervals_are_equal_tailed_and_in_the_unit_of_the_metric(kind: str, prob: float) -> None:
    latent = made_up(5, ["A", "B", "A+B"])
    d = decision(latent, kind=kind, prob=prob)
    values = 1 - latent if kind == "accuracy" else latent
    noisy = 1 - d.new_run if kind == "accuracy" else d.new_run
    for row in d.table.itertuples():
        b = list(BUDGETS).index(row.samples)
        c = [m.text for m in d.candidates].index(row.data)
        assert row.median == pytest.approx(np.median(values[:, b, c]))
        below, above = np.mean(values[:, b, c] < row.lo), np.mean(values[:, b, c] > row.hi)
        assert below == pytest.approx((1 - prob) / 2, abs=2 / len(latent))
        assert above == pytest.approx((1 - prob) / 2, abs=2 / len(latent))
        assert row.lo < row.median < row.hi  # lo is the lower number, whatever is better
        assert row.new_run_lo == pytest.approx(np.quantile(noisy[:, b, c], (1 - prob) / 2))
        assert row.new_run_hi == pytest.approx(np.quantile(noisy[:, b, c], (1 + prob) / 2))
    assert set(d.draws.dims) == {"sample", "budget", "data"}
    assert d.draws.sel(data="B", budget=1e3).values == pytest.approx(values[:, 1, 1])


@pytest.mark.parametrize("kind", KINDS)
def test_difference_is_candidate_less_best_in_the_unit_of_the_metric(kind: str) -> None:
    latent = made_up(6, ["A", "B", "A+B"])
    latent[:, :, 2] += 0.3  # A+B is surely worse
    d = decision(latent, kind=kind)
    values = 1 - latent if kind == "accuracy" else latent
    for b in range(2):
        expected = values[:, b] - values[:, b, [d.best[b]]]
        assert d.difference[:, b] == pytest.approx(expected)
        assert not np.any(d.difference[:, b, d.best[b]])
    worse = d.table[d.table["data"] == "A+B"]["difference"]
    assert np.all(worse < 0 if kind == "accuracy" else worse > 0)
    assert not np.any(np.signbit(d.difference[..., d.best[0]][:, 0]))  # no -0.0 in the JSON


def test_difference_is_known_better_than_the_levels() -> None:
    common = np.random.default_rng(1).normal(0.5, 0.1, (400, 1, 1))
    latent = common + np.array([0.0, 0.01, 0.02]) + np.zeros((400, 2, 1))
    row = decision(latent).table.iloc[1]
    assert row.hi - row.lo > 0.3
    assert (row.difference_lo, row.difference_hi) == pytest.approx((0.01, 0.01))


def test_credible_set_takes_the_likeliest_until_the_probability_is_reached() -> None:
    latent = np.ones((10, 2, 3))
    for sample, winner in enumerate([0] * 1 + [1] * 6 + [2] * 3):
        latent[sample, :, winner] = 0.5
    names = {p: decision(latent, prob=p).credible_set(0) for p in (0.5, 0.6, 0.61, 0.9, 0.95)}
    assert names[0.5] == names[0.6] == ["B"]  # .6 is reached, not exceeded
    assert names[0.61] == names[0.9] == ["B", "A+B"]
    assert names[0.95] == ["B", "A+B", "A"]


def test_good_enough_is_a_matter_of_expected_regret() -> None:
    latent = np.zeros((5, 2, 3)) + np.array([1.0, 1.1, 1.3])
    assert decision(latent).good_enough(0) == []
    assert decision(latent, margin=0.05).good_enough(0) == ["A"]
    assert decision(latent, margin=0.2).good_enough(0) == ["A", "B"]
    assert "good_enough" not in decision(latent).to_json()["budgets"][0]
    assert decision(latent, margin=0.2).to_json()["budgets"][0]["good_enough"] == ["A", "B"]
    assert "good enough (regret <= 0.2): A, B" in decision(latent, margin=0.2).text


def test_kept_share_is_an_inverted_cdf_quantile() -> None:
    """Each quantile is the share of a real candidate, never something between two."""
    latent = np.ones((10, 2, 3))
    for sample, winner in enumerate([0] * 5 + [1] * 4 + [2]):
        latent[sample, :, winner] = 0.5
    d = decision(latent, prob=0.8)
    kept = d.kept_share(latent)
    shares = sorted([SIZES["A"]] * 5 + [SIZES["B"]] * 4 + [SIZES["A+B"]])
    for value, q in zip(kept[:, 0], (0.5, 0.1, 0.9), strict=True):
        smallest = next(s for i, s in enumerate(shares) if (i + 1) / 10 >= q - 1e-12)
        assert value == smallest
    assert set(kept.ravel()) <= set(SIZES.values())


@pytest.mark.parametrize("candidates", [["A", "A:0.7+B:0.3"], ["A", "C"], ["A", "A:0.5+C:0.5"]])
def test_kept_share_is_null_for_weighted_and_unlimited(candidates: list[str]) -> None:
    d = decision(made_up(1, candidates), candidates)
    assert d.kept_share(d.latent) is None
    assert [b["kept_share"] for b in d.to_json()["budgets"]] == [None, None]


def test_one_candidate_is_a_forecast() -> None:
    d = decision(made_up(2, ["A"]), ["A"])
    assert np.all(d.p_best == 1)
    assert np.all(d.expected_regret == 0)
    assert d.credible_set(0) == ["A"]
    assert d.to_json()["crossovers"] == []


def test_a_convergence_stamp_reaches_every_output() -> None:
    d = decision(made_up(2, ["A", "B", "A+B"]))
    assert "warning" not in d.to_json()
    d.fit.stamp = "NOT CONVERGED: do not rely on this. "
    assert "NOT CONVERGED" in d.to_json()["warning"]
    assert d.text.startswith("NOT CONVERGED")


def test_json_has_no_nan() -> None:
    d = decision(made_up(2, ["A", "B", "A+B"]))
    d.regret_compute[0, 2] = np.nan
    made = d.to_json()
    assert made["budgets"][0]["candidates"][2]["regret_compute"] is None
    json.dumps(made, allow_nan=False)
    assert ">16x" in d.text


# --- what surrounds the draws --------------------------------------------------------------------


ALONE = np.ones((1, 1))  # shares of one candidate on one pool


def fake_fit(kind: str, n_eval: float = np.nan, se: float = np.nan, noise: float = 0.0):
    study = SimpleNamespace(
        kind=kind_named(kind),
        se=np.array([se, se]),
        n_eval=np.array([n_eval, n_eval]),
        samples=np.array([100.0, 400.0]),
        value=np.array([3.0, 2.0]) if kind == "loss" else np.array([0.6, 0.4]),
    )
    return SimpleNamespace(study=study, posterior=FakePosterior(noise))


class FakePosterior:
    """Draws of one seed noise, relative to the value."""

    noise_variance = Posterior.noise_variance

    def __init__(self, noise: float) -> None:
        self.noise = noise
        self.parameters = self
        self.cells = SimpleNamespace(size=lambda value: value)

    def __len__(self) -> int:
        return 20_000

    def take(self, draws: np.ndarray) -> SimpleNamespace:
        many = len(np.arange(len(self))[draws])
        return SimpleNamespace(
            seed_noise=np.full(many, self.noise), noise_ratio=np.zeros((many, 1))
        )


@pytest.mark.parametrize(
    ("kind", "given", "sd"),
    [
        ("loss", {"noise": 0.01}, 0.5 * 0.01),
        ("loss", {"noise": 0.01, "se": 0.01}, np.hypot(0.5 * 0.01, 0.01)),
        ("loss", {"noise": 0.01, "n_eval": 100}, 0.5 * 0.01),  # items say nothing about a loss
        ("error", {"noise": 0.0, "n_eval": 400}, np.sqrt(0.25 / 400)),
        ("accuracy", {"noise": 0.02, "n_eval": 400}, np.sqrt(0.25 / 400 + 0.01**2)),
        ("accuracy(chance=0.2)", {"n_eval": 400}, np.sqrt(0.25 / 400)),
    ],
)
def test_a_new_run_adds_both_noises(kind: str, given: dict, sd: float) -> None:
    latent = np.full((20_000, 1), 0.5)
    drawn = new_runs(fake_fit(kind, **given), latent, ALONE, seed=1)
    assert drawn.mean() == pytest.approx(0.5, abs=4 * sd / np.sqrt(20_000))
    assert drawn.std() == pytest.approx(sd, rel=0.03)
    assert np.array_equal(drawn, new_runs(fake_fit(kind, **given), latent, ALONE, seed=1))


def test_a_new_run_stays_in_range() -> None:
    latent = np.concatenate([np.full((10_000, 1), 0.001), np.full((10_000, 1), 0.999)])
    drawn = new_runs(fake_fit("accuracy", n_eval=50, noise=0.1), latent, ALONE, seed=1)
    assert drawn.min() >= 0
    assert drawn.max() <= 1


def test_predictions_bend_below_their_ceiling_and_keep_their_order() -> None:
    value = np.concatenate([np.linspace(0.01, 3.0, 500), np.geomspace(3.1, 1e9, 50)])
    bent = bounded(value, Ceiling(0.99, 1.0))
    low = value <= 0.99
    assert np.array_equal(bent[low], value[low])
    assert np.all(np.diff(bent) > 0)
    assert bent.max() < 1.0
    assert np.array_equal(bounded(value, Ceiling(np.inf, np.inf)), value)


def test_the_ceiling() -> None:
    samples = np.array([50.0, 100.0, 1e9])
    assert list(ceiling(fake_fit("error"), samples).top) == [1, 1, 1]
    assert list(ceiling(fake_fit("loss"), samples).top) == [np.inf, 6, 6]


def test_what_was_observed_is_not_bent() -> None:
    """Accuracies of .1% were told as .5%: the bend began at an error of .99."""
    low = fake_fit("accuracy")
    low.study.value = 1 - np.array([0.0011, 0.0008])
    found = ceiling(low, np.array([1e3]))
    inside = 1 - np.linspace(0.0009, 0.3, 200)
    assert np.array_equal(bounded(inside, found), inside)
    beyond = bounded(1 - np.array([0.0004, -0.1, -3.0]), found)
    assert np.all(np.diff(beyond) > 0)
    assert beyond.max() < 1.0


@pytest.mark.parametrize("values", [[1.0, 1.0], [1.0, 0.97], [1.02, 0.9]])
def test_runs_at_chance_keep_their_order_and_bands_do_not_pass_it(values: list[float]) -> None:
    at_chance = fake_fit("accuracy(chance=0.25)")
    at_chance.study.value = np.array(values)
    found = ceiling(at_chance, np.array([1e3]))
    drawn = np.linspace(0.5, 1.4, 300)
    bent = bounded(drawn, found)
    assert np.all(np.diff(bent) > 0)
    assert bent.max() < 1.0
    best = min(values)
    assert np.all(np.abs(bent - np.minimum(drawn, 1.0))[drawn > best] <= 0.011 * (1 - best) + 1e-5)

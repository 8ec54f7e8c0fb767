import numpy as np
import pytest

from qqt_bayes.risk.ledger import (
    NAMES,
    divide,
    draw_parts,
    explained,
    grouped,
    ledger,
    told_shares,
)


def pair(fit, budgets):
    pools = len(fit.study.pools)
    best, other = np.zeros((len(budgets), pools)), np.zeros((len(budgets), pools))
    best[:, :2], other[:, :3] = 1 / 2, 1 / 3
    return best, other


def test_parts_are_the_prediction(small_fit) -> None:
    budgets = np.array([240e3, 2e6])
    best, _ = pair(small_fit, budgets)
    parts, scale = draw_parts(small_fit, budgets, best, seed=3)
    post = small_fit.posterior
    points = post.design.points_at(budgets, best)
    latent = post.irreducible[:, None] + np.exp(post.at(points, seed=3).log_reducible)
    noise = parts[:, NAMES.index("noise")]
    np.testing.assert_allclose(np.exp((parts.sum(axis=1) - noise) / scale), latent, rtol=1e-9)
    assert np.std(noise, axis=0) == pytest.approx(
        np.sqrt(np.mean(post.noise_variance(latent, best) / latent**2, axis=0)) * scale, rel=0.1
    )


def test_shares_add_up_and_grow_with_distance(small_fit) -> None:
    budgets = np.array([240e3, 960e3, 4e6])
    found = ledger(small_fit, budgets, *pair(small_fit, budgets))
    np.testing.assert_allclose(found.levels.sum(axis=1), 1.0, atol=1e-12)
    np.testing.assert_allclose(found.differences.sum(axis=1), 1.0, atol=1e-12)
    assert min(found.levels.min(), found.differences.min()) >= 0.0
    assert np.all(np.diff(found.level_sd) > 0)
    assert np.all(found.difference_sd[1:] < found.level_sd[1:])
    drift = found.levels[:, NAMES.index("common drift")]
    assert drift[-1] > drift[1]
    moved = np.abs(found.differences[:, NAMES.index("common drift")] * found.difference_sd**2)
    assert np.all(moved < 0.2 * found.level_sd**2)  # it moves both alike
    assert tuple(found.shares(0)) == NAMES


def test_total_variance_is_that_of_the_draws() -> None:
    rng = np.random.default_rng(1)
    parts = rng.normal(size=(20_000, len(NAMES), 1)) * np.arange(1, 7)[None, :, None]
    parts[:, 5] = -0.5 * parts[:, 4]
    shares, sd = divide(parts, np.zeros((1, 1)))
    assert shares.sum() == pytest.approx(1.0)
    # the central part of a normal has a little less than its variance
    assert sd[0] ** 2 == pytest.approx(parts.sum(axis=1).var(), rel=0.1)
    assert sd[0] ** 2 < parts.sum(axis=1).var()
    assert shares[0, 4] == pytest.approx(shares[0, 5], rel=1e-6)  # each tells of the other
    assert shares[0, 4:].sum() == pytest.approx(2.5**2 / (30 + 2.5**2), abs=0.02)
    expected = np.array([1, 4, 9, 16]) / (30 + 2.5**2)
    np.testing.assert_allclose(shares[0, :4], expected, atol=0.02)


def test_law_disagreement_is_variance_between() -> None:
    rng = np.random.default_rng(2)
    parts = np.zeros((20_000, len(NAMES), 1))
    parts[:, 1, 0] = rng.normal(size=20_000)
    _, alone = divide(parts, np.zeros((1, 1)))
    shares, sd = divide(parts, np.array([[0.0], [2.0]]))
    assert sd[0] ** 2 == pytest.approx(alone[0] ** 2 + 1.0)
    assert shares[0, NAMES.index("law disagreement")] == pytest.approx(1 / sd[0] ** 2)
    assert shares.sum() == pytest.approx(1.0)


def test_heavy_tails_do_not_take_over() -> None:
    rng = np.random.default_rng(3)
    parts = np.zeros((4000, len(NAMES), 1))
    parts[:, 0, 0] = rng.normal(size=4000)
    parts[:, 1, 0] = 0.05 * rng.standard_t(1.2, size=4000)
    shares, _ = divide(parts, np.zeros((1, 1)))
    assert shares[0, 0] > 0.85


def test_what_a_part_explains() -> None:
    """Of independent parts their variance; of two, the average over both orders by hand."""
    np.testing.assert_allclose(explained(np.diag([1.0, 0.0, 3.0])), [0.25, 0.0, 0.75])
    a, b, c = 2.0, 5.0, -1.8  # variances and covariance
    total, (toward_a, toward_b) = a + b + 2 * c, (a + c, b + c)
    alone = toward_a**2 / a / total, toward_b**2 / b / total
    by_hand = [0.5 * (alone[0] + 1 - alone[1]), 0.5 * (alone[1] + 1 - alone[0])]
    np.testing.assert_allclose(explained(np.array([[a, c], [c, b]])), by_hand)


def test_small_parts_are_told_together() -> None:
    shares = np.array([[0.6, 0.397, 0.001, 0.002, 0.0, 0.0], [0.1, 0.896, 0.002, 0.002, 0.0, 0.0]])
    parts = dict(grouped(shares))
    assert list(parts) == ["noise", "parameters", "rest"]
    np.testing.assert_allclose(parts["rest"], [0.003, 0.004])
    assert told_shares(dict(zip(NAMES, shares[0], strict=True))) == "noise 60%, parameters 40%"


def test_every_effect_has_a_part() -> None:
    """So that a further effect is in the ledger without a line there."""
    from qqt_bayes.inference.conditional import MEAN
    from qqt_bayes.model.effects import EFFECTS
    from qqt_bayes.risk.ledger import PARTS

    held = sorted(i for places in PARTS.values() for i in places)
    assert held == list(range(MEAN + 1))
    assert all(i in PARTS[effect.part] for i, effect in enumerate(EFFECTS))

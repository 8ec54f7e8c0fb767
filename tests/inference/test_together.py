"""Several studies in one density: against dense Gaussians, finite differences and each alone."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
from dense import dense_form
from scipy.stats import multivariate_normal, norm
from small_studies import Case, family_study, replicated_study

from qqt_bayes.inference.chart import density_and_gradient, dimension
from qqt_bayes.inference.common import INFORMATION, directions
from qqt_bayes.inference.native import pack
from qqt_bayes.inference.together import (
    common_size,
    joint_density,
    joint_density_c,
    joint_few,
    pack_together,
)

COVARIATES = {"exchangeable": None, "trend": np.array([-0.8, 0.5])}


class Pair:
    """Two simulated studies of one pool table in one buffer."""

    def __init__(self, first: Case, second: Case, covariate: np.ndarray | None) -> None:
        self.cases, self.covariate = (first, second), covariate
        self.sizes = [dimension(c.chart) for c in self.cases]
        rng = np.random.default_rng(1)
        self.centres = [rng.normal(0.0, 0.3, n) for n in self.sizes]
        self.factors = [np.tril(0.2 * rng.normal(size=(n, n))) + np.eye(n) for n in self.sizes]
        parts = [
            pack(c.chart, c.cells, m, f)
            for c, m, f in zip(self.cases, self.centres, self.factors, strict=True)
        ]
        self.pools, self.finite = len(first.design.sizes), int(first.chart.finite.sum())
        scalars = [int((c.chart.code > 0).sum()) for c in self.cases]
        places = [(1, n - 1, n) for n in scalars]  # utility, half-life, the first deviation
        trend = covariate is not None
        self.kinds, self.width = common_size(self.pools, self.finite, trend)
        self.pilots = rng.normal(0.0, 0.7, (2, self.width, 2))
        self.pilots[..., INFORMATION] = rng.exponential(3.0, (2, self.width))
        self.pulls = rng.normal(0.0, 0.3, (2, max(scalars), self.width))
        self.parts, self.places = parts, places
        likeness = first.design.likeness
        self.turns = np.array([directions(likeness, rng.normal(size=self.pools)) for _ in range(2)])
        self.buffer = self.packed(self.pilots, self.pulls, (0.4, 0.7))
        self.head = self.kinds + self.width * (2 if trend else 1)
        self.size = self.head + sum(self.sizes)

    def packed(
        self, pilots: np.ndarray, pulls: np.ndarray, own: tuple[float, ...] = (0.0, 0.0)
    ) -> np.ndarray:
        likeness = self.cases[0].design.likeness
        return pack_together(
            self.parts, self.sizes, self.places, self.covariate, likeness, self.turns, self.finite,
            pilots, pulls, list(own),
        )  # fmt: skip

    def value(self, u: np.ndarray) -> float:
        return float(joint_density(u, self.buffer, np.empty(self.size)))

    def gradient(self, u: np.ndarray) -> np.ndarray:
        out = np.empty(self.size)
        assert np.isfinite(joint_density(u, self.buffer, out))
        return out

    def few(self, u: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        """Correlations, and each study's few as if it were alone."""
        out = np.empty(self.size)
        joint_few(u, self.buffer, out)
        return out[: self.kinds], np.split(out[self.head :], np.cumsum(self.sizes)[:-1])


@pytest.fixture(scope="module", params=list(COVARIATES))
def pair(request: pytest.FixtureRequest) -> Pair:
    return Pair(replicated_study(11), replicated_study(23), COVARIATES[request.param])


def test_gradient_equals_finite_differences(pair: Pair) -> None:
    rng = np.random.default_rng(2)
    for _ in range(3):
        u = rng.normal(0.0, 0.6, pair.size)
        rough = [
            (pair.value(u + step) - pair.value(u - step)) / 2e-5
            for step in 1e-5 * np.eye(pair.size)
        ]
        np.testing.assert_allclose(pair.gradient(u), rough, rtol=1e-5, atol=1e-5)


def test_pools_of_which_one_is_unlimited_have_the_same_gradient() -> None:
    families = Pair(family_study(5), family_study(8), COVARIATES["trend"])
    u = np.random.default_rng(3).normal(0.0, 0.5, families.size)
    rough = [
        (families.value(u + step) - families.value(u - step)) / 2e-5
        for step in 1e-5 * np.eye(families.size)
    ]
    np.testing.assert_allclose(families.gradient(u), rough, rtol=1e-5, atol=1e-5)


def test_without_correlation_the_studies_are_alone(pair: Pair) -> None:
    u = np.random.default_rng(4).normal(0.0, 0.6, pair.size)
    u[: pair.kinds] = -7.0  # correlations of 1e-12, kept at the least
    # nothing is common then, and a study is walked where it was alone
    expected = -0.5 * float(u[: pair.head] @ u[: pair.head])
    at = pair.head
    for case, size, centre, factor in zip(
        pair.cases, pair.sizes, pair.centres, pair.factors, strict=True
    ):
        theta = centre + factor @ u[at : at + size]
        expected += density_and_gradient(theta, case.chart, case.cells, np.empty(size))
        at += size
    assert abs(pair.value(u) - expected) < 0.02


def test_pilots_move_the_walk_and_nothing_else(pair: Pair) -> None:
    """The density is that without pilots, at the same values, times the volume of the map."""
    plain = Pair(*pair.cases, pair.covariate)
    plain.buffer = plain.packed(np.zeros_like(pair.pilots), np.zeros_like(pair.pulls))

    def without(u: np.ndarray) -> np.ndarray:
        """Where the walk without pilots has the same values."""
        out = np.empty(pair.size)
        joint_few(u, pair.buffer, out)
        place = np.concatenate([u[: pair.kinds], out[pair.kinds :]])
        reached = np.empty(pair.size)
        for _ in range(8):  # the map from its place to the values is affine: Newton's steps
            joint_few(place, plain.buffer, reached)
            miss = np.concatenate([np.zeros(pair.kinds), (out - reached)[pair.kinds :]])
            slope = np.array(
                [(image(place + 1e-3 * e) - reached) / 1e-3 for e in np.eye(pair.size)]
            ).T
            slope[: pair.kinds] = np.eye(pair.size)[: pair.kinds]
            place = place + np.linalg.solve(slope, miss)
            if np.abs(miss).max() < 1e-10:
                break
        return place

    def image(place: np.ndarray) -> np.ndarray:
        out = np.empty(pair.size)
        joint_few(place, plain.buffer, out)
        return out

    u = np.random.default_rng(8).normal(0.0, 0.5, pair.size)
    turn = np.array([(without(u + s) - without(u - s)) / 2e-4 for s in 1e-4 * np.eye(pair.size)])
    volume = np.linalg.slogdet(turn)[1]
    assert abs(volume) > 0.1  # the pilots do something
    assert pair.value(u) == pytest.approx(plain.value(without(u)) + volume, abs=1e-4)


def test_what_is_common_integrates_to_the_correlated_prior() -> None:
    """The joint Gaussian of both studies' values, written out, has the same density.

    Given the few and the correlations, the walk's log density is quadratic in what utilities and
    levels have in common, so it integrates in closed form.
    """
    pair = Pair(replicated_study(11), replicated_study(23), None)
    pair.buffer = pair.packed(np.zeros_like(pair.pilots), np.zeros_like(pair.pulls))
    u = np.random.default_rng(5).normal(0.0, 0.5, pair.size)
    linear = pair.kinds + np.arange(2 * pair.pools + 1)

    def integrated(correlations: tuple[float, float]) -> float:
        at = u.copy()
        at[[0, 2]] = norm.ppf(correlations)  # of utilities and levels
        at[linear] = 0.0
        slope = pair.gradient(at)[linear]
        hessian = np.array([slope - pair.gradient(at + e)[linear] for e in np.eye(len(u))[linear]])
        _, log_det = np.linalg.slogdet(hessian)
        return pair.value(at) + 0.5 * float(slope @ np.linalg.solve(hessian, slope)) - 0.5 * log_det

    def written_out(correlations: tuple[float, float]) -> float:
        _, thetas = pair.few(u)
        forms = []
        for case, theta in zip(pair.cases, thetas, strict=True):
            natural = natural_of(case, theta)
            form = dense_form(natural, case.design, case.priors, case.kind)
            forms.append((form, *form.seen))
        pools = pair.pools
        kind = np.zeros(forms[0][2].shape[1])  # correlation of each standard normal
        kind[1 : 1 + pools] = correlations[1]
        kind[1 + pools : 2 + 2 * pools] = correlations[0]
        (one, mean, load), (two, other_mean, other_load) = forms
        cross = (load[:, : 2 + 2 * pools] * kind[: 2 + 2 * pools]) @ other_load[
            :, : 2 + 2 * pools
        ].T
        covariance = np.block(
            [[load @ load.T + np.diag(one.noise), cross],
             [cross.T, other_load @ other_load.T + np.diag(two.noise)]]
        )  # fmt: skip
        z, centre = np.concatenate([one.z, two.z]), np.concatenate([mean, other_mean])
        return float(multivariate_normal(centre, covariance).logpdf(z))

    settings = [(0.5, 0.5), (0.9, 0.2), (0.1, 0.8)]
    walked, exact = ([f(s) for s in settings] for f in (integrated, written_out))
    prior = [-0.5 * float(norm.ppf(s) @ norm.ppf(s)) for s in settings]
    found = np.array(walked) - np.array(prior)
    np.testing.assert_allclose(found - found[0], np.array(exact) - exact[0], rtol=1e-5, atol=1e-5)
    assert np.ptp(exact) > 0.01  # the correlations matter here


def natural_of(case: Case, theta: np.ndarray) -> np.ndarray:
    from qqt_bayes.inference.chart import natural_draws

    return natural_draws(theta[None], case.chart)[0]


def test_deviations_of_half_lives_have_the_stated_correlation() -> None:
    """Pushed through `joint_few`, standard normals give the correlation between the studies."""
    pair = Pair(replicated_study(11), replicated_study(23), None)
    pair.centres = [np.zeros(n) for n in pair.sizes]
    parts = [
        pack(c.chart, c.cells, np.zeros(n), np.eye(n))
        for c, n in zip(pair.cases, pair.sizes, strict=True)
    ]
    scalars = [int((c.chart.code > 0).sum()) for c in pair.cases]
    places = [(1, n - 1, n) for n in scalars]
    pair.parts, pair.places = parts, places
    pair.buffer = pair.packed(np.zeros_like(pair.pilots), np.zeros_like(pair.pulls))
    rng = np.random.default_rng(6)
    one, two = [], []
    for _ in range(20_000):
        u = rng.standard_normal(pair.size)
        u[1] = norm.ppf(0.7)
        _, (first, second) = pair.few(u)
        one.append(first[scalars[0]])
        two.append(second[scalars[1]])
    assert abs(np.std(one) - 1.0) < 0.02
    assert abs(np.corrcoef(one, two)[0, 1] - 0.7) < 0.015


def test_the_c_function_gives_the_same(pair: Pair) -> None:
    u = np.random.default_rng(7).normal(0.0, 0.5, pair.size)
    gradient, value = np.empty(pair.size), np.empty(1)
    double = ctypes.POINTER(ctypes.c_double)
    code = joint_density_c.ctypes(
        pair.size, u.ctypes.data_as(double), gradient.ctypes.data_as(double),
        value.ctypes.data_as(double), pair.buffer.ctypes.data,
    )  # fmt: skip
    assert code == 0
    assert value[0] == pair.value(u)
    np.testing.assert_array_equal(gradient, pair.gradient(u))

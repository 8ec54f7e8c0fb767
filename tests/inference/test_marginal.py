"""The marginal density: against dense SciPy, finite differences, PyTensor and the packed buffer."""

from __future__ import annotations

import ctypes
from dataclasses import replace

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from dense import dense_form, dense_log_density
from scipy import stats
from small_studies import Case, leaning, rated_study

from qqt_bayes.errors import UsageError
from qqt_bayes.inference.cells import build_cells
from qqt_bayes.inference.chart import (
    SCALARS,
    build_chart,
    density_and_gradient,
    dimension,
    natural_draws,
    natural_length,
    to_natural,
)
from qqt_bayes.inference.coordinates import bounded, half_student, scalar
from qqt_bayes.inference.marginal import log_density
from qqt_bayes.inference.native import density_c, expand_c, pack, unpack
from qqt_bayes.inference.natural import (
    DILUTION,
    IRREDUCIBLE,
    NOISE,
    RUN_SHARE,
    SCALES,
    SPREAD,
    UTILITY,
    given_shared,
)
from qqt_bayes.inference.noise import WORST
from qqt_bayes.laws.registry import find_law
from qqt_bayes.model.effects import COMPONENTS
from qqt_bayes.model.noise import seed_factor
from qqt_bayes.model.priors import prior_from_dict

PRIORS = {
    "shipped": {},
    "half-student": {
        "common_drift": ("halfstudent", 3, 0.1), "seed_noise": ("halfstudent", 4, 0.01),
        "harm": ("halfstudent", 3, 0.1), "half_life_spread": ("halfstudent", 2, 0.4),
    },
    "half-normal": {
        "irreducible": ("halfnormal", 1.0), "utility": ("halfnormal", 0.5),
        "dilution": ("halfnormal", 0.7), "half_life": ("halfnormal", 8.0),
    },
    "beta": {
        "irreducible": ("beta", 1.5, 3.0), "dilution": ("beta", 2.0, 2.0),
        "harm": ("beta", 1.0, 9.0), "seed_noise": ("beta", 1.0, 60.0),
    },
    "normal": {"dilution": ("normal", 0.7, 0.1), "utility": ("normal", 0.4, 0.05)},
    "lognormal": {
        "harm": ("lognormal", -3.0, 0.5), "level_spread": ("lognormal", -1.5, 0.5),
        "half_life_spread": ("lognormal", -1.0, 0.5),
    },
    "fixed": {
        "dilution": ("fixed", 1.0), "harm": ("fixed", 0.05), "mixture_drift": ("fixed", 0.0),
        "half_life_spread": ("fixed", 0.3), "level": ("fixed", 0.1),
        "quality_effect": ("fixed", 0.0),
    },
    "noise": {
        "run_share": ("beta", 3.0, 1.5), "seed_noise_spread": ("halfstudent", 3, 0.4),
        "half_life_spread": ("halfnormal", 0.4),
    },
    "fixed noise": {"run_share": ("fixed", 0.6), "seed_noise_spread": ("fixed", 0.4)},
    "fixed median": {"half_life": ("fixed", 5.0), "irreducible": ("fixed", 0.2)},
}  # fmt: skip
NAMES = {
    "fixed": ("value",), "normal": ("mu", "sigma"), "lognormal": ("mu", "sigma"),
    "halfnormal": ("sigma",), "halfstudent": ("df", "sigma"), "beta": ("alpha", "beta"),
}  # fmt: skip


def prior(name, family, *numbers):
    return prior_from_dict(
        name, {"family": family} | dict(zip(NAMES[family], numbers, strict=True))
    )


def slope_of(function, at, step=1e-5):
    """Central difference of fourth order."""
    ahead, behind = function(at + step) - function(at - step), function(at + 2 * step)
    return (8.0 * ahead - (behind - function(at - 2 * step))) / (12.0 * step)


def gradient_of(function, at, least=1e-2):
    """Differences with a step in proportion to each entry, or to the least scale of one."""
    out = np.empty(len(at))
    for i in range(len(at)):
        unit = np.eye(len(at))[i]
        step = 3e-5 * max(abs(at[i]), least)
        out[i] = slope_of(lambda s, unit=unit: function(at + s * unit), 0.0, step)
    return out


def test_equals_scipy(case: Case) -> None:
    for natural in case.naturals(20, seed=1):
        density = log_density(natural, case.cells, np.empty(len(natural)))
        expected = dense_log_density(natural, case.design, case.priors, case.kind)
        np.testing.assert_allclose(density, expected, rtol=1e-9, atol=1e-6)


def test_equals_scipy_given_what_is_shared(case: Case) -> None:
    """Value, and derivatives in the few and in what is shared, against finite differences."""
    shared, slopes = leaning(case, 4), np.empty(3 + 2 * len(case.design.sizes))
    for natural in case.naturals(5, seed=1):
        cells = given_shared(case.cells, shared, slopes)
        gradient, scratch = np.empty(len(natural)), np.empty(len(natural))
        density = log_density(natural, cells, gradient)
        expected = dense_log_density(natural, case.design, case.priors, case.kind, shared)
        np.testing.assert_allclose(density, expected, rtol=1e-9, atol=1e-9)

        def moved(v, n=natural, s=scratch):
            return log_density(n, given_shared(case.cells, v, np.empty(len(v))), s)

        found = slopes.copy()
        rough = gradient_of(lambda v, c=cells, s=scratch: log_density(v, c, s), natural)
        # a small noise makes the covariance ill-conditioned, and its differences rough
        largest = abs(rough).max()
        np.testing.assert_allclose(
            found, gradient_of(moved, shared), rtol=2e-5, atol=2e-5 + 4e-9 * largest
        )
        free = np.abs(natural) > 1e-9
        rounding = 2e-4 + 4e-8 * largest
        np.testing.assert_allclose(gradient[free], rough[free], rtol=2e-4, atol=rounding)


def test_gradient_equals_finite_differences(case: Case) -> None:
    free = np.ones(natural_length(case.chart), bool)
    for natural in case.naturals(5, seed=2):
        gradient = np.empty(len(natural))
        log_density(natural, case.cells, gradient)
        scratch = np.empty(len(natural))
        rough = gradient_of(lambda v, s=scratch: log_density(v, case.cells, s), natural)
        # a small noise makes the covariance ill-conditioned, and its differences rough
        rounding = 2e-5 + 4e-8 * abs(rough).max()
        np.testing.assert_allclose(gradient[free], rough[free], rtol=2e-5, atol=rounding)


def symbolic_density(case: Case, natural):
    """The same density in PyTensor, written anew with the law's own source."""
    design, comps, pools = case.design, len(COMPONENTS), len(case.design.sizes)
    points = design.points
    d, m_b = natural[IRREDUCIBLE], natural[UTILITY]
    log_tau = natural[SCALES + comps : SCALES + comps + pools]
    harm = natural[SCALES + comps + pools : SCALES + comps + 2 * pools]
    log_noise = natural[SCALES + comps + 2 * pools : SCALES + comps + 3 * pools]
    x = find_law(design.law).sums(
        points.first, points.epochs, points.shares, log_tau, natural[DILUTION], harm,
        natural[SCALES + comps + 3 * pools :] if case.chart.rated else 0.0, xp=pt,
    )  # fmt: skip
    gap = design.value - d
    seeds = natural[NOISE] * seed_factor(log_noise, points.shares, xp=pt) * design.value
    variance = seeds**2 + design.eval_var
    reference = d if case.kind == "loss" else 1.0 - d
    level, quality = case.priors["level"].pair, case.priors["quality_effect"].pair[1]
    resid = pt.log(gap) - (pt.log(reference) + level[0] - m_b * x.sum(axis=1))
    lean = (x @ design.quality)[:, None]
    c = (m_b * natural[SPREAD]) ** 2 * (x @ design.likeness @ x.T) + level[1] ** 2
    noise = variance / (gap**2 + WORST * variance) / design.count
    c += (m_b * quality) ** 2 * lean @ lean.T + pt.diag(noise)
    of_run = (np.arange(design.run.max() + 1)[:, None] == design.run).astype(float)
    z = pt.log(gap)
    value, again = d + pt.exp(z), seeds / design.value
    along = (
        again * value / pt.sqrt(pt.exp(2.0 * z) + WORST * ((again * value) ** 2 + design.eval_var))
    )
    # mean of the runs' effects, by the Jacobian of z over z - along u; root of the share left out
    tilt = -pt.dot(of_run, pt.grad(along.sum(), z))
    resid -= natural[RUN_SHARE] * along * pt.dot(tilt, of_run)
    together = (design.run[:, None] == design.run) & (design.run[:, None] >= 0)
    together = together & ~np.eye(len(design.value), dtype=bool)
    c += natural[RUN_SHARE] * together * along[:, None] * along[None, :]
    for j in range(comps):
        c += natural[SCALES + j] ** 2 * design.kernels[j]
    _, logdet = pt.linalg.slogdet(c)
    constant = len(design.value) * np.log(2 * np.pi)
    gaussian = -0.5 * (resid @ pt.linalg.solve(c, resid) + logdet + constant)
    gaussian += 0.5 * natural[RUN_SHARE] * tilt @ tilt
    scatter = (design.count - 1.0) * pt.log(variance) + design.scatter / variance
    return gaussian - pt.log(gap).sum() - 0.5 * scatter.sum()


@pytest.mark.parametrize("name", ["replicated", "families", "checkpoints"])
def test_value_and_gradient_equal_pytensor(name: str, request) -> None:
    case = request.getfixturevalue(name)
    natural = pt.vector("natural", shape=(natural_length(case.chart),))
    density = symbolic_density(case, natural)
    compiled = pytensor.function(
        [natural], [density, pt.grad(density, natural)], mode="FAST_COMPILE"
    )
    for vector in case.naturals(3, seed=4):
        gradient = np.empty(len(vector))
        value = log_density(vector, case.cells, gradient)
        expected, slopes = compiled(vector)
        np.testing.assert_allclose(value, expected, rtol=1e-8)
        # the paths of the largest entries cancel: compare on the scale of the whole gradient
        np.testing.assert_allclose(gradient, slopes, rtol=1e-6, atol=1e-8 * abs(slopes).max())


def test_impossible_is_minus_infinity(two_pools: Case) -> None:
    natural = two_pools.naturals(1, seed=1)[0]
    natural[IRREDUCIBLE] = two_pools.design.value.min() * 1.0001
    assert log_density(natural, two_pools.cells, np.empty(len(natural))) == -np.inf


def test_collapsed_replicates_lose_nothing(replicated: Case) -> None:
    """Each replicate as a row of its own gives the same density, up to a constant.

    The noise of a row is relative to its cell's mean, as it is in the cells.
    """
    design, m = replicated.design, replicated.design.count.astype(int)
    rng = np.random.default_rng(1)
    rows = np.repeat(np.arange(len(m)), m)
    apart = np.zeros(len(rows))  # replicates about their mean, with the cell's scatter
    for r in np.flatnonzero(m > 1):
        raw = rng.normal(size=m[r])
        raw -= raw.mean()
        apart[rows == r] = raw * np.sqrt(design.scatter[r] / (raw @ raw))

    def row_by_row(natural):
        form = dense_form(natural, design, replicated.priors, replicated.kind)
        mean, a = form.seen
        # a row's deviation and noise in the log, in units in which the noise of y is linear
        unit = np.sqrt(form.noise * design.count / form.variance)
        z = form.z[rows] + (unit[rows] * apart)
        cov = (a @ a.T)[np.ix_(rows, rows)] + np.diag((unit**2 * form.variance)[rows])
        density = stats.multivariate_normal(mean[rows], cov).logpdf(z)
        return density + (design.count - 1) @ np.log(unit) - np.log(form.gap).sum()

    def of_cells(natural):
        return log_density(natural, replicated.cells, np.empty(len(natural)))

    naturals = replicated.naturals(6, seed=3)
    difference = np.array([row_by_row(v) - of_cells(v) for v in naturals])
    np.testing.assert_allclose(difference, difference[0], atol=1e-7)


@pytest.mark.parametrize("which", PRIORS)
@pytest.mark.parametrize("name", ["two_pools", "families", "checkpoints"])
def test_chart_gradient_for_all_prior_families(name: str, which: str, request) -> None:
    case = request.getfixturevalue(name)
    priors = case.priors | {n: prior(n, *given) for n, given in PRIORS[which].items()}
    chart = case.chart_of(priors)
    cells = build_cells(case.design, priors, case.kind)

    def logp(theta):
        gradient = np.zeros(len(theta))
        return density_and_gradient(theta, chart, cells, gradient), gradient

    rng = np.random.default_rng(1)
    for _ in range(2):
        theta = rng.normal(0, 0.7, dimension(chart))
        value, gradient = logp(theta)
        assert np.isfinite(value)
        rough = gradient_of(lambda v: logp(v)[0], theta, least=3.0)
        np.testing.assert_allclose(gradient, rough, rtol=2e-5, atol=2e-5)


def reference_density(given):
    return {
        "normal": lambda: stats.norm(given.pair[0], given.pair[1]),
        "lognormal": lambda: stats.lognorm(given.pair[1], scale=np.exp(given.pair[0])),
        "halfnormal": lambda: stats.halfnorm(scale=given.pair[1]),
        "halfstudent": lambda: stats.t(given.pair[0], scale=given.pair[1]),
        "beta": lambda: stats.beta(*given.pair),
    }[given.family]()


@pytest.mark.parametrize(
    "given",
    [
        ("normal", 0.3, 0.2), ("lognormal", -1.0, 0.5), ("halfnormal", 0.4),
        ("halfstudent", 2, 0.05), ("halfstudent", 3, 0.2), ("beta", 1.2, 4.0),
    ],
    ids=lambda given: "-".join(map(str, given[:2])),
)  # fmt: skip
@pytest.mark.parametrize("upper", [None, 0.4])
def test_charts_carry_the_prior(given, upper) -> None:
    """Value, slope and log density in u are those of the prior, up to a constant."""
    chosen = prior("x", *given)

    def walk(u):
        if upper is None:
            return scalar(chosen.code, *chosen.pair, u)
        return bounded(chosen.code, *chosen.pair, u, upper)

    density, constants = reference_density(chosen), []
    for u in np.linspace(-2.5, 2.5, 9):
        x, slope, lp, d_lp = walk(u)
        np.testing.assert_allclose(slope, slope_of(lambda v: walk(v)[0], u), rtol=1e-7)
        np.testing.assert_allclose(d_lp, slope_of(lambda v: walk(v)[2], u), rtol=1e-6, atol=1e-8)
        assert upper is None or 0 < x < upper
        constants.append(lp - density.logpdf(x) - np.log(slope))
    np.testing.assert_allclose(constants, constants[0], atol=1e-9)


@pytest.mark.parametrize("df", [1.0, 2.0, 7.0])
def test_a_heavy_tailed_scale_is_walked_without_tails(df) -> None:
    """Its density in u falls as a Gaussian's or faster on both sides, and never becomes NaN."""
    tails = [[half_student(df, 0.05, sign * u)[2] for u in (2.0, 4.0, 6.0)] for sign in (-1, 1)]
    for near, mid, far in tails:
        assert near - mid > 0.2 * (4.0**2 - 2.0**2)
        assert mid - far > 0.2 * (6.0**2 - 4.0**2)
    assert half_student(2.0, 0.05, 1.3)[3] == pytest.approx(-1.3)  # the quantile: standard normal
    for u in (-60.0, 60.0):  # underflow: rejected, not NaN
        assert half_student(df, 0.05, u)[2] == -np.inf


def test_bounded_stays_finite_far_out() -> None:
    for u in (-7.0, 7.0):
        assert np.all(np.isfinite(bounded(2, 0.0, 0.8, u, 1.5)))
    for u in (-60.0, 60.0):  # underflow: rejected, not NaN
        assert bounded(2, 0.0, 0.8, u, 1.5)[2] == -np.inf


def test_a_beta_irreducible_part_stays_below_one(two_pools: Case) -> None:
    wide = replace(two_pools.design, value=two_pools.design.value + 1.5)  # all above one
    priors = two_pools.priors | {"irreducible": prior("irreducible", "beta", 1.0, 3.0)}
    chart = build_chart(priors, wide)
    theta = np.zeros(dimension(chart))
    theta[0] = 3.0
    assert 0.9 < natural_draws(theta[None], chart)[0, IRREDUCIBLE] < 1


def test_half_lives_follow_their_prior(families: Case) -> None:
    """Median, dilution times log size, and family-correlated spread, as in the generative form."""
    spread = {"half_life_spread": prior("half_life_spread", "halfnormal", 0.5)}
    priors = families.priors | spread | {"dilution": prior("dilution", "fixed", 0.8)}
    chart, design = build_chart(priors, families.design), families.design
    rng = np.random.default_rng(1)
    theta = rng.standard_normal((4000, dimension(chart)))
    at = [n for n, code in zip(SCALARS, chart.code, strict=True) if code]
    theta[:, at.index("half_life_spread")] = 0.3
    theta[:, at.index("half_life")] = 0.0
    log_tau = natural_draws(theta, chart)[:, -3 * len(design.sizes) : -2 * len(design.sizes)]
    finite = np.isfinite(design.sizes)
    assert design.log_size[finite].any()
    median, scale = priors["half_life"].pair[0], scalar(3, 0.0, 0.5, 0.3)[0]
    np.testing.assert_allclose(log_tau.mean(axis=0), median + 0.8 * design.log_size, atol=0.04)
    expected = scale**2 * design.likeness[np.ix_(finite, finite)]
    np.testing.assert_allclose(np.cov(log_tau[:, finite].T), expected, atol=0.1 * scale**2)
    np.testing.assert_array_equal(log_tau[:, ~finite], median)


def test_own_noise_carries_the_priors(checkpoints: Case) -> None:
    """Walked as a checkpoint's own noise, noise and run share keep their joint prior."""
    chart, priors = checkpoints.chart, checkpoints.priors
    walked = [n for n, code in zip(SCALARS, chart.code, strict=True) if code]
    at = [walked.index("seed_noise"), walked.index("run_share")]
    size, constants = dimension(chart), []

    def walk(u):
        theta = np.zeros(size)
        theta[at] = u
        natural, slope = np.empty(natural_length(chart)), np.empty(len(SCALARS) + 2)
        return to_natural(theta, chart, natural, slope, np.empty(size)), natural

    for u in np.random.default_rng(3).normal(size=(6, 2)):
        value, natural = walk(u)
        jacobian = np.empty((2, 2))
        for k in range(2):
            move = np.eye(2)[k]
            jacobian[:, k] = slope_of(lambda s, m=move, u=u: walk(u + s * m)[1][[NOISE, RUN_SHARE]],
                                      0.0)  # fmt: skip
        expected = priors["seed_noise"].distribution().logpdf(natural[NOISE])
        expected += priors["run_share"].distribution().logpdf(natural[RUN_SHARE])
        constants.append(value - expected - np.linalg.slogdet(jacobian)[1])
    np.testing.assert_allclose(constants, constants[0], atol=1e-6)


def test_exchange_rates_follow_their_prior() -> None:
    """However walked, their density is that of standard normal effects, Jacobian included."""
    case = rated_study()
    fixed = case.priors | {"exchange_rate": prior("exchange_rate", "fixed", 0.0)}
    free = case.design.rate_factor.shape[1]
    assert free == 2  # of three pools one is the reference
    with_rates, without = case.chart, case.chart_of(fixed)
    sd, rng = case.priors["exchange_rate"].pair[1], np.random.default_rng(4)

    def walk(theta, chart):
        natural, slope = np.empty(natural_length(chart)), np.empty(len(SCALARS) + 3)
        return to_natural(theta, chart, natural, slope, np.empty(len(theta))), natural

    def effects(theta):
        log_rate = walk(theta, with_rates)[1][-3:]
        assert log_rate[0] == 0.0
        return np.linalg.lstsq(sd * case.design.rate_factor, log_rate, rcond=None)[0]

    for theta in rng.normal(0, 0.7, (5, dimension(with_rates))):
        eps = effects(theta)
        jacobian = np.empty((free, free))
        for k in range(free):
            unit = np.eye(len(theta))[len(theta) - free + k]
            jacobian[:, k] = slope_of(lambda s, u=unit, t=theta: effects(t + s * u), 0.0)
        expected = -0.5 * eps @ eps + np.linalg.slogdet(jacobian)[1]
        found = walk(theta, with_rates)[0] - walk(theta[:-free], without)[0]
        assert found == pytest.approx(expected, rel=1e-7)


def test_priors_that_are_integrated_out_must_be_normal(two_pools: Case) -> None:
    for name in ("level", "quality_effect"):
        bad = two_pools.priors | {name: prior(name, "halfnormal", 1.0)}
        with pytest.raises(UsageError, match=f"prior '{name}' is integrated out .* not halfnormal"):
            build_cells(two_pools.design, bad, "loss")
    bad = two_pools.priors | {"quality_effect": prior("quality_effect", "normal", 0.1, 1.0)}
    with pytest.raises(UsageError, match="mean zero"):
        build_cells(two_pools.design, bad, "loss")
    bad = two_pools.priors | {"regime": prior("regime", "lognormal", -2.0, 1.0)}
    with pytest.raises(UsageError, match="'regime' must be halfstudent, halfnormal or fixed"):
        build_cells(two_pools.design, bad, "loss")


def test_packed_and_called_from_c_is_the_same(case: Case) -> None:
    size = dimension(case.chart)
    buffer = pack(case.chart, case.cells, np.zeros(size), np.eye(size))
    chart, cells = unpack(buffer)
    doubles = ctypes.POINTER(ctypes.c_double)
    rng = np.random.default_rng(1)
    assert dimension(chart) == size
    for _ in range(3):
        theta, gradient, value = rng.normal(0, 0.5, size), np.zeros(size), np.zeros(1)
        direct = np.zeros(size)
        expected = density_and_gradient(theta, case.chart, case.cells, direct)
        assert np.isfinite(expected)
        unpacked = np.zeros(size)
        assert density_and_gradient(theta, chart, cells, unpacked) == pytest.approx(expected, 1e-14)
        np.testing.assert_allclose(unpacked, direct, rtol=1e-12)
        code = density_c.ctypes(
            size, theta.ctypes.data_as(doubles), gradient.ctypes.data_as(doubles),
            value.ctypes.data_as(doubles), buffer.ctypes.data_as(ctypes.c_void_p),
        )  # fmt: skip
        assert code == 0
        assert value[0] == pytest.approx(expected, 1e-14)
        np.testing.assert_allclose(gradient, direct, rtol=1e-12)


def test_a_walk_in_the_scale_of_a_posterior(case: Case) -> None:
    doubles = ctypes.POINTER(ctypes.c_double)
    rng, size = np.random.default_rng(2), dimension(case.chart)
    centre, u = rng.normal(0, 0.3, size), rng.normal(0, 0.5, size)
    factor = np.tril(rng.normal(0, 0.1, (size, size))) + 0.5 * np.eye(size)
    buffer = pack(case.chart, case.cells, centre, factor)
    gradient, value, direct, few = np.zeros(size), np.zeros(1), np.zeros(size), np.zeros(size)
    expected = density_and_gradient(centre + factor @ u, case.chart, case.cells, direct)
    code = density_c.ctypes(
        size, u.ctypes.data_as(doubles), gradient.ctypes.data_as(doubles),
        value.ctypes.data_as(doubles), buffer.ctypes.data_as(ctypes.c_void_p),
    )  # fmt: skip
    assert code == 0
    assert value[0] == pytest.approx(expected, 1e-12)
    np.testing.assert_allclose(gradient, factor.T @ direct, rtol=1e-9, atol=1e-12)
    expand_c.ctypes(
        size, size, u.ctypes.data_as(doubles), few.ctypes.data_as(doubles),
        buffer.ctypes.data_as(ctypes.c_void_p),
    )  # fmt: skip
    np.testing.assert_allclose(few, centre + factor @ u, rtol=1e-12)


def test_an_impossible_point_is_rejected_in_c(two_pools: Case) -> None:
    doubles = ctypes.POINTER(ctypes.c_double)
    size = dimension(two_pools.chart)
    buffer = pack(two_pools.chart, two_pools.cells, np.zeros(size), np.eye(size))
    theta = np.full(size, 1e4)
    gradient, value = np.zeros(len(theta)), np.zeros(1)
    code = density_c.ctypes(
        len(theta), theta.ctypes.data_as(doubles), gradient.ctypes.data_as(doubles),
        value.ctypes.data_as(doubles), buffer.ctypes.data_as(ctypes.c_void_p),
    )  # fmt: skip
    assert code > 0

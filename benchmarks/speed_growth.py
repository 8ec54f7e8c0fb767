"""What is measured of growth with the number of cells: rows of the table, as in `speed_rows`."""

import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from speed_rows import PAIRS, Row, timed
from speed_studies import grid_runs, grid_study, setup

import qqt_bayes as qqt
from qqt_bayes.inference.cells import NO_KERNELS, WHOLE, build_cells
from qqt_bayes.inference.chart import build_chart, density_and_gradient, dimension
from qqt_bayes.inference.layout import BETWEEN, TOLERANCE, build_arrow, build_blocks
from qqt_bayes.inference.marginal import log_density
from qqt_bayes.inference.posterior import sample_posterior
from qqt_bayes.inference.sample import Settings
from qqt_bayes.inference.structure import packed
from qqt_bayes.model.prior_predictive import draw_prior


def gradient_seconds(study, whole=False):
    """Processor time of one density with its gradient, the least of some; and the cells.

    Processor time, for one thread does the work and others may want the core. ``whole`` keeps the
    covariance whole whatever the number of cells.
    """
    design, priors, kind = setup(study)
    chart, cells = build_chart(priors, design), build_cells(design, priors, kind)
    if whole:
        cells = cells._replace(kernels=design.kernels, layout=WHOLE, form=0)
    few = np.random.default_rng(1).normal(0.0, 0.3, dimension(chart))
    gradient = np.zeros_like(few)
    size = len(cells.value)
    count = max(2, int(2e6 / size**2.5)) if whole or size < 150 else max(2, 40_000 // size)
    density_and_gradient(few, chart, cells, gradient)

    def many():
        begin = time.process_time()
        for _ in range(count):
            density_and_gradient(few, chart, cells, gradient)
        return time.process_time() - begin

    return min(many() for _ in range(PAIRS)) / count, size


# Pools, budgets, seeds, unions, budgets of a union.
GROWTH = (
    (2, 5, 1), (4, 10, 1), (4, 25, 1), (20, 10, 1), (20, 2, 5), (40, 5, 1), (20, 20, 5),
    (20, 50, 1), (20, 100, 1), (20, 9, 1, 5, 4), (20, 95, 1, 5, 20), (20, 90, 1, 10, 20),
)  # fmt: skip
MIXED = (20, 9, 1, 5, 4), (20, 95, 1, 5, 20)  # 200 and 2,000 runs, a tenth or twentieth on unions


def growth() -> Iterator[Row]:
    """What one gradient costs as runs and pools grow; a fit takes about 60,000 of them."""
    found = {}
    for given in GROWTH:
        seconds, cells = gradient_seconds(grid_study(*given))
        found[given] = seconds
        pools, budgets, seeds, unions, more = (*given, 0, 0)[:5]
        on = f", {unions * more} of them on {unions} unions" if unions else ""
        runs = pools * budgets * seeds + unions * more
        yield Row(f"one gradient, {runs} runs, {pools} pools, {cells} cells{on}: ms",
                  1e3 * seconds, "-", f"least of {PAIRS}, processor time")  # fmt: skip
    for given in ((4, 25, 1), (20, 10, 1), (20, 20, 5)):
        seconds, cells = gradient_seconds(grid_study(*given), whole=True)
        yield Row(f"the same, {given[0]} pools, {cells} cells, covariance kept whole: ms",
                  1e3 * seconds, "-", f"least of {PAIRS}, processor time")  # fmt: skip
    for text, more, fewer in (
        ("2,000 runs (20 pools x 20 budgets x 5 seeds) / 200 runs (20 x 10)", 6, 3),
        ("2,000 runs (20 pools x 20 budgets x 5 seeds) / 200 runs (20 x 2 x 5)", 6, 4),
        ("2,000 runs (20 pools x 100 budgets) / 200 runs (20 x 10)", 8, 3),
        ("2,000 runs, 100 on unions (20 pools) / 200 runs, 20 on unions", 10, 9),
    ):
        yield Row(text, found[GROWTH[more]] / found[GROWTH[fewer]], "<= 15", "of one gradient")


def fits() -> Iterator[Row]:
    """A whole fit until its gate is passed, and a decision, of 200 and of 2,000 runs."""
    sample_posterior(*setup(grid_study(4, 5)), 0, Settings(draws=50, tune=50))  # load the kernels
    seconds = []
    for given in MIXED:
        runs = grid_runs(*given)
        begin = time.perf_counter()
        fit = qqt.fit(runs, "loss", seed=1)
        seconds.append(time.perf_counter() - begin)
        size = f"{len(runs.table):,} runs, 20 pools, 5 unions"
        how = f"once, {fit.posterior.gradients:,} gradients, gate passed"
        yield Row(f"fit, {size}: seconds", seconds[-1], "-", how)
        decided = timed(lambda f=fit: f.decide("4M,8M", on_fail="warn"))
        yield Row(f"decide at 2 budgets, all data, {size}: seconds", decided, "-", "once")
    yield Row("fit, 2,000 runs / 200 runs", seconds[1] / seconds[0], "<= 15", "once")


def left_out() -> Iterator[Row]:
    """Error of the log density by what the features leave out, where both forms can be had.

    Over draws of the drifts' scales from their priors, much wider than a posterior of 400 cells;
    the values are a smooth curve with the noise that is assumed.
    """
    for build, tolerance, given in (
        (build_arrow, TOLERANCE, (4, 90, 1, 2, 20)), (build_blocks, BETWEEN, (20, 20, 1)),
    ):  # fmt: skip
        yield from left_out_of(build, tolerance, given)


def left_out_of(build, shipped, given) -> Iterator[Row]:
    """The same of one form and study; see `left_out`."""
    design, priors, kind = setup(grid_study(*given))
    rng = np.random.default_rng(3)
    drawn = draw_prior(design, design.points, priors, kind, 40, 1)[1]["natural"]
    drawn[:, 0] = rng.uniform(0.9, 1.0, len(drawn)) * 1.9
    smooth = 2.0 + 2.0 * np.exp(design.points.log_samples - np.log(3e4)) ** -0.27
    normal = rng.normal(size=len(smooth))
    for noise in (0.02, 0.005, 0.002):
        noisy = replace(design, value=smooth * (1.0 + noise * normal))
        whole = build_cells(noisy, priors, kind)
        whole = whole._replace(kernels=design.kernels, layout=WHOLE, form=0)
        drawn[:, 3] = noise
        for tolerance in (10.0 * shipped, shipped, 0.1 * shipped):
            made = build(noisy, tolerance)
            layout, form = packed(made)
            cells = whole._replace(kernels=NO_KERNELS, layout=layout, form=form)
            spare = np.empty(drawn.shape[1])
            gap = [log_density(v, cells, spare) - log_density(v, whole, spare) for v in drawn]
            features = made.block.shape[1] if build is build_arrow else len(made.border)
            yield Row(
                f"sd of the log density's error, {len(smooth)} cells as {type(made).__name__}, "
                f"noise {noise:.1%}, up to {tolerance:.0e} left out", float(np.std(gap)), "-",
                f"40 draws; {features} features",
            )  # fmt: skip


ROWS = {work.__name__: work for work in (growth, fits, left_out)}

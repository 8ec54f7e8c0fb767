"""What is measured, one function a name for ``--only``; each yields rows of the table."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from statistics import median
from typing import NamedTuple

import numpy as np
from speed_studies import (
    SINGLE,
    bundled,
    setup,
    small_study,
)

import qqt_bayes as qqt
from qqt_bayes.calibrate.replicate import default_study, replicate
from qqt_bayes.inference.cores import one_core
from qqt_bayes.inference.gate import check_draws
from qqt_bayes.inference.posterior import sample_posterior
from qqt_bayes.inference.sample import Settings, Start, warmed
from qqt_bayes.laws.grid_search import default_grids, fit_grid
from qqt_bayes.refits import Workers

PAIRS = 5
LONG = Settings(draws=1000, tune=400)
HORIZONS = (2.0, 4.0)
FRESH = """
import time; begin = time.perf_counter()
import qqt_bayes as qqt
runs = qqt.datasets.load("proving_ground").select(where={{"seed": "0"}}, upto="480k")
runs = runs.replace(runs.table[runs.table["data"].isin({data!r})])
first = time.perf_counter()
fit = qqt.fit(runs, "loss", seed=1)
fitted = time.perf_counter()
fit.decide("240k,480k,960k,1.92M,3.84M", "A;A+B;A+B+C;A+B+C+D").table
print(fitted - first, time.perf_counter() - begin)
"""


class Row(NamedTuple):
    """A figure, its goal and how it was taken."""

    what: str
    value: float
    goal: str
    how: str = ""


def timed(work, *args):
    """Seconds that a call takes."""
    begin = time.perf_counter()
    work(*args)
    return time.perf_counter() - begin


def smallest_ess(draws):
    """Smallest bulk or tail effective sample size, draws dims (quantity, chain, draw)."""
    return check_draws([str(i) for i in range(len(draws))], draws).figures["ess"]


def worst_ess(posterior):
    """Smallest effective size of the few, the cells and the candidates beyond the data."""
    design = posterior.design
    shares = np.unique(design.points.shares, axis=0)
    ahead = np.repeat(np.exp(design.largest) * np.array(HORIZONS), len(shares))
    points = design.points_at(ahead, np.tile(shares, (len(HORIZONS), 1)))
    parts = (posterior.fitted.log_reducible, posterior.at(points).log_reducible)
    few = np.moveaxis(posterior.theta, -1, 0)
    other = [np.moveaxis(p.reshape(*posterior.chains, -1), -1, 0) for p in parts]
    return smallest_ess(np.concatenate([few, *other]))


@cache
def ours(name, accept=LONG.target_accept):
    """Seconds, gradients after warm-up and smallest effective size: one entry a seed."""
    given = setup(bundled()[name])
    sample_posterior(*given, 0, Settings(draws=50, tune=50))  # load the kernels
    found = []
    for seed in range(1, PAIRS + 1):
        begin = time.perf_counter()
        post = sample_posterior(*given, seed, replace(LONG, target_accept=accept))
        ess = worst_ess(post)
        found.append((time.perf_counter() - begin, post.stats["n_steps"].sum(), ess))
    return found


@cache
def plain(name, adaptation):
    """The same of the plain generative form, once; ``None`` is what ``pm.sample`` does."""
    import nutpie
    import pymc as pm

    from qqt_bayes.model.generative import generative_model

    model = generative_model(*setup(bundled()[name]))
    if adaptation is None:
        with model:
            begin = time.perf_counter()
            trace = pm.sample(random_seed=1, progressbar=False)
    else:
        compiled = nutpie.compile_pymc_model(model)
        begin = time.perf_counter()
        trace = nutpie.sample(compiled, seed=1, progress_bar=False, adaptation=adaptation)
    seconds = time.perf_counter() - begin
    post = trace["posterior"]
    flat = [post[v].values.reshape(*post[v].shape[:2], -1) for v in post.data_vars]
    draws = np.moveaxis(np.concatenate(flat, axis=2), -1, 0)
    moving = np.ptp(draws, axis=(1, 2)) > 0
    stats = trace["sample_stats"]
    steps = stats["n_steps" if "n_steps" in stats else "tree_size"].values.sum()
    return seconds, steps, smallest_ess(draws[moving])


def effective() -> Iterator[Row]:
    """Effective draws a second against the plain form, and gradients for each."""
    name = "LAION ViT-B-16"
    rate = median(ess / seconds for seconds, _, ess in ours(name))
    for label, adaptation, goal in (
        ("pm.sample defaults", None, ">= 15"),
        ("low-rank adaptation", "low_rank", ">= 3"),
    ):
        seconds, steps, ess = plain(name, adaptation)
        yield Row(
            f"effective draws a second, {name}: ours / plain form, {label}", rate * seconds / ess,
            goal, f"ours {rate:.0f} a second, median of {PAIRS}; theirs {ess / seconds:.2f}, once",
        )  # fmt: skip
        yield Row(
            f"gradients per effective draw, {name}: plain form, {label}", steps / ess, "-",
            "after warm-up, once",
        )  # fmt: skip


def gradients() -> Iterator[Row]:
    """Gradient evaluations per effective draw of the worst quantity."""
    for accept in (LONG.target_accept, 0.8):
        for name in bundled():
            used = median(steps / ess for _, steps, ess in ours(name, accept))
            yield Row(f"gradients per effective draw, {name}: ours", used, "<= 25",
                      f"target acceptance {accept}, after warm-up, median of {PAIRS}")  # fmt: skip


def fresh_process(cache_folder=None):
    """Seconds of the first fit and of everything, imports included, in a new process."""
    env = os.environ | ({"NUMBA_CACHE_DIR": cache_folder} if cache_folder else {})
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FRESH.format(data=list(SINGLE))],
        capture_output=True, text=True, check=True, env=env,
    )  # fmt: skip
    fitted, whole = map(float, done.stdout.split())
    return fitted, whole


@cache
def cold():
    """A fresh process with nothing compiled."""
    with tempfile.TemporaryDirectory() as folder:
        return fresh_process(folder)


def authors_grid():
    """Seconds that the authors' procedure takes on the same runs: vectorised, and as they do it.

    One curve at a time it is run on the first of the 70 settings only and multiplied.
    """
    study = small_study(SINGLE)
    sizes = dict(zip(study.pools.names, study.pools.sizes, strict=True))
    given = list(study.data), study.samples, study.value, {p: sizes[p] for p in SINGLE}
    a, d, *_ = default_grids(study.samples, study.value, 1e5)
    whole = timed(lambda: fit_grid(*given))
    one = timed(lambda: fit_grid(*given, a_grid=a[:1], d_grid=d[:1], vectorised=False))
    return whole, one * len(a) * len(d), len(a) * len(d)


def bands() -> Iterator[Row]:
    """From a table to bands in a fresh process, against the authors' grid search."""
    fresh_process()
    pairs = [(fresh_process()[1], authors_grid()) for _ in range(PAIRS)]
    seconds = median(s for s, _ in pairs)
    settings = pairs[0][1][2]
    yield Row("table to bands, 4 pools x 5 budgets, fresh process, warm cache: seconds", seconds,
              "<= 5", f"median of {PAIRS}")  # fmt: skip
    for label, k in (("a curve at a time", 1), ("vectorised", 0)):
        yield Row(
            f"authors' grid ({settings} settings), {label} / table to bands",
            median(grid[k] / s for s, grid in pairs), ">= 10" if k else "-",
            f"median of {PAIRS} pairs" + (", one setting run and multiplied" if k else ""),
        )  # fmt: skip
    yield Row("table to bands with nothing compiled: seconds", cold()[1], "-", "once")


def refit() -> Iterator[Row]:
    """A warm refit of 30 runs that passes its gate, against the first fit with its compile."""
    given = setup(small_study())
    first = sample_posterior(*given, 1)
    start, settings = Start.of(first.theta), warmed(Settings())
    seconds, passed = [], 0
    for seed in range(2, 2 + 2 * PAIRS):
        begin = time.perf_counter()
        passed += sample_posterior(*given, seed, settings, start).gate.passed
        seconds.append(time.perf_counter() - begin)
    yield Row("one warm refit, 30 runs, until its gate is passed: seconds", median(seconds),
              "<= 0.5", f"median of {2 * PAIRS}, of which {passed} passed")  # fmt: skip
    yield Row("first fit with its compile / one warm refit", cold()[0] / median(seconds), ">= 30",
              "the first once")  # fmt: skip


def compile_each(study):
    """Seconds to compile and sample the plain form of a study, as SBC packages do it."""
    import nutpie

    from qqt_bayes.model.generative import generative_model

    begin = time.perf_counter()
    compiled = nutpie.compile_pymc_model(generative_model(*setup(study)))
    nutpie.sample(compiled, seed=1, draws=500, tune=500, chains=2, progress_bar=False)
    return time.perf_counter() - begin


def sbc(replications=100) -> Iterator[Row]:
    """Simulation-based calibration, against one compile a replication."""
    with Workers(2) as crew:
        replicate(replications=4, workers=crew)
        each = timed(lambda: replicate(replications=replications, workers=crew)) / replications
    theirs = median(compile_each(default_study()) for _ in range(2))
    yield Row("SBC, 500 replications on 2 processes: minutes", 500 * each / 60, "<= 5",
              f"{replications} run and multiplied")  # fmt: skip
    yield Row("SBC, a compile of the plain form a replication / ours", theirs / each, ">= 40",
              "theirs: median of 2, two chains of 500 + 500 on 2 cores")  # fmt: skip


def workers(replications=16) -> Iterator[Row]:
    """Two processes and two dask workers against one of each, every refit on one core.

    Alone in this process a fit would use the other core for its chains.
    """
    from distributed import Client, LocalCluster

    def seconds(crew):
        with one_core():
            return timed(lambda: replicate(replications=replications, workers=crew))

    def compare(crews):
        for crew in crews:
            replicate(replications=4, workers=crew)
        pairs = [tuple(map(seconds, crews)) for _ in range(PAIRS)]
        return median(a / b for a, b in pairs)

    def cluster(count):
        return LocalCluster(
            n_workers=count, threads_per_worker=1, dashboard_address=None, processes=True
        )

    how = f"{replications} refits, median of {PAIRS} pairs"
    with Workers(1) as one, Workers(2) as two:
        yield Row("refits, one process / two", compare((one, two)), ">= 1.7", how)
    with cluster(1) as few, cluster(2) as more, Client(few) as one, Client(more) as two:
        crews = Workers(1, one), Workers(1, two)
        yield Row("refits, one dask worker / two", compare(crews), ">= 1.7", how)


def points() -> Iterator[Row]:
    """What a decision costs as candidates x budgets grow."""
    runs = qqt.datasets.load("proving_ground").select(where={"seed": "0"}, upto="480k")
    runs = runs.replace(runs.table[runs.table["data"].isin(SINGLE)])
    fit = qqt.fit(runs, "loss", seed=1)
    rng = np.random.default_rng(0)
    for count, budgets in ((10, 1), (10, 10), (100, 10)):
        weights = 1 + rng.multinomial(996, rng.dirichlet(np.full(4, 5.0), count))
        shares = [
            "+".join(f"{p}:{w / 1000:.3f}" for p, w in zip(SINGLE, row, strict=True))
            for row in weights
        ]
        wanted = [float(n) for n in np.geomspace(5e5, 2e6, budgets)]
        seconds = timed(lambda s=shares, w=wanted: fit.decide(w, s, on_fail="warn"))
        yield Row(f"decide, {count} candidates x {budgets} budgets: seconds", seconds, "-", "once")


ROWS = {work.__name__: work for work in (gradients, refit, bands, workers, sbc, points, effective)}

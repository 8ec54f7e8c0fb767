"""Speed, as ratios against named baselines in one run: ``python benchmarks/speed.py``.

Prints a table and writes ``benchmarks/results.json``. Ratios, not seconds, are what to quote: the
machine's speed cancels. ``--quick`` leaves out the plain generative form, which takes minutes.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

import qqt_bayes as qqt
from qqt_bayes.inference.gate import check_draws
from qqt_bayes.inference.posterior import sample_posterior
from qqt_bayes.inference.sample import Settings
from qqt_bayes.laws.grid_search import fit_grid
from qqt_bayes.model.design import build_design
from qqt_bayes.store import versions

HERE = Path(__file__).parent
FRESH = """
import time; t = time.perf_counter()
import qqt_bayes as qqt
runs = qqt.datasets.load("proving_ground").select(where={"seed": "0"}, upto="480k")
rows = runs.table[runs.table["data"].isin(["A", "B", "C", "D", "A+B", "A+B+C"])]
runs = runs.replace(rows)
fit = qqt.fit(runs, "loss", seed=1)
fit.decide("240k,480k,960k,1.92M,3.84M", "A;A+B;A+B+C;A+B+C+D")
print(time.perf_counter() - t)
"""


def study_of(name, metric, **where):
    runs = qqt.datasets.load(name)
    return runs.study(metric, where=where or None)


def small_study():
    """Four pools and two unions at five budgets, one seed: 30 runs."""
    runs = qqt.datasets.load("proving_ground").select(where={"seed": "0"}, upto="480k")
    keep = runs.table["data"].isin(["A", "B", "C", "D", "A+B", "A+B+C"])
    return runs.replace(runs.table[keep]).study("loss")


def setup(study):
    spec = qqt.load_spec("effective_utility")
    return build_design(study, spec), spec.priors(study.kind), study.kind


def smallest_ess(draws):
    """Smallest bulk or tail effective sample size, draws dims (quantity, chain, draw)."""
    return check_draws([str(i) for i in range(len(draws))], draws).figures["ess"]


def gradients_per_draw(study, settings):
    """Gradient evaluations, warm-up included and not, per effective draw of the worst few."""
    post = sample_posterior(*setup(study), 1, settings)
    ess = smallest_ess(np.moveaxis(post.theta, -1, 0))
    return post.stats["n_steps"].sum() / ess, post.gradients / ess


def marginal_rate(study):
    design, priors, kind = setup(study)
    sample_posterior(design, priors, kind, 0, Settings(draws=50, tune=50))  # load the kernels
    start = time.perf_counter()
    post = sample_posterior(design, priors, kind, 1, Settings(draws=1000, tune=400))
    draws = np.concatenate(
        [
            np.moveaxis(post.theta, -1, 0),
            np.moveaxis(post.fitted.log_reducible.reshape(*post.chains, -1), -1, 0),
        ]
    )
    return smallest_ess(draws) / (time.perf_counter() - start)


def plain_rate(study, adaptation):
    """The plain generative form: pm.sample's defaults, or nutpie with low-rank adaptation."""
    import nutpie
    import pymc as pm

    from qqt_bayes.model.generative import generative_model

    model = generative_model(*setup(study))
    if adaptation is None:
        with model:
            start = time.perf_counter()
            trace = pm.sample(random_seed=1, progressbar=False)
    else:
        compiled = nutpie.compile_pymc_model(model)
        start = time.perf_counter()
        trace = nutpie.sample(compiled, seed=1, progress_bar=False, adaptation=adaptation)
    taken = time.perf_counter() - start
    post = trace["posterior"]
    flat = [post[v].values.reshape(*post[v].shape[:2], -1) for v in post.data_vars]
    draws = np.moveaxis(np.concatenate(flat, axis=2), -1, 0)
    moving = np.ptp(draws, axis=(1, 2)) > 0
    return smallest_ess(draws[moving]) / taken


def fresh_process(cache=None):
    env = os.environ | ({"NUMBA_CACHE_DIR": cache} if cache else {})
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FRESH], capture_output=True, text=True, check=True,
        env=env,
    )  # fmt: skip
    return float(done.stdout.split()[-1])


def refit_time(study):
    """One warm-started refit that passes the gate."""
    design, priors, kind = setup(study)
    first = sample_posterior(design, priors, kind, 1)
    start = first.theta.mean(axis=(0, 1))
    times = []
    for seed in range(5):
        begin = time.perf_counter()
        settings = Settings(draws=400, tune=200)
        passed = sample_posterior(design, priors, kind, seed, settings, start).gate.passed
        times.append(time.perf_counter() - begin)
        assert passed
    return median(times)


def grid_time():
    """The authors' procedure in plain loops, as their cost a curve times the curves of the grid."""
    study = small_study()
    single = [i for i, d in enumerate(study.data) if "+" not in d]
    data = [study.data[i] for i in single]
    sizes = dict(zip(study.pools.names, study.pools.sizes, strict=True))
    begin = time.perf_counter()
    grid = fit_grid(
        data, study.samples[single], study.value[single], {p: sizes[p] for p in set(data)}
    )
    return time.perf_counter() - begin, grid.evaluations


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    rows = []

    def row(what, value, goal):
        rows.append({"what": what, "value": round(float(value), 3), "goal": goal})
        print(f"{what:<78} {value:>9.3g}   goal {goal}", flush=True)

    sets = {
        "LAION ViT-B-16": study_of("laion_clip", "imagenet_accuracy", model="ViT-B-16"),
        "LAION ViT-B-32": study_of("laion_clip", "imagenet_accuracy", model="ViT-B-32"),
        "paper budgets": study_of("paper_budgets", "avg18_accuracy"),
        "30 runs": small_study(),
    }
    settings = Settings(draws=1000, tune=400)
    worst = {name: gradients_per_draw(study, settings) for name, study in sets.items()}
    for name, (after, whole) in worst.items():
        row(f"gradients per effective draw, {name} (warm-up included: {whole:.0f})", after, "<= 25")
    with tempfile.TemporaryDirectory() as cache:
        cold = fresh_process(cache)
    warm = [fresh_process() for _ in range(5)]
    refit = refit_time(sets["30 runs"])
    row("table to bands, fresh process, nothing compiled: seconds", cold, "-")
    row("table to bands, fresh process, warm cache: seconds", median(warm), "<= 5")
    row("one warm refit of 30 runs, gate passed: seconds", refit, "<= 0.5")
    row("first fit with its compile / one refit", cold / refit, ">= 30")
    taken, curves = grid_time()
    row(f"vectorised grid ({curves:,} curves) / table to bands", taken / median(warm), ">= 10")
    if not quick:
        ours = marginal_rate(sets["LAION ViT-B-16"])
        for label, adaptation, goal in (
            ("pm.sample defaults", None, ">= 15"),
            ("low-rank adaptation", "low_rank", ">= 3"),
        ):
            theirs = plain_rate(sets["LAION ViT-B-16"], adaptation)
            row(f"effective draws a second, ours / plain form with {label}", ours / theirs, goal)
    about = {"machine": platform.machine(), "cores": os.cpu_count(),
             "python": platform.python_version(), "versions": versions()}  # fmt: skip
    part = HERE / ".results.part"
    part.write_text(json.dumps({"about": about, "results": rows}, indent=2) + "\n")
    part.replace(HERE / "results.json")


if __name__ == "__main__":
    main()

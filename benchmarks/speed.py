"""Speed, as ratios to one baseline in the same run: ``python benchmarks/speed.py``.

The baseline is the README's fit (65 cells), so that the machine's speed cancels. Prints a table and
writes ``benchmarks/results/speed.json``. ``--only NAME`` measures one part and keeps the others.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import stored
from speed_studies import grid_runs, small_runs, swarm_runs

import qqt_bayes as qqt
from qqt_bayes.calibrate.replicate import replicate
from qqt_bayes.inference.settings import Settings

RESULTS = Path(__file__).with_name("results") / "speed.json"
COLUMNS = ["part", "what", "goal, s", "s", "/ README's fit", "values"]
FRESH = """
import time; begin = time.perf_counter()
import qqt_bayes as qqt
from speed_studies import small_runs
fit = qqt.fit(small_runs(), "loss", seed=1)
fit.decide("240k,480k,960k,1.92M,3.84M", "A;A+B;A+B+C;A+B+C+D").table
print(time.perf_counter() - begin)
"""


def seconds(work, times=1):
    """Median seconds of some calls, and what the last returned."""
    spent = []
    for _ in range(times):
        begin = time.perf_counter()
        made = work()
        spent.append(time.perf_counter() - begin)
    return median(spent), made


def readme():
    """The README's table, fitted and decided."""
    runs = qqt.datasets.load("proving_ground").select(upto="480k")
    spent, fit = seconds(lambda: qqt.fit(runs, "loss", seed=1), 5)
    yield "README's fit, 65 cells", 1.5, spent, fit
    yield "decide at 2 budgets", None, seconds(lambda: fit.decide("480k,1.92M"), 3)[0], None


def small():
    """Thirty runs: a new process, a fit, a refit from a similar one, and NUTS."""
    here = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    spent, _ = seconds(lambda: subprocess.run([sys.executable, "-c", FRESH], env=here, check=True,
                                              capture_output=True), 3)  # fmt: skip
    yield "30 runs, new process, table to bands at 5 budgets", 1.5, spent, None
    runs = small_runs()
    spent, fit = seconds(lambda: qqt.fit(runs, "loss", seed=1), 5)
    yield "30 runs, fit", None, spent, fit
    near = Settings(start=fit.posterior.start)
    spent, again = seconds(lambda: qqt.fit(runs, "loss", seed=2, settings=near), 5)
    yield "30 runs, refit from a similar posterior", 0.3, spent, again
    spent, long = seconds(lambda: qqt.fit(runs, "loss", seed=1, settings=Settings(engine="nuts")))
    yield "30 runs, fit by NUTS (nutpie), as many draws", None, spent, long


def grids():
    """Many pools and many runs."""
    for pools, budgets, unions in ((20, 10, 0), (20, 15, 0), (20, 9, 5)):
        runs = grid_runs(pools, budgets, 1, unions, 4 if unions else 0)
        spent, fit = seconds(lambda r=runs: qqt.fit(r, "loss", seed=1, on_fail="warn"))
        words = f"{len(runs.table)} runs, {pools} pools" + (f", {unions} unions" if unions else "")
        yield words, 60, spent, fit


def swarm():
    """Many mixtures of many pools."""
    for mixtures, pools, budgets, goal in (
        (128, 17, 1, 240),
        (512, 17, 1, 240),
        (168, 40, 5, None),
    ):
        runs = swarm_runs(mixtures, pools, budgets)
        spent, fit = seconds(lambda r=runs: qqt.fit(r, "loss", seed=1, on_fail="warn"))
        yield f"{mixtures} mixtures of {pools} pools, {budgets} budget(s)", goal, spent, fit


def large():
    """Two thousand runs of three pools, each a cell of its own."""
    runs = grid_runs(3, 667)
    spent, fit = seconds(lambda: qqt.fit(runs, "loss", seed=1, on_fail="warn"))
    yield "2,001 runs, 3 pools", 300, spent, fit


def sbc():
    """A study simulated, fitted and ranked, as for an SBC."""
    spent, _ = seconds(lambda: replicate(replications=40, seed=1, workers=os.cpu_count()))
    yield "SBC, one study of 500 (goal: four minutes for all)", 0.48, spent / 40, None


PARTS = {part.__name__: part for part in (readme, small, grids, swarm, large, sbc)}


def write(rows):
    """Write the rows measured, and keep those of other parts."""
    old = stored.read(RESULTS).get("fits", {})
    measured = {row[0] for row in rows}
    kept = [row for row in old.get("rows", ()) if row[0] not in measured]
    order = list(PARTS)
    kept = sorted(kept + rows, key=lambda row: order.index(row[0]))
    table = stored.table("benchmarks/speed.py", COLUMNS, kept, digits=2)
    stored.write(RESULTS, {"fits": table})


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", choices=PARTS, metavar="NAME",
                        help=f"one of {', '.join(PARTS)}; may be given several times")  # fmt: skip
    chosen = parser.parse_args().only or list(PARTS)
    baseline = next(readme())[2]
    print(f"the README's fit: {baseline:.2f} s; {os.cpu_count()} cores, "
          f"load {os.getloadavg()[0]:.1f}")  # fmt: skip
    rows = []
    for name in chosen:
        for what, goal, spent, fit in PARTS[name]():
            values = None if fit is None else int(fit.posterior.values)
            passed = "" if fit is None or fit.converged else " (gate not passed)"
            ratio = spent / baseline
            figures = [float(f"{v:.3g}") for v in (spent, ratio)]
            rows.append([name, what + passed, goal, *figures, values])
            print(
                f"{what + passed:<60} {spent:>8.2f} s {ratio:>7.3g} x  {goal} {values}", flush=True
            )
            write(rows)


if __name__ == "__main__":
    main()

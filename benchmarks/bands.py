"""Do bands hold on runs that nobody fitted, and what do scales learned from tables change?

Every table that ships and any further ones: fits up to a budget, later runs up to 8 times further
judged (levels, differences to the best of a budget, choices), by each method of `qqt calibrate`;
the scales that all other tables teach (`qqt_bayes.calibrate.learn`); and unions of our own runs
foretold from single pools.

    python benchmarks/bands.py run|single|learn|report --work FOLDER [--published F] [--cases F]

The steps hand on by files in `--work`; `report` writes benchmarks/results/bands.json. A whole pass
takes about 15 minutes on one core.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import stored
from curves_table import curves

from qqt_bayes import datasets, read_runs
from qqt_bayes.backtest import origins
from qqt_bayes.backtest.origins import spread_out
from qqt_bayes.calibrate.learn import (
    AS_SHIPPED,
    LEARNED,
    ahead,
    climb,
    relative,
    score,
    units,
)
from qqt_bayes.calibrate.run import METHODS, Job, one, studies
from qqt_bayes.errors import QQTError
from qqt_bayes.files import write_text
from qqt_bayes.inference.settings import Settings
from qqt_bayes.model.spec import load_spec

RESULTS = stored.RESULTS / "bands.json"
OWN = ("proving_ground", "headers", "digits", "laion_clip", "paper_budgets")
PUBLISHED = {
    "overtraining": ["loss_c4_val", "loss_openlm"], "datablations_c428": None,
    "datablations_c442": None, "datablations_oscar28": None, "datablations_oscar42": None,
    "ocr_noise": None, "zhou_wikipedia": None, "zhou_wikipedia_repeat": None,
}  # fmt: skip
MOST = {"overtraining": 2, "curves": 2}  # origins of a study; of another table 3


def scalebench(path: Path) -> Iterator[Job]:
    """Sets of runs of one size on pools of several sizes."""
    table = pd.read_csv(path)
    for size, rows in table.groupby("params"):
        if rows["tokens"].round(-7).nunique() < 4 or len(rows) < 9:
            continue
        name = rows["unique_tokens"].map(lambda n: f"u{n / 1e6:.0f}M")
        runs = pd.DataFrame(
            {"run": [f"r{i}" for i in range(len(rows))], "data": name.to_numpy(),
             "samples": rows["tokens"].to_numpy(), "metric": "loss",
             "value": rows["loss"].to_numpy()}
        )  # fmt: skip
        pools = pd.DataFrame({"pool": name, "size": rows["unique_tokens"]}).drop_duplicates()
        pools = pools.assign(family="one", quality_rank=1)
        yield Job(f"scalebench {size:.3g}", read_runs(runs, pools), "loss")


def tables(published: Path | None, cases: Path | None) -> dict[str, list[Job]]:
    """Studies by table."""
    out = {name: studies(datasets.load(name), name) for name in OWN}
    if published is not None:
        for name, metrics in PUBLISHED.items():
            table = name.split("_")[0]
            found = studies(read_runs(published / f"{name}.runs.csv"), name, metrics)
            out.setdefault(table, []).extend(found)
        drawn = curves(published / "scaling_curves_language.csv")
        out["curves"] = [Job(f"curve {i}", runs, "loss") for i, runs in enumerate(drawn, start=1)]
        out["scalebench"] = list(scalebench(published / "scalebench_data_constrained.csv"))
    if cases is not None:
        out["steep_first"] = studies(
            read_runs(cases / "tables" / "steep_first" / "runs.csv"), "steep"
        )
    return out


def splits(jobs: dict[str, list[Job]]) -> list[tuple[str, str, object]]:
    """Table, study and origin of each fit."""
    out = []
    for table, own in jobs.items():
        for job in own:
            try:
                found = list(origins(job.runs, job.metric))
            except QQTError as error:
                print(f"left out: {job.name}: {error}")
                continue
            out += [(table, job.name, o) for o in spread_out(found, MOST.get(table, 3))]
    return out


def back_test(parts: list, method: str, spec: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Judge one method from every origin; values relative to the best seen at a budget."""
    levels, choices, refused, start = [], [], 0, time.monotonic()
    for table, study, origin in parts:
        task = (study, origin, method, Settings(engine="importance"), spec, 1)
        scores, chosen, refusal = one(task)
        if refusal is not None:
            refused += 1
            print(f"{method}: {study} up to {origin.upto:g}: {refusal['why']}", flush=True)
            continue
        levels.append(relative(origin, scores).assign(table=table))
        if len(chosen):
            names = ["regret", "regret_expected", "regret_rank"]
            chosen[names] = chosen[names].div(units(origin, chosen["budget"]), axis=0)
            choices.append(chosen.assign(table=table))
    took = time.monotonic() - start
    print(f"{method}: {len(parts)} origins, {refused} refused, {took:.0f} s", flush=True)
    return pd.concat(levels, ignore_index=True), pd.concat(choices, ignore_index=True)


def store(work: Path, name: str, frames: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    """Keep rows for the report."""
    for part, frame in zip(("scores", "choices"), frames, strict=True):
        write_text(work / f"{name}.{part}.csv", frame.to_csv(index=False))


def learned(parts: list, work: Path) -> None:
    """Fit wide once, climb for each table left out and for all, and keep the settings."""
    base, start = load_spec("effective_utility"), time.monotonic()
    fits = [f for table, _, o in parts if (f := ahead(table, o, base, 1)) is not None]
    print(f"wide: {len(fits)} of {len(parts)} fits, {time.monotonic() - start:.0f} s", flush=True)
    known: dict = {}

    def scored(setting):
        if setting not in known:
            known[setting] = score(fits, setting)
            print(setting, round(float(known[setting].mean()), 4), flush=True)
        return known[setting]

    out = {"all": climb(scored)}
    for table in dict.fromkeys(f.table for f in fits):
        out[table] = climb(scored, table)
        before, after = scored(AS_SHIPPED)[table], scored(out[table])[table]
        print(f"{table}: {before:.3f} to {after:.3f} with {out[table]}", flush=True)
    write_text(work / "settings.json", json.dumps({"learned": LEARNED, "settings": out}))
    grid = pd.DataFrame({str(k): v for k, v in known.items()}).T
    write_text(work / "grid.csv", grid.to_csv())


def main() -> None:
    """One step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("step", choices=["run", "single", "learn", "report"])
    parser.add_argument("--method", choices=METHODS, action="append", help="of run; default all")
    parser.add_argument("--other", metavar="NAME=FILE", action="append", default=[],
                        help="of run: another specification in place of the methods")  # fmt: skip
    parser.add_argument("--published", type=Path)
    parser.add_argument("--cases", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    args.work.mkdir(exist_ok=True)
    if args.step == "report":
        from bands_report import report

        stored.write(RESULTS, report(args.work))
        return
    if args.step == "single":
        jobs = studies(datasets.load(OWN[0]), OWN[0])
        alone = [(job.metric, job.name, o) for job in jobs
                 for o in origins(job.runs, job.metric, str.isalnum)]  # fmt: skip
        for name, method in (("single", "qqt"), ("single law", "no_drift")):
            store(args.work, name, back_test(alone, method, "effective_utility"))
        return
    parts = splits(tables(args.published, args.cases))
    print(f"{len(parts)} origins: {pd.Series([p[0] for p in parts]).value_counts().to_dict()}")
    if args.step == "learn":
        learned(parts, args.work)
        return
    asked = [(m, m, "effective_utility") for m in args.method or METHODS]
    if args.other:
        asked = [(name, "qqt", spec) for name, _, spec in (o.partition("=") for o in args.other)]
    for name, method, spec in asked:
        store(args.work, name, back_test(parts, method, spec))


if __name__ == "__main__":
    main()

"""Do bands hold on runs that nobody fitted, and what do scales learned from tables change?

Every table that ships and any further ones: fits up to a budget, later runs up to 8 times further
judged (levels, differences to the best of a budget, choices), with the priors as they ship and with
the law alone; and the scales that all other tables teach (`qqt_bayes.calibrate.learn`).

    python benchmarks/bands.py baseline|law|learn|report [--published FOLDER] [--cases FOLDER]

The steps hand on by files in `--work`; `report` writes benchmarks/results/bands.json. A whole pass
takes about 6 minutes on one core.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from drift_prior import curves

from qqt_bayes import datasets, read_runs
from qqt_bayes.backtest import judge, judge_choice, origins, predictive
from qqt_bayes.backtest.origins import spread_out
from qqt_bayes.calibrate.learn import (
    AS_SHIPPED,
    LEARNED,
    ahead,
    climb,
    relative,
    score,
)
from qqt_bayes.calibrate.run import Job, studies
from qqt_bayes.errors import QQTError
from qqt_bayes.files import write_text
from qqt_bayes.inference.engine import sample_posterior
from qqt_bayes.inference.settings import Settings
from qqt_bayes.model.design import build_design
from qqt_bayes.model.spec import Spec, load_spec
from qqt_bayes.runs import Runs

RESULTS = Path(__file__).parent / "results" / "bands.json"
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


def read(path: Path) -> Runs:
    """A run table with its pools beside it."""
    pools = path.with_name(path.name.replace("runs.csv", "pools.csv"))
    return read_runs(path, pools=pools)


def tables(published: Path | None, cases: Path | None) -> dict[str, list[Job]]:
    """Studies by table."""
    out = {name: studies(datasets.load(name), name) for name in OWN}
    if published is not None:
        for name, metrics in PUBLISHED.items():
            table = name.split("_")[0]
            found = studies(read(published / f"{name}.runs.csv"), name, metrics)
            out.setdefault(table, []).extend(found)
        drawn = curves(published / "scaling_curves_language.csv")
        out["curves"] = [Job(f"curve {i}", runs, metric) for i, (_, runs, metric, _) in
                         enumerate(drawn, start=1)]  # fmt: skip
        out["scalebench"] = list(scalebench(published / "scalebench_data_constrained.csv"))
    if cases is not None:
        out["steep_first"] = studies(read(cases / "tables" / "steep_first" / "runs.csv"), "steep")
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


def forward(parts: list, specs: dict[str, Spec], what: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fit and judge every origin under the specification of its table."""
    levels, choices, failed = [], [], 0
    start = time.monotonic()
    for table, study, origin in parts:
        spec, kind = specs[table], origin.train.kind
        try:
            posterior = sample_posterior(
                build_design(origin.train, spec), spec.priors(kind), kind, 1,
                Settings(engine="importance"),
            )  # fmt: skip
        except QQTError as error:
            failed += 1
            print(f"{what}: {study}: {error}", flush=True)
            continue
        if not posterior.gate.passed:
            failed += 1
        samples = origin.targets["samples"].to_numpy()
        draws = predictive(posterior, origin.train, samples, origin.shares, 1)
        passed = bool(posterior.gate.passed)
        frame = relative(origin, judge(origin, draws))
        mark = {"table": table, "study": study, "priors": what, "passed": passed}
        levels.append(frame.assign(**mark))
        chosen = judge_choice(origin, draws)
        if len(chosen):
            seen = origin.targets.assign(v=kind.to_unit(origin.targets["value"].to_numpy()))
            unit = chosen["budget"].map(seen.groupby("budget")["v"].min().abs())
            for name in ("regret", "regret_expected", "regret_rank"):
                chosen[name] /= unit
            choices.append(chosen.assign(**mark))
    print(f"{what}: {len(parts)} fits, {failed} failed, {time.monotonic() - start:.0f} s")
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
    parser.add_argument("step", choices=["baseline", "law", "learn", "report"])
    parser.add_argument("--published", type=Path)
    parser.add_argument("--cases", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    args.work.mkdir(exist_ok=True)
    base = load_spec("effective_utility")
    if args.step == "report":
        from bands_report import report

        write_text(RESULTS, json.dumps(report(args.work), indent=1) + "\n")
        return
    parts = splits(tables(args.published, args.cases))
    print(f"{len(parts)} origins: {pd.Series([p[0] for p in parts]).value_counts().to_dict()}")
    names = dict.fromkeys(p[0] for p in parts)
    if args.step == "learn":
        learned(parts, args.work)
    else:
        spec = base if args.step == "baseline" else load_spec("paper_law")
        store(args.work, args.step, forward(parts, dict.fromkeys(names, spec), args.step))


if __name__ == "__main__":
    main()

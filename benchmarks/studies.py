"""Published runs, asked as a user would ask, and judged by what was published further on.

    python benchmarks/studies.py PUBLISHED    # writes benchmarks/results/studies.json; minutes

DataComp (Gadre et al., arXiv:2304.14108): 25 filters, fitted up to a scale, asked at the next one,
ten times beyond. Each filter is a pool without bounds, since no scale repeats its data for longer
than another; filters by one score are a family. The model grows with the scale, so the curves are
those of a recipe. LAION (Cherti et al., arXiv:2212.07143): 80M, 400M or 2B, fitted up to 13B
samples, asked at 34B. Wikipedia (Zhou et al., arXiv:2606.07597), cut to several sizes: what does
more of a pool bring, or less?
"""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import stored

import qqt_bayes as qqt
from qqt_bayes.act.changed import ChangedData, draw_changed
from qqt_bayes.backtest.scores import wilson
from qqt_bayes.calibrate.run import NO_DRIFT
from qqt_bayes.decide.predict import bounded, ceiling

METRICS = {"ImageNet zero-shot accuracy": "imagenet_accuracy",
           "average over 38 datasets": "avg38_accuracy"}  # fmt: skip
ASKED = {"imagenet_accuracy": "ImageNet", "avg38_accuracy": "mean of 38"}
SCALES = {"large": ("130M", 1.28e9), "xlarge": ("1.3B", 12.8e9)}  # fitted up to, asked at
SCORES = {"CLIP B32 score top": "clip_b32", "CLIP L14 score top": "clip_l14",
          "Random subset": "random"}  # fmt: skip
OTHERS = {
    "No filtering": ("none", "random"),
    "English (fasttext), caption length, and image size (basic)": ("basic", "basic"),
    "Image-based clustering (ImageNet1k)": ("image", "image"),
    "Text-based clustering (ImageNet21k)": ("text", "text"),
    "Intersect IN1k image clustering and CLIP B32 score top 30%": ("image_b32", "image_and_clip"),
    "Intersect IN1k image clustering and CLIP L14 score top 30%": ("image_l14", "image_and_clip"),
    "CLIP B32 threshold at 0.28 + English filter (LAION-2B filter)": ("laion_rule", "laion_rule"),
}
LEAST = 0.09  # filters that keep less are not run at large
POOL, WHOLE, REST = "Wikipedia-58.4M", "Wikipedia", "FineWeb"


class Asked(NamedTuple):
    """One decision beyond the largest run."""

    study: str
    runs: qqt.Runs
    metric: str
    upto: str
    target: float


def named(what: str) -> tuple[str, str]:
    """Short name and family of a filter; empty of one that is left out."""
    share = re.fullmatch(r"(.*?) \(?(\d+)%\)?", what)
    if share and share[1] in SCORES:
        return f"{SCORES[share[1]]}_{share[2]}", SCORES[share[1]]
    return OTHERS.get(what, ("", ""))


def datacomp(source: Path) -> qqt.Runs:
    """The filters of DataComp at all scales."""
    raw = pd.read_csv(source)
    raw = raw[raw["pool"].str.contains(r"^(?:small|medium|large|xlarge): ")]
    where = raw["pool"].str.split(": ", n=1, expand=True)
    filters = pd.DataFrame([named(w) for w in where[1]], columns=["pool", "family"])
    filters.index = raw.index
    kept = raw["pool_size"] / raw["samples_seen"]
    runs = pd.DataFrame({
        "run": filters["pool"] + "_" + where[0], "data": filters["pool"],
        "samples": raw["samples_seen"], "metric": raw["metric"].map(METRICS),
        "value": raw["value"], "n_eval": np.where(raw["metric"].str.contains("Net"), 5e4, np.nan),
    })  # fmt: skip
    pools = filters.assign(quality_rank=(100 * kept).round(1), size=np.inf)
    good = (filters["pool"] != "") & (kept >= LEAST)
    return qqt.read_runs(runs[good], pools[good].drop_duplicates("pool"))


def questions(published: Path) -> Iterator[Asked]:
    """The decisions."""
    filters = datacomp(published / "paper_observations.csv")
    for metric, name in ASKED.items():
        for scale, (upto, target) in SCALES.items():
            yield Asked(f"DataComp {scale}, {name}", filters, metric, upto, target)
    for model in ("ViT-B-16", "ViT-B-32"):
        runs = qqt.datasets.load("laion_clip").select(where={"model": model})
        yield Asked(f"LAION {model}", runs, "imagenet_accuracy", "14B", 34.2e9)


def chosen(asked: Asked, candidates: list[str], spec: qqt.Spec | str) -> pd.DataFrame:
    """What `decide` says of each candidate."""
    fit = qqt.fit(asked.runs, asked.metric, upto=asked.upto, seed=1, spec=spec)
    return fit.decide([asked.target], candidates).table.set_index("data")


def judged(asked: Asked) -> list:
    """A row of the table of decisions; of accuracies, so more is better."""
    table = asked.runs.select(asked.metric).table
    seen = table[np.isclose(table["samples"], asked.target, rtol=0.05)].groupby("data")["value"]
    seen = seen.mean()
    before = asked.runs.select(asked.metric, upto=asked.upto).table
    last = before[before["samples"] > 0.9 * before["samples"].max()].set_index("data")["value"]
    last = last[last.index.isin(seen.index)]
    said = chosen(asked, [*seen.index], "effective_utility")
    alone = chosen(asked, [*seen.index], NO_DRIFT)
    best, law, ranked = said["p_best"].idxmax(), alone["p_best"].idxmax(), last.idxmax()
    lost = [round(100 * float(seen.max() - seen[d]), 2) for d in (best, law, ranked)]
    inside = seen.between(said["new_run_lo"], said["new_run_hi"]).sum()
    top = seen.idxmax()
    expected = round(100 * float(said["expected_regret"][best]), 2)
    return [asked.study, len(seen), best, round(float(said["p_best"][best]), 2), top,
            round(float(said["p_best"][top]), 2), expected, *lost,
            f"{inside} of {len(seen)}"]  # fmt: skip


def doubled(small: qqt.Runs, large: qqt.Runs, law: str) -> list[list]:
    """The pool of 58.4M made twice as large, beside runs on one of 116.9M."""
    fit, rows = qqt.fit(small, "loss", spec=law, seed=1), []
    for run in small.table[small.table["data"].str.contains(POOL)].itertuples():
        same = large.table[
            (large.table["data"] == run.data.replace(POOL, WHOLE))
            & np.isclose(large.table["samples"], run.samples, rtol=0.02)
        ]
        if same.empty:
            continue
        actions = pd.DataFrame({"action": ["twice"], "pool": [POOL], "changes": ["size=2x"]})
        row = fit.act(float(run.samples), actions, data=run.data).table.iloc[1]
        found = [round(float(row[c]), 3) for c in ("change", "change_lo", "change_hi")]
        real = round(float(same["value"].iloc[0]) - run.value, 3)
        rows.append([f"twice the 58.4M, {run.data}", law, found, real])
    return rows


def cut(small: qqt.Runs, large: qqt.Runs, law: str) -> list[list]:
    """The pool of 116.9M cut to the sizes of the others: how many runs on those lie inside."""
    fit = qqt.fit(large, "loss", spec=law, seed=1)
    rest, whole = large.pools.index(REST), large.pools.index(WHOLE)
    blocks = []
    for run in small.table.itertuples():
        shares = small.mixtures[run.data].shares
        pool = next(p for p in shares if p != REST)
        weight, growth = np.zeros(2), np.ones(2)
        weight[rest], weight[whole] = shares[REST], shares[pool]
        growth[whole] = small.pools.sizes[small.pools.index(pool)] / large.pools.sizes[whole]
        blocks.append(ChangedData(np.array([float(run.samples)]), weight, growth))
    values = [
        bounded(fit.posterior.irreducible + np.exp(log[:, 0]), ceiling(fit, block.samples))
        for log, block in zip(draw_changed(fit.posterior, blocks), blocks, strict=True)
    ]
    lo, hi = np.quantile(values, [0.05, 0.95], axis=1)
    inside = int(small.table["value"].between(lo, hi).sum())
    low, high = wilson(inside / len(blocks), len(blocks), 0.95)
    held = f"{inside} of {len(blocks)} [{low:.2f}, {high:.2f}]"
    return [["116.9M cut to 1/2, 1/4, 1/8, 1/16: losses inside 90%", law, held, ""]]


def main(published: Path) -> None:
    """Ask, judge and store."""
    warnings.simplefilter("ignore")
    decisions = [judged(asked) for asked in questions(published)]
    small = qqt.read_runs(published / "zhou_wikipedia_repeat.runs.csv")
    large = qqt.read_runs(published / "zhou_wikipedia.runs.csv")
    laws = ("effective_utility", "exchange_rate")
    more = [row for part in (doubled, cut) for law in laws for row in part(small, large, law)]
    script = "benchmarks/studies.py"
    stored.write(stored.RESULTS / "studies.json", {
        "decisions": stored.table(
            script,
            ["study", "candidates", "chosen", "P(best)", "best published", "P of it",
             "regret expected", "regret", "regret, law alone", "regret, ranking", "inside 90%"],
            decisions),
        "more_of_a_pool": stored.table(script, ["asked", "law", "change of loss", "real"], more),
    })  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""DataComp's filters over four scales: fitted to the smaller scales, judged at the next one.

    python benchmarks/datacomp.py FILTERS.csv [--pools scale|stream] [--metric imagenet_accuracy]

FILTERS.csv has the columns filter, scale, samples_seen, imagenet_accuracy, avg38_accuracy (Gadre et
al. 2023, arXiv:2304.14108, Table 3 and appendix). The script writes runs.csv and pools.csv, runs
`qqt decide` on them for large (from small and medium) and for xlarge (from small to large), and
prints what it said beside what is published.

Each scale filters a candidate pool of its own, as large as its budget. So a filter that keeps a
share f makes 1/f epochs at every scale, and no data are ever seen for longer at the same size.

scale  : a pool for each filter and scale. A filter is a family, so pools of one filter are samples
         of one thing in several sizes, and a half-life grows with the size.
stream : a pool for each filter, unlimited: epochs never change, and the filter's level holds them.

The model grows with the scale (ViT-B/32 twice, B/16, L/14), so the curves are those of a recipe.
That column is called `backbone`: as `model` it would, rightly, keep the scales apart.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

# Share of the candidate pool that each filter keeps (appendix tables of the paper).
KEPT = {
    "none": 1.0, "basic": 0.233, "text-based": 0.248, "image-based": 0.23, "LAION-2B rule": 0.102,
    "image-based AND CLIP L/14 30%": 0.109, "CLIP L/14 10%": 0.1, "CLIP L/14 20%": 0.2,
    "CLIP L/14 30%": 0.3, "CLIP L/14 40%": 0.4, "CLIP L/14 50%": 0.5,
}  # fmt: skip
NAMES = {
    "image-based AND CLIP L/14 30%": "image_clip30", "LAION-2B rule": "laion_rule",
    "text-based": "text", "image-based": "image",
} | {f"CLIP L/14 {k}%": f"clip{k}" for k in (10, 20, 30, 40, 50)}  # fmt: skip
FAMILIES = {f"clip{k}": "clip" for k in (10, 20, 30, 40, 50)}
SCALES = {"small": 12_800_000, "medium": 128_000_000, "large": 1_280_000_000,
          "xlarge": 12_800_000_000}  # fmt: skip
JUDGED = {"large": "130M", "xlarge": "1.3B"}  # judged scale -> largest budget fitted


def tables(source: Path, pools: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Run and pool table; runs of the judged scales are in it, and left out by --upto."""
    raw = pd.read_csv(source)
    name = raw["filter"].map(lambda f: NAMES.get(f, f))
    data = name + "_" + raw["scale"] if pools == "scale" else name
    wide = pd.DataFrame(
        {"run": name + "_" + raw["scale"], "data": data, "samples": raw["samples_seen"],
         "backbone": raw["model"], "scale": raw["scale"],
         "imagenet_accuracy": raw["imagenet_accuracy"], "avg38_accuracy": raw["avg38_accuracy"]}
    )  # fmt: skip
    keys = ["run", "data", "samples", "backbone", "scale"]
    runs = wide.melt(keys, var_name="metric", value_name="value").dropna(subset="value")
    runs["n_eval"] = runs["metric"].map({"imagenet_accuracy": 50_000})
    rows = []
    for f, kept in KEPT.items():
        short = NAMES.get(f, f)
        family, rank = FAMILIES.get(short, short), round(100 * kept)
        if pools == "stream":
            rows.append((short, "inf", rank, family))
        else:
            rows += [(f"{short}_{s}", kept * n, rank, family) for s, n in SCALES.items()]
    return runs, pd.DataFrame(rows, columns=["pool", "size", "quality_rank", "family"])


def decided(folder: Path, metric: str, scale: str, candidates: list[str], spec: str) -> dict:
    """What `qqt decide` says of one scale from the smaller ones."""
    done = subprocess.run(
        [sys.executable, "-m", "qqt_bayes", "decide", str(folder / "runs.csv"), "--metric", metric,
         "--upto", JUDGED[scale], "--budgets", str(SCALES[scale]), "--spec", spec,
         "--candidates", ";".join(candidates), "--json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)


def judged(answer: dict, seen: pd.Series, last: pd.Series) -> pd.DataFrame:
    """Prediction beside the published value of each filter, best predicted first."""
    rows = [
        {"data": c["data"], "P(best)": c["p_best"], "predicted": c["median"], "lo": c["lo"],
         "hi": c["hi"], "published": seen[c["data"]],
         "inside": c["new_run_lo"] <= seen[c["data"]] <= c["new_run_hi"],
         "difference": c["difference"]["median"], "diff lo": c["difference"]["lo"],
         "diff hi": c["difference"]["hi"]}
        for c in answer["budgets"][0]["candidates"]
    ]  # fmt: skip
    out = pd.DataFrame(rows)
    best = answer["budgets"][0]["best"]
    out["published difference"] = out["published"] - float(seen[best])
    ahead = last.reindex([d.rsplit("_", 1)[0] for d in out["data"]])
    out["scale before"] = ahead.to_numpy()
    return out.sort_values("P(best)", ascending=False)


def main() -> None:
    """Make the tables, ask, and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("--pools", choices=("scale", "stream"), default="scale")
    parser.add_argument("--metric", default="imagenet_accuracy")
    parser.add_argument("--spec", default="effective_utility")
    parser.add_argument("--folder", type=Path, help="keep the tables here")
    given = parser.parse_args()
    runs, pools = tables(given.source, given.pools)
    folder = given.folder or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    runs.to_csv(folder / "runs.csv", index=False)
    pools.to_csv(folder / "pools.csv", index=False)
    order = list(SCALES)
    for scale in JUDGED:
        here = runs[(runs["metric"] == given.metric) & (runs["scale"] == scale)]
        before = runs[
            (runs["metric"] == given.metric) & (runs["scale"] == order[order.index(scale) - 1])
        ]
        seen = here.set_index("data")["value"]
        last = before.set_index(before["run"].str.rsplit("_", n=1).str[0])["value"]
        answer = decided(folder, given.metric, scale, list(seen.index), given.spec)
        table = judged(answer, seen, last)
        if given.pools == "stream":
            table["scale before"] = last.reindex(table["data"]).to_numpy()
        best = answer["budgets"][0]["best"]
        ranked = table.loc[table["scale before"].idxmax(), "data"]
        truth = seen.idxmax()
        p_best = table.set_index("data")["P(best)"]
        print(f"\n{given.metric} at {scale}, from the scales below ({given.pools}, {given.spec})")
        print(table.round(3).to_string(index=False))
        print(
            f"said {best}; published best {truth} (P {p_best[truth]:.2f}); "
            f"lost {seen[truth] - seen[best]:.3f}; ranking by the scale before says {ranked}, "
            f"lost {seen[truth] - seen[ranked]:.3f}; {int(table['inside'].sum())} of {len(table)} "
            "published values inside the 90% band of a new run"
        )


if __name__ == "__main__":
    main()

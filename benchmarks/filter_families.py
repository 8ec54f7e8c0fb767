"""Which filter, and how much of it: CLIP scores of two models, and others, on DataComp.

    python benchmarks/filter_families.py OBSERVATIONS.csv [--metric imagenet_accuracy]

OBSERVATIONS.csv has the columns pool ("medium: CLIP B32 score top 30%"), pool_size, samples_seen,
metric and value: the appendix tables of arXiv:2304.14108. Filters by one score are a family; the
share kept is the rank within it. As in datacomp.py (pools as streams, since epochs never change),
the smaller scales are fitted and the next one is judged.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from pathlib import Path

import pandas as pd
from datacomp import JUDGED, SCALES, decided

METRICS = {"ImageNet zero-shot accuracy": "imagenet_accuracy",
           "average over 38 datasets": "avg38_accuracy"}  # fmt: skip
SCORES = {"CLIP B32 score top": "clip_b32", "CLIP L14 score top": "clip_l14",
          "Random subset": "random"}  # fmt: skip
OTHERS = {
    "No filtering": ("none", "random"),
    "English (fasttext), caption length, and image size (basic)": ("basic", "basic"),
    "Image-based clustering (ImageNet1k)": ("image", "image"),
    "Text-based clustering (ImageNet21k)": ("text", "text"),
    "Intersect IN1k image clustering and CLIP B32 score top 30%": ("image_b32", "image and clip"),
    "Intersect IN1k image clustering and CLIP L14 score top 30%": ("image_l14", "image and clip"),
    "CLIP B32 threshold at 0.28 + English filter (LAION-2B filter)": ("laion_rule", "laion_rule"),
}
LEAST = 0.09  # filters that keep less are not run at large


def filters(source: Path) -> pd.DataFrame:
    """The published runs: filter, family, share kept, scale, samples, metric, value."""
    raw = pd.read_csv(source)
    raw = raw[raw["pool"].str.contains(r"^(?:small|medium|large|xlarge): ")].copy()
    raw[["scale", "what"]] = raw["pool"].str.split(": ", n=1, expand=True)
    raw["kept"] = raw["pool_size"] / raw["samples_seen"]
    raw["metric"] = raw["metric"].map(METRICS)
    names = []
    for what in raw["what"]:
        share = re.fullmatch(r"(.*?) \(?(\d+)%\)?", what)
        if share and share[1] in SCORES:
            family = SCORES[share[1]]
            names.append((f"{family}_{share[2]}", family))
        else:
            names.append(OTHERS.get(what, ("", "")))
    raw[["filter", "family"]] = names
    return raw[(raw["filter"] != "") & (raw["kept"] >= LEAST)]


def tables(source: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Run and pool table."""
    raw = filters(source)
    runs = pd.DataFrame(
        {"run": raw["filter"] + "_" + raw["scale"], "data": raw["filter"],
         "samples": raw["samples_seen"], "metric": raw["metric"], "value": raw["value"],
         "n_eval": raw["metric"].map({"imagenet_accuracy": 50_000}), "scale": raw["scale"]}
    )  # fmt: skip
    pools = raw.groupby(["filter", "family"], sort=False)["kept"].median().reset_index()
    pools["quality_rank"] = (100 * pools["kept"]).round(1)
    pools = pools.rename(columns={"filter": "pool"}).assign(size="inf")
    return runs, pools[["pool", "size", "quality_rank", "family", "kept"]]


def main() -> None:
    """Make the tables, ask, and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("--metric", default="imagenet_accuracy", choices=list(METRICS.values()))
    parser.add_argument("--folder", type=Path, help="keep the tables here")
    given = parser.parse_args()
    runs, pools = tables(given.source)
    folder = given.folder or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    runs.to_csv(folder / "runs.csv", index=False)
    pools.to_csv(folder / "pools.csv", index=False)
    family = pools.set_index("pool")["family"]
    for scale in JUDGED:
        rows = runs[(runs["metric"] == given.metric) & (runs["scale"] == scale)]
        seen = rows.set_index("data")["value"]
        answer = decided(folder, given.metric, scale, list(seen.index), "effective_utility")
        found = answer["budgets"][0]
        print(f"\n{given.metric} at {scale} ({SCALES[scale]:,} samples), {len(seen)} filters")
        for row in found["by_family"]:
            own = seen[family.reindex(seen.index) == row["family"]]
            print(
                f"  {row['family']:<15} P(best) {row['p_best']:.2f}  take {row['best']:<11} "
                f"(P in the family {row['p_best_within']:.2f}): published {seen[row['best']]:.3f}, "
                f"best of the family {own.idxmax()} {own.max():.3f}"
            )
        inside = [c["new_run_lo"] <= seen[c["data"]] <= c["new_run_hi"]
                  for c in found["candidates"]]  # fmt: skip
        p_best = {c["data"]: c["p_best"] for c in found["candidates"]}
        print(
            f"  said {found['best']} ({p_best[found['best']]:.2f}), published best "
            f"{seen.idxmax()} ({p_best[seen.idxmax()]:.2f}), lost "
            f"{seen.max() - seen[found['best']]:.3f}; {sum(inside)} of {len(inside)} inside the "
            "90% band of a new run"
        )


if __name__ == "__main__":
    main()

"""The claims of the first page of the evidence, from what the other scripts stored.

python benchmarks/summary.py    # writes benchmarks/results/summary.json
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import stored

from qqt_bayes.backtest.scores import wilson

LEAST = 0.85  # of bands that should hold nine times in ten
TOLD = ("headers", "proving ground")  # tables on which remedies for bought runs are told
PLACES = {"scalebench": "ScaleBench", "zhou": "Zhou et al.", "laion_clip": "LAION",
          "digits": "digits", "proving_ground": "our own runs"}  # fmt: skip


def rows(name: str) -> list[dict[str, Any]]:
    """The rows of a stored table, ``file/table``."""
    file, _, table = name.partition("/")
    whole = stored.read(stored.RESULTS / f"{file}.json")[table]
    return [dict(zip(whole["columns"], row, strict=True)) for row in whole["rows"]]


def short(*values: float) -> str:
    """Numbers as the page prints them."""
    return " / ".join(f"{v:.2g}".replace("0.", ".") for v in values)


def enough(values: list[float], least: float = LEAST) -> str:
    """Whether all of some shares are large enough."""
    low = [round(v, 2) < least for v in values]
    return "no" if all(low) else "not everywhere" if any(low) else "yes"


def bands() -> Iterator[list[str]]:
    """Whether bands hold."""
    where = "twelve tables, 2x / 4x / 8x"
    for target in ("differences", "levels"):
        found = [r["held, mean of tables"] for r in rows("bands/pooled") if r["target"] == target]
        yield [f"bands of {target} hold out of fold", where, short(*found), ".90", enough(found)]
    digits = [r["held, as shipped"] for r in rows("bands/by_table")
              if (r["table"], r["target"]) == ("digits", "levels")]  # fmt: skip
    yield ["", "digits alone, 2x / 4x / 8x", short(*digits), ".90", enough(digits)]


def choices() -> Iterator[list[str]]:
    """Whether choices beat ranking, and whether P(best) means what it says."""
    found = {r["table"]: r for r in rows("bands/choices")}
    places = {"all": f"{found['all']['choices']} choices of twelve tables: regret"} | PLACES
    for name, title in places.items():
        row = found[name]
        _, low, high = row["as shipped less ranking"]
        holds = "yes" if high <= 0 else "no" if low >= 0 else "within error"
        first = "choices beat ranking by the largest run" if name == "all" else ""
        yield [first, title, short(row["as shipped"]), short(row["ranking"]), holds]
    for row in rows("bands/single_choices"):
        better = "yes" if row["regret"] < row["regret of ranking"] else "no"
        yield ["", f"our own runs, unions known from single pools: {row['metric']}",
               short(row["regret"]), short(row["regret of ranking"]), better]  # fmt: skip
    said = next(r for r in rows("bands/said") if r["P said"] == ".65 to .85")
    right, n = said["came true"], said["n"]
    low, high = wilson(right, n, 0.95)
    within = low <= said["mean P"] <= high
    yield ["P(best) means what it says", f"{n} choices with P = {short(said['mean P'])}",
           f"{short(right)} [{short(low)}, {short(high)}]", short(said["mean P"]),
           "within error" if within else "no"]  # fmt: skip


def verdicts() -> Iterator[list[str]]:
    """Whether verdicts flag and pass."""
    row = next(r for r in rows("verdicts/simulated") if r["definition"] == "missed")
    for what, where, goal in (("verdicts flag what fails", "flagged (goal .80)", 0.8),
                              ("verdicts pass what holds", "passed (goal .70)", 0.7)):  # fmt: skip
        share, _, high = row[where]
        holds = "yes" if share >= goal else "within error" if high >= goal else "no"
        yield [what, "simulated, missed", short(share), short(goal), holds]


def bought() -> Iterator[list[str]]:
    """What purchases bring."""

    def cells(table: str, policy: str) -> list[Any]:
        row = next(r for r in rows(f"bought/{table}") if r["policy"] == policy)
        return [v for k, v in row.items() if k.startswith(TOLD)]

    half, alone, grid = "EVSI, 1/2 for a grid first", "EVSI", "uniform grid"
    lost = {p: np.array([c.split(" ± ") for c in cells("regret", p)], float) for p in (half, grid)}
    ours, other = (lost[p][:, 0].mean() for p in (half, grid))
    error = np.sqrt((np.concatenate([*lost.values()])[:, 1] ** 2).sum()) / len(lost[half])
    yield ["bought runs choose better", "headers and our own: regret", short(ours),
           f"{short(other)} (a grid)",
           "yes" if other - ours > 2 * error else "no" if ours - other > 2 * error
           else "within error"]  # fmt: skip
    for policy, first, where in (
        (half, "bands hold after buying", "the same, levels / differences"),
        (alone, "", "by value alone (`--spread 0`)"),
    ):
        held = [
            float(np.mean([c[0] for c in cells(table, policy)]))
            for table in ("levels", "differences")
        ]
        yield [first, where, short(*held), ".90", enough(held)]


def sharing() -> Iterator[list[str]]:
    """What pools, metrics and losses tell of each other."""

    def beyond(found: list[dict[str, Any]], name: str) -> int:
        gains = [r[name].split(" ± ") for r in found]
        return sum(float(gain) > 2 * float(se) for gain, se in gains)

    late = [r for r in rows("sharing/pools") if r["asked"] == "late"]
    gain = "gain, partial less separate"
    yield ["a pool with few runs gains from others", f"{len(late)} tables",
           f"{beyond(late, gain)} beyond two s.e.", "-",
           "mostly" if 2 * beyond(late, gain) > len(late) else "no"]  # fmt: skip
    metrics = rows("sharing/metrics")
    count = beyond(metrics, "gain, joined less alone")
    yield ["several metrics gain from each other", f"{len({r['table'] for r in metrics})} tables",
           f"{count} of {len(metrics)} beyond two s.e.", "-", "yes" if count else "no"]  # fmt: skip
    link = next(r for r in rows("linked/paired")
                if (r["table"], r["to"], r["target"], r["forecast"])
                == ("all", "all", "levels", "link"))["log score gained"]  # fmt: skip
    yield ["an error gains from the loss of its runs", "five tables: log score",
           f"{link[0]:+.2g} [{link[1]:+.2g}, {link[2]:+.2g}]", "-",
           "yes" if link[1] > 0 else "no"]  # fmt: skip


def sampler() -> Iterator[list[str]]:
    """Whether ranks are uniform."""
    held = [r["inside 90% intervals"][0] for r in rows("calibration/coverage")]
    off = max(abs(h - 0.9) for h in held)
    holds = "yes" if off < 0.02 else "nearly"
    yield ["the sampler is calibrated", "500 studies: 90% intervals",
           f"{short(min(held))}-{short(max(held))}", ".90", holds]  # fmt: skip


def claims() -> list[list[str]]:
    """All of them."""
    parts = (bands, choices, verdicts, bought, sharing, sampler)
    return [claim for part in parts for claim in part()]


def main() -> None:
    """Store the claims."""
    columns = ["claim", "on", "measured", "goal or baseline", "holds"]
    made = stored.table("benchmarks/summary.py", columns, claims())
    stored.write(stored.RESULTS / "summary.json", {"claims": made})


if __name__ == "__main__":
    main()

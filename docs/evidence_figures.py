"""Draw the pictures of the evidence page: ``python docs/evidence_figures.py``.

No fit is made: they are drawn from stored results, ``benchmarks/results/*.json``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from matplotlib.figure import Figure
from scipy.stats import binomtest

sys.path.insert(0, str(Path(__file__).parent))
from tables import load

from qqt_bayes import plots

HERE = Path(__file__).parent
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#333333")
MARKERS = "osD^v"
PICTURED = {"proving_ground": "proving ground", "headers": "headers", "digits": "digits",
            "curves": "20 language curves", "overtraining": "over-training"}  # fmt: skip


def records(name: str) -> list[dict]:
    """The rows of a stored table by column."""
    table = load(name)
    return [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]


def covered() -> dict[str, dict[int, tuple[float, float, float]]]:
    """Coverage of levels with its interval by table and by distance."""
    lines: dict[str, dict[int, tuple[float, float, float]]] = {}
    for row in records("bands/distance"):
        if row["table"] in PICTURED:
            name = PICTURED[row["table"]]
            lines.setdefault(name, {})[int(row["to"].rstrip("x"))] = tuple(row["held"])
    return lines


def draw_coverage() -> Figure:
    """Coverage of 90% bands against distance beyond the largest run."""
    with plots.style():
        figure = plots.new_figure(4.6, 2.9)
        ax = figure.subplots()
        for k, (name, line) in enumerate(covered().items()):
            x = [distance * (0.94 + 0.03 * k) for distance in line]
            middle, lo, hi = zip(*line.values(), strict=True)
            ax.vlines(x, lo, hi, color=COLOURS[k], lw=0.8)
            ax.plot(x, middle, MARKERS[k] + "-", color=COLOURS[k], ms=4, label=name)
        ax.axhline(0.9, color="#333333", lw=0.8, ls=":", zorder=0)
        ax.set_xscale("log")
        ax.set_xticks([2, 4, 8], ["2x", "4x", "8x"])
        ax.minorticks_off()
        ax.set(
            xlabel="up to so many times the largest run", ylabel="inside 90% bands", ylim=(0, 1.05)
        )
        figure.legend(loc="outside right upper")
    return figure


def interval(cell: list | float, of: int) -> tuple[float, float, float]:
    """Value and interval of a stored cell; of a plain rate Wilson's 95% interval."""
    if isinstance(cell, list):
        return tuple(cell)
    bounds = binomtest(round(cell * of), of).proportion_ci(method="wilson")
    return (cell, bounds.low, bounds.high)


def draw_stated() -> Figure:
    """Stated probabilities against what happened."""
    series = (
        ("P(best), 500 simulated studies", records("calibration/p_best"), "was best", "cases"),
        ("P(costly), 70 verdicts on real tables", records("verdicts/stakes"), "came", "verdicts"),
    )
    with plots.style():
        figure = plots.new_figure(3.3, 3.3)
        ax = figure.subplots()
        ax.plot([0, 1], [0, 1], color="#333333", lw=0.8, ls=":", zorder=0)
        for k, (name, rows, happened, count) in enumerate(series):
            x = [row["mean stated"] for row in rows]
            y, lo, hi = zip(*(interval(row[happened], row[count]) for row in rows), strict=True)
            ax.vlines(x, lo, hi, color=COLOURS[k], lw=0.8)
            ax.plot(x, y, MARKERS[k], color=COLOURS[k], ms=4, label=name)
        ax.set(xlabel="stated probability", ylabel="how often it happened", aspect="equal")
        figure.legend(loc="outside lower center")
    return figure


def farthest() -> list[dict]:
    """The last decision of each published or later study, seen from its first origin."""
    found: dict[str, dict] = {}
    for row in records("bands/rows"):
        key = row["study"]
        if row["table"] in ("curves", "proving_ground", "steep_first"):
            continue
        if key not in found or (-row["origin"], row["budget"]) > (
            -found[key]["origin"], found[key]["budget"],
        ):  # fmt: skip
            found[key] = row
    return sorted(found.values(), key=lambda row: -row["p_said"])


def draw_decisions() -> Figure:
    """A row a decision: what was said, what came, and what three ways of choosing lost."""
    rows = farthest()
    places = range(len(rows))
    ways = (("regret", "this package"), ("regret_law", "law alone"), ("regret_rank", "ranking"))
    with plots.style():
        figure = plots.new_figure(7.0, 0.2 * len(rows) + 1.0)
        said, lost = figure.subplots(1, 2, sharey=True, width_ratios=(1, 1.4))
        for right, fill, label in ((True, COLOURS[0], "was best"), (False, "white", "was not")):
            here = [i for i in places if rows[i]["right"] is right]
            said.scatter([rows[i]["p_said"] for i in here], here, s=22, facecolor=fill,
                         edgecolor=COLOURS[0], label=label)  # fmt: skip
        for k, (name, label) in enumerate(ways):
            values = [100 * r[name] for r in rows]
            lost.plot(values, places, MARKERS[k], color=COLOURS[k], ms=7 - 2 * k, mfc="none",
                      label=label)  # fmt: skip
        lost.set_xscale("symlog", linthresh=0.1)
        lost.set(xlabel="what the choice lost, %")
        said.set(xlabel="P(best) that was said", xlim=(0, 1.03), yticks=places,
                 yticklabels=[r["study"] for r in rows])  # fmt: skip
        said.invert_yaxis()
        figure.legend(loc="outside lower center", ncols=5)
    return figure


PICTURES = {"coverage": draw_coverage, "stated": draw_stated, "decisions": draw_decisions}


def main(out: Path = HERE / "_static") -> None:
    """Write the pictures."""
    for name, draw in PICTURES.items():
        part = out / f".{name}.png"
        draw().savefig(part, dpi=200)
        part.replace(out / f"{name}.png")
        print(out / f"{name}.png")


if __name__ == "__main__":
    main()

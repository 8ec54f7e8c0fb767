"""Names of 60 characters, alike at both ends: no figure cuts them off or is all names."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

import qqt_bayes as qqt
from qqt_bayes import plots
from qqt_bayes.plots import paper

A, B, C = (f"common_crawl_filtered_{k}_by_several_heuristics_in_2026_and_cleaned" for k in "ABC")
METRIC = "validation_of_{}_on_the_held_out_documents_of_wikipedia_loss"
MODEL = "decoder_only_transformer_of_the_{}_size_in_the_second_series"
MIXTURES = (A, B, C, f"{A}+{B}", f"{A}+{B}+{C}")
ANSWERS = (
    "decision", "differences", "pools", "decay", "ledger", "plan", "bands", "reach",
    "shares", "stack", "tasks", "task decision", "size decision", "actions", "allocation",
)  # fmt: skip


@pytest.fixture(scope="module")
def runs() -> qqt.Runs:
    """Models of three sizes on five mixtures, two metrics."""
    rng = np.random.default_rng(0)
    rows = [
        (f"{k}/{m}/{n}", data, n, params, MODEL.format(m), METRIC.format(metric),
         2 + 0.1 * k + 3e-4 * (1e9 / params) ** 0.2 * rng.normal()
         + (1.5 - 0.1 * k) * (n / 1e6) ** -(0.3 + 0.02 * k) * (1e9 / params) ** 0.1)
        for (k, data), (m, params), n, metric in product(
            enumerate(MIXTURES), {"small": 1e7, "middle": 1e8, "large": 1e9}.items(),
            (1e6, 2e6, 4e6, 8e6), ("one", "two"),
        )
    ]  # fmt: skip
    names = ["run", "data", "samples", "params", "model", "metric", "value"]
    pools = pd.DataFrame({"pool": [A, B, C], "size": [2e6, 3e6, 4e6]})
    return qqt.read_runs(pd.DataFrame(rows, columns=names), pools)


@pytest.fixture(scope="module")
def fit(runs: qqt.Runs) -> qqt.Fit:
    return qqt.fit(large(runs), METRIC.format("one"), seed=1, on_fail="warn")


def large(runs: qqt.Runs) -> qqt.Runs:
    return runs.replace(runs.table[runs.table["model"] == MODEL.format("large")])


@pytest.fixture(scope="module")
def draw(runs: qqt.Runs, fit: qqt.Fit):
    """Makes a figure by its name; each answer once."""
    made: dict = {}
    what = {
        "decision": lambda: fit.decide("4M,32M", on_fail="warn"),
        "ledger": lambda: fit.risk("4M,32M", quick=True),
        "plan": lambda: fit.buy("32M", spend="20M"),
        "reach": lambda: fit.reach(2.5),
        "shares": lambda: fit.best_shares("4M,32M"),
        "stack": lambda: qqt.stack(large(runs), METRIC.format("one"), max_origins=2),
        "tasks": lambda: qqt.fit_tasks(large(runs), seed=1),
        "sizes": lambda: qqt.fit_tasks(runs, [METRIC.format("one")], by="model", seed=1),
        "task decision": lambda: made["tasks"].decide("32M"),
        "size decision": lambda: made["sizes"].decide_size(2e9, "4M,32M"),
        "actions": lambda: fit.act(
            "32M", pd.DataFrame([(f"buy more of {A}", A, "size=2x", 1, "sample")],
                                columns=["action", "pool", "changes", "cost", "per"]),
        ),
        "allocation": lambda: qqt.allocate(runs, "1e16,1e18", METRIC.format("one")),
    }  # fmt: skip

    def figure(name: str, width: float) -> paper.PaperFigure:
        if name in ("pools", "decay"):
            return getattr(plots, f"plot_{name}")(fit, width=width)
        answer = {"differences": "decision", "bands": "plan"}.get(name, name)
        before = {"task decision": ("tasks",), "size decision": ("sizes",)}.get(answer, ())
        for key in (*before, answer):
            made.setdefault(key, None)
            made[key] = made[key] or what[key]()
        draw = {"differences": plots.plot_differences, "bands": plots.plot_preposterior}
        return draw.get(name, lambda made, **o: made.plot(**o))(made[answer], width=width)

    return figure


@pytest.mark.parametrize("width", [paper.COLUMN, paper.WIDE])
@pytest.mark.parametrize("name", ANSWERS)
def test_no_name_is_cut_off_or_squeezes_the_axes(name: str, width: float, draw) -> None:
    figure = draw(name, width)
    figure.draw_without_rendering()
    frame = figure.bbox.padded(2)
    for text in figure.findobj(Text):
        box = text.get_window_extent()
        if text.get_visible() and text.get_text().strip() and not outside(text):
            assert frame.x0 <= box.x0 <= box.x1 <= frame.x1, text
            assert frame.y0 <= box.y0 <= box.y1 <= frame.y1, text
    panels = [ax.get_position() for ax in figure.axes if ax.axison]
    assert sum(p.width for p in panels) > 0.25
    assert sum(p.height for p in panels) > 0.3
    for ax in figure.axes:  # no two rows have one name
        told = [t.get_text() for t in ax.get_yticklabels() if t.get_text()]
        assert len(told) == len(set(told)), told


def outside(text: Text) -> bool:
    """Whether it is the label of a tick outside its axes, which is not drawn."""
    for ax in text.get_figure(root=True).axes:
        for axis, (low, high) in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, sorted(ax.get_ylim()))):
            for tick in axis.get_major_ticks():
                if tick.label1 is text:
                    return not low <= tick.get_loc() <= high
    return False

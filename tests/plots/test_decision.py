"""What the figures of a decision say, and that they say it legibly."""

import gc
import weakref
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

import qqt_bayes as qqt
from qqt_bayes.kind_names import kind_named
from qqt_bayes.plots import (
    caption,
    plot_decision,
    plot_differences,
    plot_kept_share,
    plot_p_best,
)
from qqt_bayes.plots.differences import bands
from qqt_bayes.plots.view import View

ALL = ("curves", "gaps", "p_best", "kept_share", "differences")
DECISIONS = ("loss_decision", "accuracy_decision", "stamped_decision")


def plot_curves(decision, **options):
    """The first panel alone."""
    return plot_decision(decision, panels=["curves"], **options)


def by_gid(ax, gid):
    """Artists of an axes with this group id."""
    return [a for a in ax.get_children() if a.get_gid() == gid]


def legend_texts(figure) -> list[str]:
    """Texts of the figure's own legends."""
    return [t.get_text() for legend in figure.legends for t in legend.get_texts()]


def shown_texts(figure) -> list[Text]:
    """Every text that is drawn."""
    figure.draw_without_rendering()
    return [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()]


@pytest.mark.parametrize("width", [3.3, 7.0])
@pytest.mark.parametrize("name", DECISIONS)
def test_every_text_is_legible_and_inside(name, width, request) -> None:
    figure = plot_decision(request.getfixturevalue(name), width=width, panels=ALL)
    assert figure.get_figwidth() == width
    texts = shown_texts(figure)
    hidden = hidden_ticks(figure)
    frame = figure.bbox.padded(2)
    for text in texts:
        box = text.get_window_extent()
        assert text in hidden or not box.width or (frame.x0 <= box.x0 and box.x1 <= frame.x1), text
        assert text in hidden or not box.width or (frame.y0 <= box.y0 and box.y1 <= frame.y1), text
        assert text.get_fontsize() >= 6.5


def hidden_ticks(figure) -> set[Text]:
    """Labels of ticks outside their axes, which are not drawn."""
    out = set()
    for ax in figure.axes:
        for axis, (low, high) in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, sorted(ax.get_ylim()))):
            for tick in axis.get_major_ticks():
                if not low <= tick.get_loc() <= high:
                    out.add(tick.label1)
    return out


@pytest.mark.parametrize("width", [3.3, 7.0])
@pytest.mark.parametrize("name", DECISIONS)
def test_panels_and_legends_do_not_overlap(name, width, request) -> None:
    figure = plot_decision(request.getfixturevalue(name), width=width, panels=ALL)
    figure.draw_without_rendering()
    boxes = [ax.get_tightbbox() for ax in figure.axes]
    boxes += [legend.get_window_extent() for legend in figure.legends]
    for one, other in combinations(boxes, 2):
        shared = type(one).intersection(one, other)
        assert shared is None or min(shared.width, shared.height) < 3  # pixels of 1/200 inch


def test_axes_name_metric_unit_and_samples(loss_decision, accuracy_decision) -> None:
    curves, gaps, p_best, kept = plot_decision(loss_decision).axes
    assert gaps.get_ylabel() == "difference (nats)"
    assert gaps.get_title("left").endswith("Difference to A+B")
    assert curves.get_ylabel() == "loss (nats)"
    assert "lower is better" in curves.get_title("left")
    assert (p_best.get_ylabel(), kept.get_ylabel()) == ("P(best)", "kept share")
    assert kept.get_xlabel() == "samples seen"
    (only,) = plot_curves(accuracy_decision).axes
    assert only.get_ylabel() == "accuracy (fraction)"
    assert "higher is better" in only.get_title("left")


def test_interval_is_named(loss_decision) -> None:
    for plot in (plot_decision, plot_curves, plot_kept_share, plot_differences):
        assert any("90% equal-tailed" in text for text in legend_texts(plot(loss_decision)))


def test_caption(loss_decision, stamped_decision) -> None:
    assert "90% equal-tailed" in caption(loss_decision)
    assert "480k" in caption(loss_decision)
    assert plot_decision(loss_decision).caption == caption(loss_decision)
    assert caption(stamped_decision).startswith("NOT CONVERGED")


def test_beyond_the_largest_run_is_dashed_and_hatched(loss_decision) -> None:
    largest = loss_decision.fit.study.trained_on["max_samples"]
    (ax,) = plot_curves(loss_decision).axes
    for gid, style in (("median", "-"), ("extrapolated median", "--")):
        lines = by_gid(ax, gid)
        assert len(lines) == 3
        for line in lines:
            ends = line.get_xdata()[[0, -1]]
            assert line.get_linestyle() == style
            at = ends[1] if gid == "median" else ends[0]
            assert at == pytest.approx(largest)
    bands = by_gid(ax, "extrapolated band")
    assert len(bands) == 1  # fans would merge: that of the choice, and bars at the budgets asked
    assert bands[0].get_hatch()
    bars = by_gid(ax, "extrapolated interval")
    assert len(bars) == 3
    places = [bar.get_segments()[0][0][0] for bar in bars]
    assert len(set(places)) == 3  # none hides another
    (line,) = by_gid(ax, "largest run")
    assert line.get_xdata()[0] == largest
    assert "beyond largest run" in legend_texts(ax.figure)


def test_nothing_is_dashed_within_the_data(accuracy_decision) -> None:
    figure = plot_curves(accuracy_decision)
    (ax,) = figure.axes
    assert not by_gid(ax, "largest run")
    assert all(len(line.get_xdata()) == 0 for line in by_gid(ax, "extrapolated median"))
    assert "beyond largest run" not in legend_texts(figure)


@pytest.mark.parametrize("name", ["loss_decision", "accuracy_decision"])
def test_values_are_the_tables(name, request) -> None:
    decision = request.getfixturevalue(name)
    (ax,) = plot_curves(decision).axes
    marks = by_gid(ax, "budgets asked")
    assert len(marks) == len(decision.candidates)
    drawn = {tuple(np.round(m.get_ydata(), 9)) for m in marks}
    table = decision.table
    for mixture in decision.candidates:
        medians = table.loc[table["data"] == mixture.text, "median"]
        assert tuple(np.round(medians, 9)) in drawn


def test_runs_are_drawn_in_the_metrics_own_direction(accuracy_decision) -> None:
    (ax,) = plot_curves(accuracy_decision).axes
    study = accuracy_decision.fit.study
    of_a = np.array([text == "A" for text in study.data])
    runs = [line for line in by_gid(ax, "runs") if len(line.get_xdata())]
    assert len(runs) == 1  # none on the weighted candidate
    assert np.allclose(np.sort(runs[0].get_ydata()), np.sort(1 - study.value[of_a]))


def test_epoch_ticks(loss_decision, accuracy_decision) -> None:
    (ax,) = plot_curves(loss_decision).axes
    ticks = {round(x) for line in by_gid(ax, "epochs") for x in line.get_xdata()}
    assert {60_000, 120_000, 1_920_000, 180_000, 360_000} <= ticks
    (ax,) = plot_curves(accuracy_decision).axes
    ticks = {round(x) for line in by_gid(ax, "epochs") for x in line.get_xdata()}
    assert {round(60_000 / 0.7), 60_000} <= ticks


def test_p_best_fills_the_panel(loss_decision, stamped_decision) -> None:
    for decision in (loss_decision, stamped_decision):
        (ax,) = plot_p_best(decision).axes
        tops = [c.get_paths()[0].vertices[:, 1].max() for c in ax.collections if c.get_paths()]
        assert max(tops) == pytest.approx(1)
        assert ax.get_ylim() == (0, 1)


def test_kept_share_only_where_it_means_something(accuracy_decision, stamped_decision) -> None:
    for decision in (accuracy_decision, stamped_decision):
        assert len(plot_decision(decision).axes) == 3  # levels, differences, probabilities
        with pytest.raises(qqt.UsageError, match="weighted or unlimited"):
            plot_kept_share(decision)


def test_differences_are_beside_the_levels(loss_decision) -> None:
    figure = plot_differences(loss_decision)
    (ax,) = figure.axes
    levels = [np.ptp(line.get_xdata()) for line in by_gid(ax, "level")]
    spans = [np.ptp(line.get_xdata()) for line in by_gid(ax, "extrapolated difference")]
    assert len(levels) == 9
    assert len(spans) == 2
    assert max(spans) < max(levels)
    assert len(by_gid(ax, "difference")) == 4
    assert all(line.get_linestyle() == "--" for line in by_gid(ax, "extrapolated difference"))
    assert ax.get_xlabel() == "loss minus that of the best (nats)"
    assert [t.get_text().split("\n")[0] for t in ax.get_yticklabels()] == ["240k", "480k", "1.92M"]


def test_one_candidate_one_budget(small_fit) -> None:
    for budget in ("120k", "960k"):
        decision = small_fit.decide(budget, "A+B", on_fail="warn")
        figure = decision.plot(panels=ALL)
        assert isinstance(figure, Figure)
        assert len(figure.axes) == 4
        figure.draw_without_rendering()


def test_few_in_colour_many_in_grey(stamped_decision) -> None:
    figure = plot_decision(stamped_decision)
    texts = legend_texts(figure)
    assert sum(":" in text or text == "good" for text in texts) == 5
    assert "1 other" in texts
    best = stamped_decision.candidates[stamped_decision.best[0]].text
    assert best in texts


def test_stamp(stamped_decision, loss_decision) -> None:
    figure = plot_decision(stamped_decision, panels=ALL)
    for ax in figure.axes:
        assert any(t.get_text() == "NOT CONVERGED" for t in ax.texts)
    passed = loss_decision.fit.converged and loss_decision.gate.passed
    (ax,) = plot_curves(loss_decision).axes
    assert any(t.get_text() == "NOT CONVERGED" for t in ax.texts) is not passed


def test_held_out_runs(loss_decision) -> None:
    runs = qqt.datasets.load("proving_ground")
    figure = plot_curves(loss_decision, held_out=runs)
    lines = by_gid(figure.axes[0], "held out")
    assert sum(len(line.get_xdata()) for line in lines) == 3 * 2 * 3
    assert min(line.get_xdata().min() for line in lines) > 480_256
    assert "run held out" in legend_texts(figure)


@pytest.mark.parametrize("bad", [{"panels": ["curve"]}, {"panels": []}])
def test_bad_arguments(loss_decision, bad) -> None:
    with pytest.raises(qqt.UsageError):
        plot_decision(loss_decision, **bad)


def test_figures_are_freed(loss_decision) -> None:
    alive = weakref.ref(plot_decision(loss_decision))
    gc.collect()
    assert alive() is None


@pytest.mark.parametrize("ending", ["png", "pdf", "svg"])
def test_saves(loss_decision, ending, tmp_path) -> None:
    figure = plot_curves(loss_decision)
    path = tmp_path / f"figure.{ending}"
    figure.savefig(path)
    assert path.stat().st_size > 5_000
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_gaps_at_all_budgets_asked_are_seen(small_fit) -> None:
    decision = small_fit.decide("2k,480k", ["A", "A+B+C"], on_fail="warn")
    (ax,) = decision.plot(panels=["gaps"]).axes
    low, high = ax.get_ylim()
    shown = bands(View.of(decision), decision.latent)[0]
    assert low < shown.min()
    assert shown.max() < high


@pytest.mark.parametrize("kind", ["loss", "accuracy", "score"])
def test_gaps_are_in_the_metrics_own_direction(loss_decision, kind) -> None:
    """Of anything of which more is better, the best lies above the others."""
    study = replace(loss_decision.fit.study, kind=kind_named(kind))
    decision = replace(loss_decision, fit=replace(loss_decision.fit, study=study))
    b, tail = int(np.argmax(decision.budgets)), 0.5 * (1.0 - decision.prob)
    wanted = np.quantile(decision.difference[:, b], [0.5, tail, 1.0 - tail], axis=0)
    found = bands(View.of(decision), decision.latent)
    np.testing.assert_allclose(found[:, b], wanted)

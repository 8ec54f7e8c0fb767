import json

import numpy as np
import pytest

from qqt_bayes import UsageError
from qqt_bayes.risk import FAIL, PASS, REVIEW
from qqt_bayes.risk.checks import CHECKS, SLOW
from qqt_bayes.risk.ledger import NAMES, told_shares

CHECK_NAMES = [
    "convergence", "fit", "record", "distance", "stakes", "laws", "priors",
    "leave one out",
    "table",
]  # fmt: skip


def test_json(small_risk) -> None:
    out = json.loads(json.dumps(small_risk.to_json(), allow_nan=False))
    assert out["schema"] == 1
    assert [b["samples"] for b in out["budgets"]] == [240e3, 960e3, 10e6]
    for b in out["budgets"]:
        assert {"samples", "verdict", "reasons", "checks", "ledger"} <= set(b)
        assert b["verdict"] in (PASS, REVIEW, FAIL)
        assert b["reasons"]
        assert all(isinstance(r, str) for r in b["reasons"])
        assert [c["name"] for c in b["checks"]] == CHECK_NAMES == list(CHECKS)
        assert all({"name", "status", "text", "figures"} <= set(c) for c in b["checks"])
        assert list(b["ledger"]) == list(NAMES)
        assert sum(b["ledger"].values()) == pytest.approx(1.0)
        assert sum(b["ledger_difference"].values()) == pytest.approx(1.0)


def test_too_far_fails(small_risk) -> None:
    """Twenty times the largest run, forty times the epochs seen."""
    last = small_risk.assessments[-1]
    assert last.verdict == FAIL
    assert last.reasons[0].startswith("distance: 20.8x")
    assert small_risk.verdict == FAIL
    assert small_risk.exit_code == 1


def test_within_the_data_passes(small_risk) -> None:
    first = small_risk.assessments[0]
    assert first.verdict == PASS
    assert any("inside your runs" in r for r in first.reasons)


def test_table(small_risk) -> None:
    table = small_risk.table
    assert len(table) == 3 * len(CHECK_NAMES)
    assert list(table.columns) == ["samples", "verdict", "check", "status", "text", "advice"]
    asks = table[table["status"].isin([REVIEW, FAIL])]
    assert (asks["advice"] != "").all()


def test_text_reads_well(small_risk) -> None:
    text = small_risk.text
    assert "At 240k samples, inside your runs, choosing A+B: PASS" in text
    assert "At 10M samples, extrapolated 20.8x beyond the largest run" in text
    assert "FAIL (do not rely on it)" in " ".join(text.split())
    words = " ".join(text.split())
    for found in small_risk.assessments:
        best, other = found.pair
        assert f"variance of a new run on {best}: {told_shares(found.ledger)}" in words
        assert f"variance of {best} less {other}: {told_shares(found.ledger_difference)}" in words
    assert max(map(len, text.splitlines())) <= 100
    for word in ("nan", "None", "np.", "inf "):
        assert word not in text.replace("information", "")


def test_record(small_risk) -> None:
    record = small_risk.record
    assert len(record.origins) == 3  # up to 60k, 120k, 240k of five budgets
    level = record.coverage("level", 2.0)
    assert level is not None
    assert level.groups == 3
    assert level.lo <= level.rate <= level.hi
    figures = next(c for c in small_risk.assessments[1].checks if c.name == "record").figures
    assert figures["level"]["crps"] > 0
    assert np.isfinite(figures["choices"]["regret_rank"])


def test_variants_and_quick(small_risk, tiny_fit) -> None:
    assert list(small_risk.variants) == [
        "no drift", "full dilution (as published)", "harmless repetition", "exchange rate",
    ]  # fmt: skip
    quick = tiny_fit.risk("480k", quick=True)
    assert quick.variants == {}
    assert [c.name for c in quick.assessments[0].checks] == [
        n for n in CHECK_NAMES if n not in SLOW
    ]  # fmt: skip
    assert "Quick report" in quick.text
    assert quick.assessments[0].ledger["law disagreement"] == 0.0
    again = tiny_fit.risk("480k", quick=True)
    assert again.to_json() == quick.to_json()


def test_one_candidate(tiny_fit) -> None:
    alone = tiny_fit.risk("960k", candidates="A", quick=True)
    assert alone.assessments[0].ledger_difference == {}
    assert "nothing to choose" in alone.text
    json.dumps(alone.to_json(), allow_nan=False)


def test_unsampled_pool_fails(tiny_fit) -> None:
    """C is in the pool table, but no run draws from it."""
    found = tiny_fit.risk("480k", candidates="C", quick=True).assessments[0]
    assert found.verdict == FAIL
    assert "no run draws from C" in found.reasons[0]


def test_progress_and_margin(tiny_fit) -> None:
    stages = []
    tiny_fit.risk("480k", quick=True, margin=0.5, progress=lambda *a: stages.append(a))
    assert stages[-1] == ("back-tests", 1.0)
    with pytest.raises(UsageError, match="positive regret"):
        tiny_fit.risk("480k", margin=0.0)


def test_plot(small_risk) -> None:
    figure = small_risk.plot()
    assert len(figure.axes) == 2
    assert "largest run (480k samples)" in figure.caption
    words = [t.get_text() for t in figure.axes[0].texts]
    told = [f"{a.verdict}: {a.pair[0]}" for a in small_risk.assessments]
    assert words == [*told, "a"]  # and the panel's letter


def test_the_figure_divides_the_variance_of_the_pair_that_the_text_names(small_risk) -> None:
    assert len({a.pair for a in small_risk.assessments}) > 1
    axes = small_risk.plot().axes
    for found in small_risk.assessments:
        assert " less ".join(found.pair) in [t.get_text() for t in axes[1].texts]
        for ax, shares in zip(axes, (found.ledger, found.ledger_difference), strict=True):
            lowest = ax.collections[0].get_paths()[0].vertices  # noise, from the axis up
            at = lowest[np.isclose(lowest[:, 0], found.samples), 1].max()
            assert at == pytest.approx(shares["noise"], abs=0.05)


def test_below_the_smallest_run_is_outside(tiny_fit) -> None:
    found = tiny_fit.risk("3k,20k", quick=True)
    assert [a.verdict for a in found.assessments] == [FAIL, REVIEW]
    assert "below the smallest run" in found.text


def test_a_budget_is_judged_the_same_whatever_else_is_asked(tiny_fit) -> None:
    alone = tiny_fit.risk("960k", quick=True).to_json()["budgets"]
    beside = tiny_fit.risk("240k,480k,960k", quick=True).to_json()["budgets"]
    assert alone[0] == beside[-1]

"""Every number has a stated range, and what is stated is what is refused."""

import math
import re

import pandas as pd
import pytest
from documents import DOCS

import qqt_bayes as qqt
from qqt_bayes.errors import UsageError
from qqt_bayes.limits import COUNTS, LIMITS, no_more

PAGE = (DOCS / "reference/files.md").read_text(encoding="utf-8").split("\n## Limits\n", 1)[1]


@pytest.mark.parametrize("name", LIMITS)
def test_the_page_states_it(name: str) -> None:
    assert f"| {name} | {LIMITS[name].text} |" in PAGE


@pytest.mark.parametrize("name", COUNTS)
def test_the_page_states_how_many(name: str) -> None:
    assert f"| {name} | {COUNTS[name]:,} |" in PAGE
    no_more(COUNTS[name], name)
    with pytest.raises(UsageError, match="at most"):
        no_more(COUNTS[name] + 1, name)


@pytest.mark.parametrize("name", LIMITS)
def test_its_ends(name: str) -> None:
    limit = LIMITS[name]
    assert limit.holds(limit.high)
    assert limit.holds(limit.low) != limit.open_low
    beyond = [math.nan, math.inf, -math.inf, math.nextafter(limit.high, math.inf),
              math.nextafter(limit.low, -math.inf)]  # fmt: skip
    assert not any(map(limit.holds, beyond))
    if limit.whole:
        assert not limit.holds(limit.low + 0.5)
    with pytest.raises(UsageError, match=re.escape(f"x is out of range -> give {limit.text}")):
        limit.check("x", math.nan)


@pytest.mark.parametrize(
    ("kind", "value", "mend"),
    [
        ("loss", 1e300, "give it in another unit, or correct it: it may be 1e-12 to 1e12"),
        ("loss", 1e-300, "give it in another unit"),
        ("bpb", 1e13, "give it in another unit"),
        ("rate", 1e-13, "give it in another unit"),
        ("error", 1e-13, "write a perfect error and say n_eval"),
        ("accuracy", 1 - 1e-14, "else 1 - accuracy may be 1e-12 to 1e12"),
        ("perplexity", 1 + 1e-14, "its logarithm may be"),
        ("score", -1e31, "it may be -1e30 to 1e30"),
        ("cost", 1e300, "it may be -1e30 to 1e30"),
    ],
)
def test_values_beyond_any_unit_are_refused(kind: str, value: float, mend: str) -> None:
    """At once, by line; a fit at such a size never ended."""
    rows = pd.DataFrame({"run": list("abc"), "data": "A", "samples": [1e4, 1e5, 1e6]})
    rows = rows.assign(metric="m", value=[repr(value)] * 3)
    with pytest.raises(qqt.InputError) as found:
        qqt.read_runs(rows, {"A": 1e7}, kinds=kind)
    assert f"{kind} out of range in 3 of 3 rows" in str(found.value)
    assert mend in str(found.value)


@pytest.mark.parametrize("value", [1e-12, 1e12])
def test_a_loss_at_the_ends_is_fitted(value: float) -> None:
    rows = pd.DataFrame({"run": list("abc"), "data": "A", "samples": [1e4, 1e5, 1e6]})
    rows = rows.assign(metric="loss", value=[value * f for f in ((1.2, 1.1, 1.0) if value < 1 else
                                                                (1.0, 0.9, 0.8))])  # fmt: skip
    made = qqt.fit(qqt.read_runs(rows, {"A": 1e7}), "loss")
    assert made.posterior.engine == "importance"


NO_NUMBERS = (10**5000, -(10**5000), float("nan"), "x" * 3000, [], -1)
ASKED = {
    "budgets": lambda fit, value: fit.decide([value]),
    "prob": lambda fit, value: fit.decide("480k", prob=value),
    "margin": lambda fit, value: fit.decide("480k", margin=value),
    "reach": lambda fit, value: fit.reach(value),
    "epochs": lambda fit, value: fit.best_shares("480k", max_epochs=value or [-1]),
    "near": lambda fit, value: fit.best_shares("480k", near=value),
    "weights": lambda fit, value: fit.buy("480k", weights=[value]),
    "spend": lambda fit, value: fit.buy("480k", spend=value),
    "risk": lambda fit, value: fit.risk([value]),
    "draws": lambda fit, value: qqt.Settings(draws=value),
    "seed": lambda fit, value: qqt.fit(fit.runs, "loss", seed=value),
}


@pytest.mark.parametrize("value", NO_NUMBERS, ids=["huge", "below", "nan", "text", "list", "-1"])
@pytest.mark.parametrize("name", ASKED)
def test_what_is_no_number_is_refused_in_a_sentence(name: str, value: object, small_fit) -> None:
    with pytest.raises(qqt.UsageError, match=r"->|must be") as refusal:
        ASKED[name](small_fit, value)
    assert len(str(refusal.value)) < 2500

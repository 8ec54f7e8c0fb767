"""Every number has a stated range, and what is stated is what is refused."""

import math
import re

import pytest
from documents import DOCS

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
    beyond = [math.nan, math.inf, -math.inf, math.nextafter(limit.high, math.inf), limit.low - 1]
    assert not any(map(limit.holds, beyond))
    if limit.whole:
        assert not limit.holds(limit.low + 0.5)
    with pytest.raises(UsageError, match=re.escape(f"x is out of range -> give {limit.text}")):
        limit.check("x", math.nan)

"""A law of one's own, fitted to a small study: the example of docs/how_to/own_law.md."""

import re
from pathlib import Path

import numpy as np
import pytest

import qqt_bayes as qqt

PAGE = (Path(__file__).parent.parent / "docs" / "how_to" / "own_law.md").read_text(encoding="utf-8")
LAW, USE = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def given() -> dict:
    """What the page's first block defines."""
    namespace: dict = {}
    exec(compile(LAW, "own_law.md", "exec"), namespace)
    return namespace


def test_it_is_short() -> None:
    assert len(LAW.splitlines()) < 40


@pytest.mark.slow
def test_use(given, small_runs) -> None:
    exec(compile(USE, "own_law.md", "exec"), given | {"runs": small_runs})


@pytest.fixture(scope="module")
def own_fit(given, small_runs):
    return qqt.fit(small_runs, "loss", spec=given["spec"], seed=1)


def test_fits_decides_and_judges(own_fit) -> None:
    assert own_fit.converged
    answer = own_fit.decide("480k,960k", on_fail="warn")
    assert answer.candidates[answer.best[1]].text == "A+B"
    rates = own_fit.table.set_index("pool")["exchange_rate"]
    assert rates["A"] == 1.0
    assert rates["C"] < rates["B"] < 1.2
    assert own_fit.posterior.exchange_rates.shape[1] == 3
    assert np.isfinite(own_fit.buy("960k", candidates="A;A+B").table["evsi"]).any()


def test_saves_and_needs_the_law_to_reload(own_fit, tmp_path, monkeypatch) -> None:
    path = own_fit.save(tmp_path / "own.nc")
    again = qqt.load_fit(path)
    mine, theirs = own_fit.decide("960k", on_fail="warn"), again.decide("960k", on_fail="warn")
    np.testing.assert_array_equal(mine.latent, theirs.latent)
    from qqt_bayes.laws import registry

    monkeypatch.delitem(registry._LAWS, "capped")
    with pytest.raises(qqt.UsageError, match="register_law"):
        qqt.load_fit(path).decide("960k")


def test_a_law_that_cannot_be_compiled(given, small_runs) -> None:
    def wrong(first, epochs, shares, half_life, dilution, harm, rate):
        return {"no": object()}

    qqt.register_law("wrong", wrong)
    spec = qqt.Spec.from_dict(given["spec"].source | {"name": "wrong", "law": "wrong"})
    with pytest.raises(qqt.UsageError, match="cannot be compiled"):
        qqt.fit(small_runs, "loss", spec=spec)


def test_one_utility_for_all_pools(small_runs) -> None:
    spread = {"family": "halfnormal", "sigma": 0.4}
    spec = qqt.load_spec("exchange_rate").with_priors(utility_spread=spread)
    with pytest.raises(qqt.UsageError, match="one utility for all pools"):
        qqt.fit(small_runs, "loss", spec=spec)

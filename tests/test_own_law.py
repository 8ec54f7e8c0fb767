"""A law of one's own, fitted to a small study: the example of docs/own_law.md."""

import math

import numpy as np
import pytest

import qqt_bayes as qqt

# --- the law, in under forty lines --------------------------------------------------------------


def capped(first, epochs, shares, half_life, dilution, harm, rate):
    """Exchange rates, and repeats that are worth nothing after `half_life` epochs at once."""
    worth = 0.0
    for i in range(len(shares)):
        if shares[i] > 0.0:
            more = max(epochs[i] - 1.0, 0.0)
            limit = half_life[i]
            worth += (
                shares[i] * rate[i] * math.exp(first[i]) * (1.0 + limit * math.tanh(more / limit))
            )
    return math.log(worth)


SPEC = {
    "schema": 1,
    "name": "capped",
    "base": "exchange_rate",
    "law": "capped",
    "title": "Exchange rates with capped repetition",
    "priors": {"harm": {"family": "fixed", "value": 0.0, "why": "the cap takes its place"}},
}

# ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def own_fit(small_runs):
    qqt.register_law("capped", capped)
    return qqt.fit(small_runs, "loss", spec=qqt.Spec.from_dict(SPEC), seed=1)


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


def test_a_law_that_cannot_be_compiled(small_runs) -> None:
    def wrong(first, epochs, shares, half_life, dilution, harm, rate):
        return {"no": object()}

    qqt.register_law("wrong", wrong)
    spec = qqt.Spec.from_dict(SPEC | {"name": "wrong", "law": "wrong"})
    with pytest.raises(qqt.UsageError, match="cannot be compiled"):
        qqt.fit(small_runs, "loss", spec=spec)


def test_one_utility_for_all_pools(small_runs) -> None:
    spread = {"family": "halfnormal", "sigma": 0.4}
    spec = qqt.load_spec("exchange_rate").with_priors(utility_spread=spread)
    with pytest.raises(qqt.UsageError, match="one utility for all pools"):
        qqt.fit(small_runs, "loss", spec=spec)

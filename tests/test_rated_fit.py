"""A fit of the exchange-rate law in every part of the package: shown, saved, judged, planned."""

import numpy as np

import qqt_bayes as qqt
from qqt_bayes.plots.pools import prior_exchange_rate


def test_table_text_and_draws(rated_fit) -> None:
    table = rated_fit.table.set_index("pool")
    assert table.loc["A", ["exchange_rate_lo", "exchange_rate", "exchange_rate_hi"]].eq(1.0).all()
    assert table.loc["C", "exchange_rate_hi"] < 0.9  # headers of C are foreign to Python
    assert "exchange rate" in rated_fit.text
    assert rated_fit.draws["exchange_rate"].dims == ("chain", "draw", "pool")
    utility = rated_fit.draws["utility"].values
    np.testing.assert_allclose(utility[..., 0], utility[..., 2])  # one for all pools


def test_saved_and_reloaded(rated_fit, tmp_path) -> None:
    again = qqt.load_fit(rated_fit.save(tmp_path / "rated.nc"))
    mine, theirs = (f.decide("960k", "A;A+B;A+B+C", on_fail="warn") for f in (rated_fit, again))
    assert mine.to_json() == theirs.to_json()
    assert mine.candidates[mine.best[0]].text == "A+B"


def test_figure_shows_rates(rated_fit) -> None:
    _, rates, life = rated_fit.plot().axes
    assert "worth" in rates.get_xlabel()
    assert rates.get_xscale() == "log"
    assert "half-life" in life.get_xlabel()
    prior = prior_exchange_rate(rated_fit)
    assert np.all(prior[:, 0] == 1.0)
    # B is of the family of A, C of another
    np.testing.assert_allclose(np.log(prior[:, 1:]).std(axis=0), [1.0, 2**0.5], rtol=0.03)


def test_risk_and_buy(rated_fit) -> None:
    found = rated_fit.risk("960k", candidates="A;A+B;A+B+C", quick=True)
    assert found.verdict in ("PASS", "REVIEW", "FAIL")
    assert np.isclose(sum(found.assessments[0].ledger.values()), 1.0)
    assert "evsi" in " ".join(rated_fit.buy("960k", candidates="A;A+B").table.columns).lower()


def test_other_laws_of_a_rated_fit(rated_fit) -> None:
    from qqt_bayes.risk.variants import other_specs

    assert set(other_specs(rated_fit)) == {"no drift", "harmless repetition", "effective utility"}

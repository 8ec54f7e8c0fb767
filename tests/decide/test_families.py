"""Which family of pools, and how much of it: sums of P(best), and unions nested within families."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from qqt_bayes.decide.candidates import default_candidates
from qqt_bayes.decide.families import by_family, family_of
from qqt_bayes.runs import Pools, parse_mixture, read_pools


def pools(**changed) -> Pools:
    columns = {
        "pool": ["c1", "c2", "t1", "t2", "x"], "size": [1.0, 2.0, 1.0, 2.0, 1.0],
        "quality_rank": [1, 2, 1, 2, 1], "family": ["clip", "clip", "tmars", "tmars", "other"],
    }  # fmt: skip
    return read_pools(pd.DataFrame(columns | changed))


def defaults(table: Pools, data: str) -> list[str]:
    mixtures = {text: parse_mixture(text, table) for text in data.split()}
    shares = np.array([m.vector(table) for m in mixtures.values()])
    study = SimpleNamespace(pools=table, data=tuple(mixtures), mixtures=mixtures,
                            used=(shares > 0).any(axis=0))  # fmt: skip
    return [m.text for m in default_candidates(study)]  # type: ignore[arg-type]


def test_unions_are_nested_within_families_that_share_ranks() -> None:
    assert defaults(pools(), "c1 c2 t1 t2 x") == ["c1", "c2", "t1", "t2", "x", "c1+c2", "t1+t2"]


def test_one_ranking_over_all_pools_stays_one() -> None:
    table = pools(quality_rank=[1, 2, 3, 4, 5])
    assert defaults(table, "c1 c2 t1")[3:] == ["c1+c2", "c1+c2+t1"]


def test_nested_shares_of_a_filter_are_no_unions() -> None:
    table = pools(overlaps=["c2", "", "t2", "", ""])
    assert defaults(table, "c1 c2 t1 t2") == ["c1", "c2", "t1", "t2"]


def test_equal_ranks_within_a_family_have_no_order() -> None:
    table = pools(quality_rank=[1, 1, 1, 2, 1])
    assert defaults(table, "c1 c2 t1 t2")[4:] == ["t1+t2"]


def decision(names: list[str], latent: np.ndarray, table: Pools) -> SimpleNamespace:
    mixtures = [parse_mixture(text, table) for text in names]
    best = np.argmin(latent, axis=1)
    return SimpleNamespace(
        fit=SimpleNamespace(study=SimpleNamespace(pools=table)), candidates=mixtures,
        budgets=np.array([1e6]),
        latent=latent[:, None, :],
        p_best=np.array([[np.mean(best == k) for k in range(len(names))]]),
        expected_regret=(latent.mean(axis=0) - latent.min(axis=1).mean())[None],
    )  # fmt: skip


def test_probabilities_add_up_and_the_best_of_each_is_named() -> None:
    latent = np.array(
        [[1.0, 2.0, 3.0, 4.0], [2.0, 1.0, 3.0, 4.0], [3.0, 2.0, 1.0, 4.0], [2.0, 1.0, 3.0, 2.5]]
    )
    found = by_family(decision(["c1", "c2", "t1", "t2"], latent, pools()))  # type: ignore[arg-type]
    assert [*zip(found["family"], found["p_best"], found["best"], strict=True)] == [
        ("clip", 0.75, "c2"), ("tmars", 0.25, "t1"),
    ]  # fmt: skip
    assert list(found["p_best_within"]) == [0.75, 0.75]
    assert list(found["expected_regret"]) == pytest.approx([0.5, 1.5])


@pytest.mark.parametrize("names", [["c1", "c2", "c1+c2"], ["c1", "t1", "x"], ["c1", "c2", "c1+t1"]])
def test_no_families_where_they_are_no_choice(names: list[str]) -> None:
    """One family; one candidate each; a mixture of two is no family of its own."""
    latent = np.ones((2, 3))
    assert by_family(decision(names, latent, pools())).empty  # type: ignore[arg-type]


def test_names_of_families() -> None:
    table = pools(family=["clip", "clip", "tmars", "tmars", ""])
    assert family_of(parse_mixture("c1+c2", table), table) == "clip"
    assert family_of(parse_mixture("t1+c1", table), table) == "clip+tmars"
    assert family_of(parse_mixture("x", table), table) == "x"


def test_in_words_and_json(small_fit) -> None:
    answer = small_fit.decide("480k", ["A", "B", "C", "A+B"])
    found = answer.families
    assert set(found["family"]) == {"python", "other"}
    assert found["p_best"].sum() == pytest.approx(1.0)
    assert set(found["samples"]) == {480e3}
    assert "P(best) by family: python" in answer.text
    rows = answer.to_json()["budgets"][0]["by_family"]
    assert set(rows[0]) == {"family", "p_best", "best", "p_best_within", "expected_regret"}
    alone = small_fit.decide("480k", ["A", "B", "A+B"])
    assert alone.families.empty
    assert "by family" not in alone.text
    assert "by_family" not in alone.to_json()["budgets"][0]

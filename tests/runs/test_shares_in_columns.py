"""Which columns of a table are the shares of pools, among settings and numbers of rows."""

import numpy as np
import pandas as pd
import pytest

from qqt_bayes.errors import UsageError
from qqt_bayes.runs.importers.weights import find_weights

WEB, CODE, MATH = [0.7, 0.2, 0.4, 0.1], [0.2, 0.5, 0.6, 0.3], [0.1, 0.3, 0.0, 0.6]
SHARES = {"web": WEB, "code": CODE, "math": MATH}


def pools(columns: dict, **more) -> list[str]:
    return list(find_weights(pd.DataFrame(columns).astype(str), **more)[0])


@pytest.mark.parametrize(
    "beside",
    [
        {"lr": [3e-4] * 4}, {"weight_decay": [0.1] * 4}, {"mix_id": [0, 1, 2, 3]},
        {"warmup": [100] * 4}, {"unknown": [0.05] * 4}, {"tiny": [1e-6] * 4},
        {"momentum": [0.9] * 4, "dropout": [0.1] * 4}, {"noise": [0.3, 0.9, 0.2, 0.5]},
        {"lr": [1e-4, 3e-4, 1e-4, 3e-4], "n": [5, 6, 7, 8], "layers": [12, 24, 12, 24]},
    ],
)  # fmt: skip
def test_settings_beside_shares_are_none(beside: dict) -> None:
    assert pools(SHARES | beside) == list(SHARES)
    percents = {name: [round(100 * x) for x in column] for name, column in SHARES.items()}
    assert pools(percents | beside) == list(SHARES)


def test_shares_are_written_as_they_were() -> None:
    table = pd.DataFrame({"index": [1, 2], "web": [0.7, 0.2], "code": [0.3, 0.8], "warmup": 100})
    _, rows = find_weights(table.astype(str), ["index"])
    assert rows == ["web:0.7+code:0.3", "web:0.2+code:0.8"]


def test_a_share_that_is_seldom_or_always_the_same_is_kept() -> None:
    rare = {name: column * 5 for name, column in SHARES.items()} | {"rare": [0.0] * 20}
    for name in SHARES:
        rare[name] = [*rare[name][:19], 0.2]
    rare["rare"] = [0.0] * 19 + [0.4]
    assert pools(rare) == [*SHARES, "rare"]
    assert pools({"books": [0.5] * 3, "a": [0.1, 0.2, 0.3], "id": [0.4, 0.3, 0.2]}) == [
        "books", "a", "id"
    ]  # fmt: skip


def test_tokens_of_each_pool_sum_to_the_samples() -> None:
    tokens = {"web": ["700M", "200M"], "code": ["300M", "800M"], "layers": [12, 24]}
    assert pools(tokens, samples="1B") == ["web", "code"]
    assert pools(tokens | {"tokens": ["1B", "1B"]}, taken=["tokens"]) == ["web", "code"]


@pytest.mark.parametrize(
    "more",
    [{"old": [1, 0, 0, 1], "new": [0, 1, 1, 0]},
     {"text": [round(a + b, 3) for a, b in zip(WEB, MATH, strict=True)]}],
)  # fmt: skip
def test_several_sets_of_shares_are_asked_for(more: dict) -> None:
    with pytest.raises(UsageError, match="which columns are the shares of pools"):
        pools(SHARES | more)
    assert len(pools({f"mix/{name}": column for name, column in SHARES.items()} | more)) == 3


@pytest.mark.parametrize(
    "columns",
    [{"a": [0.9] * 3, "b": [0.1] * 3, "c": [0.2, 0.4, 0.1]},
     {"a": [1] * 3, "b": [0.01, 0.0, 0.002]},
     {"momentum": [0.9, 0.8], "dropout": [0.1, 0.2]}],
)  # fmt: skip
def test_settings_alone_are_no_shares(columns: dict) -> None:
    assert pools(columns) == []


def test_many_pools_among_other_columns() -> None:
    draw = np.random.default_rng(1)
    table = pd.DataFrame(draw.dirichlet(np.ones(40), 300)).add_prefix("p").round(5)
    more = table.assign(x=draw.uniform(size=300), lr=3e-4, n=range(300))
    assert pools(more) == list(table)


@pytest.mark.parametrize("odd", ["0", "-1", "inf", "1e-310", "1e308"])
def test_numbers_without_end_beside_shares(odd: str) -> None:
    """Samples that nothing can be divided by, and shares that are none, warn of nothing."""
    weights = np.random.default_rng(0).dirichlet(np.ones(3), 20)
    table = pd.DataFrame(weights, columns=["a", "b", "c"]).map(str)
    table.insert(0, "samples", "1B")
    table.loc[3, "samples"] = odd
    assert [*find_weights(table)[0]] == ["a", "b", "c"]
    table.loc[4, "a"] = odd
    found = [*find_weights(table)[0]]
    assert found == ([] if odd == "-1" else ["a", "b", "c"])

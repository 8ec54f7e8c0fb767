"""Specifications: read, checked all at once, changed by name, and restored from JSON."""

from __future__ import annotations

import copy
import json
import tomllib

import pytest

from qqt_bayes.errors import UsageError
from qqt_bayes.model.spec import (
    ABSENT,
    STRUCTURE,
    Spec,
    available_specs,
    load_spec,
    spec_folder,
)

SHIPPED = tomllib.loads((spec_folder() / "effective_utility.toml").read_text(encoding="utf-8"))


@pytest.fixture
def source() -> dict:
    return copy.deepcopy(SHIPPED)


@pytest.mark.parametrize("name", available_specs())
@pytest.mark.parametrize("kind", ["loss", "error", "accuracy"])
def test_shipped_specs_are_complete_and_reasoned(name: str, kind: str) -> None:
    spec = load_spec(name)
    priors = spec.priors(kind)
    assert spec.name == name
    assert [n for n in priors if n not in ABSENT] == [n for n in spec.parameters if n not in ABSENT]
    assert all(prior.why for prior in priors.values())
    assert load_spec(spec) is spec


def test_an_accuracy_is_modelled_as_an_error(source) -> None:
    spec = Spec.from_dict(source)
    assert spec.priors("accuracy") == spec.priors("error")
    assert spec.priors("loss")["irreducible"] != spec.priors("error")["irreducible"]


def test_round_trip_by_json(source) -> None:
    spec = Spec.from_dict(source)
    again = Spec.from_dict(json.loads(spec.to_json()))
    assert again == spec
    assert again.priors("loss") == spec.priors("loss")


def test_structure_has_defaults(source) -> None:
    del source["structure"]
    assert Spec.from_dict(source).structure == STRUCTURE
    source["structure"] = {"family_mixture": 1.0}
    assert Spec.from_dict(source).structure == STRUCTURE | {"family_mixture": 1.0}


def test_read_from_a_file(tmp_path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text((spec_folder() / "effective_utility.toml").read_text(encoding="utf-8"))
    assert load_spec(path).name == "effective_utility"
    assert load_spec(str(path)).priors("loss")


def test_no_such_spec() -> None:
    with pytest.raises(UsageError) as caught:
        load_spec("efective_utility")
    assert str(caught.value) == (
        "unknown spec 'efective_utility'; did you mean 'effective_utility'? "
        f"Valid: {', '.join(available_specs())}."
    )


def test_no_such_file_and_bad_toml(tmp_path) -> None:
    with pytest.raises(UsageError, match=r"no such spec file: .*missing\.toml"):
        load_spec(tmp_path / "missing.toml")
    bad = tmp_path / "bad.toml"
    bad.write_text("schema = = 1")
    with pytest.raises(UsageError, match=r"bad\.toml is not valid TOML: .*line 1"):
        load_spec(bad)


def test_all_problems_at_once(source) -> None:
    source["shema"] = 1
    source["schema"] = 7
    source["structure"]["familly_likeness"] = 0.3
    source["priors"]["harmm"] = {"family": "fixed", "value": 0}
    source["priors"]["loss"]["levle"] = {"family": "fixed", "value": 0}
    del source["priors"]["dilution"]
    source["priors"]["utility"] = {"family": "lognormal", "mu": 1}
    with pytest.raises(UsageError) as caught:
        Spec.from_dict(source, where="my.toml")
    text = str(caught.value)
    assert text.startswith("my.toml is not a valid specification:\n  ")
    assert "unknown key 'shema'; did you mean 'schema'?" in text
    assert "schema is 7: this version reads schema 1." in text
    assert "unknown key in [structure] 'familly_likeness'; did you mean 'family_likeness'?" in text
    assert "unknown parameter in [priors] 'harmm'; did you mean 'harm'?" in text
    assert "unknown parameter in [priors.loss] 'levle'; did you mean 'level'?" in text
    assert "no prior for 'dilution' (loss): add a table [priors.dilution]." in text
    assert "prior 'utility' (lognormal) takes mu, sigma; missing sigma." in text
    assert text.count("prior 'utility'") == 1  # once, not once a kind


def test_a_forgotten_base_is_one_message(source) -> None:
    own = {k: source[k] for k in ("schema", "name", "law")}
    own["priors"] = {"harm": {"family": "fixed", "value": 0, "why": "none seen"}}
    with pytest.raises(UsageError) as caught:
        Spec.from_dict(own, where="my.toml")
    first, only = str(caught.value).splitlines()
    assert first == "my.toml is not a valid specification:"
    assert 'add the line base = "effective_utility"' in only


@pytest.mark.parametrize("key", ["name", "law"])
def test_a_missing_key_is_named(source, key: str) -> None:
    del source[key]
    with pytest.raises(UsageError, match=f"no '{key}'"):
        Spec.from_dict(source)


@pytest.mark.parametrize("value", [1.0, -0.1, "half", None, True])
@pytest.mark.parametrize("name", ["family_likeness", "twin_likeness"])
def test_likeness_is_a_share_below_one(source, name: str, value) -> None:
    source["structure"][name] = value  # at 1 such pools would be one
    with pytest.raises(UsageError, match=f"{name} must be a number from 0 to below 1"):
        Spec.from_dict(source)


@pytest.mark.parametrize("value", [-0.5, float("nan"), "x"])
@pytest.mark.parametrize("name", ["family_mixture", "twin_mixture"])
def test_mixture_is_a_ratio(source, name: str, value) -> None:
    source["structure"][name] = value
    with pytest.raises(UsageError, match=f"{name} must be a number of 0 or more"):
        Spec.from_dict(source)


def test_twins_are_no_less_alike_than_family(source) -> None:
    source["structure"] = {"family_likeness": 0.9, "twin_likeness": 0.2}  # no correlation matrix
    with pytest.raises(UsageError, match="twin_likeness must not be below family_likeness"):
        Spec.from_dict(source)


def test_priors_that_are_no_tables(source) -> None:
    source["priors"]["harm"] = 0.1
    with pytest.raises(UsageError, match="prior 'harm' is not a table"):
        Spec.from_dict(source)


def test_with_priors_replaces_by_name(source) -> None:
    spec = Spec.from_dict(source)
    new = spec.with_priors(dilution={"family": "fixed", "value": 1})
    assert new.priors("loss")["dilution"].text == "fixed(value=1)"
    assert new.priors("loss")["dilution"].why == "given by the user"
    assert not spec.priors("loss")["dilution"].fixed  # the original is as it was


def test_with_priors_for_one_kind(source) -> None:
    spec = Spec.from_dict(source)
    new = spec.with_priors(
        **{"loss.irreducible": {"family": "fixed", "value": 0.5, "why": "known"}}
    )
    assert new.priors("loss")["irreducible"].fixed
    assert new.priors("loss")["irreducible"].why == "known"
    assert new.priors("error") == spec.priors("error")


@pytest.mark.parametrize("kind", ["loss", "accuracy"])
def test_a_bare_name_replaces_the_prior_of_every_kind(source, kind: str) -> None:
    """Else the prior of the kind, which stands in a table of its own, would win in silence."""
    new = Spec.from_dict(source).with_priors(level={"family": "normal", "mu": 0.2, "sigma": 0.1})
    assert new.priors(kind)["level"].numbers == (0.2, 0.1)


def test_with_priors_refuses_unknown_names(source) -> None:
    spec = Spec.from_dict(source)
    with pytest.raises(UsageError, match="unknown parameter 'levl'; did you mean 'level'"):
        spec.with_priors(levl={"family": "fixed", "value": 0})
    with pytest.raises(UsageError, match="unknown kind 'los'; did you mean 'loss'"):
        spec.with_priors(**{"los.level": {"family": "fixed", "value": 0}})
    with pytest.raises(UsageError, match="family 'gamma' is not one of"):
        spec.with_priors(harm={"family": "gamma"})

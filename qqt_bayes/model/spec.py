"""Specifications: a law, its levels and its priors with provenance, read from ``models/*.toml``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from qqt_bayes._text import nearest
from qqt_bayes.errors import UsageError
from qqt_bayes.kind_names import kind_named
from qqt_bayes.kinds import Kind
from qqt_bayes.model.effects import NAMES
from qqt_bayes.model.priors import ABSENT, OF_COVARIATES, Prior, prior_from_dict
from qqt_bayes.model.toml import check_types, read_toml

SCHEMA = 1
# Tables of priors that differ by kind of metric (an accuracy is an error); of scores they may be
# left out, which are then not fitted.
BRANCHES = ("loss", "error", "score")
PARAMETERS = (
    "irreducible", "utility", "half_life", "half_life_spread", "harm", "dilution", "seed_noise",
    "regime", *NAMES,
)  # fmt: skip
CHINCHILLA = (
    "irreducible", "params_term", "samples_term", "params_exponent", "samples_exponent", "repeats",
    "excess", "irreducible_spread", "term_spread", "exponent_spread", "repeats_spread", "misfit",
    "pool_misfit", "noise", "tails",
)  # fmt: skip
FEW = 3  # missing priors that are named one by one
KEYS = {"schema", "name", "law", "title", "levels", "covariates", "priors", "structure", "base"}
STRUCTURE = {
    "family_likeness": 0.5, "family_mixture": 0.5, "twin_likeness": 0.97, "twin_mixture": 0.1,
    "repetition_likeness": 0.9,
}  # fmt: skip
# Law -> its parameters and settings; `effective_utility` where a law is not listed.
LAWS: dict[str, tuple[tuple[str, ...], dict[str, float]]] = {
    "effective_utility": (tuple(dict.fromkeys([*PARAMETERS, *ABSENT])), STRUCTURE),
    "chinchilla": (CHINCHILLA, {"excess_params": 0}),
}

__all__ = ["Spec", "available_specs", "load_spec"]


@dataclass(frozen=True)
class Spec:
    """A model specification.

    Attributes
    ----------
    name, law, title : str
        The law is one of :func:`qqt_bayes.laws.registry.known_laws`.
    levels : tuple of str
        Columns of the run table that are modelled, covariates included.
    source : dict
        The TOML as read, so that a saved fit can be refitted.
    """

    name: str
    law: str
    title: str
    levels: tuple[str, ...]
    source: dict[str, Any] = field(repr=False)

    @classmethod
    def from_dict(
        cls, source: dict[str, Any], where: str = "spec", above: tuple[Path, ...] = ()
    ) -> Spec:
        """A specification from what its TOML would hold, checked.

        With ``base = "NAME"`` only what differs from that specification has to be given; ``where``
        names the source in messages, ``above`` are the files that named it as their base.
        """
        if problems := check_types(source):
            raise UsageError(not_valid(where, problems))
        if "base" in source:
            source = on_base(load_spec(source["base"], above).source, source)
        problems = [unknown("key", key, KEYS) for key in source if key not in KEYS]
        problems += [f"no '{key}' given." for key in ("name", "law") if key not in source]
        if (schema := source.get("schema")) != SCHEMA:
            problems.append(f"schema is {schema!r}: this version reads schema {SCHEMA}.")
        problems += check_structure(source.get("structure", {}), law_of(source)[1])
        problems += check_priors(source.get("priors", {}), law_of(source)[0])
        if problems:
            raise UsageError(not_valid(where, problems))
        return cls(
            name=source["name"],
            law=source["law"],
            title=source.get("title", source["name"]),
            levels=(*source.get("levels", ()), *source.get("covariates", ())),
            source=source,
        )

    def priors(self, kind: str | Kind) -> dict[str, Prior]:
        """Priors by parameter for a metric of this kind.

        Raises
        ------
        UsageError
            If the specification has none for it.
        """
        branch = kind_named(kind).priors
        tables = self.source["priors"]
        if branch == "score" and branch not in tables:
            raise UsageError(
                f"the specification {self.name} has no priors for a score without bounds "
                "-> add [priors.score.irreducible] and [priors.score.level], or base = "
                '"effective_utility"'
            )
        merged = {k: v for k, v in tables.items() if k not in BRANCHES} | tables.get(branch, {})
        without = () if self.covariates else OF_COVARIATES
        names = (n for n in self.parameters if n in merged or n not in ABSENT)
        names = (n for n in names if n not in without)
        return {name: prior_from_dict(name, merged[name]) for name in names}

    @property
    def covariates(self) -> dict[str, float | None]:
        """Settings of the runs that move all pools, with the value that answers are for.

        None: the value that most runs have.
        """
        given = self.source.get("covariates", {})
        return dict(given) if isinstance(given, dict) else dict.fromkeys(given)

    def with_covariates(self, given: Mapping[str, float | None]) -> Spec:
        """Copy with these covariates, each with the value that answers are for, or None."""
        named = {n: v for n, v in given.items() if v is not None}
        source = self.source | {"covariates": named if len(named) == len(given) else list(given)}
        return Spec.from_dict(source)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the law's parameters, those that only some laws have included."""
        return law_of(self.source)[0]

    @property
    def structure(self) -> dict[str, float]:
        """Settings that are not priors: how much pools of one family share."""
        return law_of(self.source)[1] | self.source.get("structure", {})

    def with_priors(self, **tables: dict[str, Any]) -> Spec:
        """Copy with some priors replaced, each by a table like ``{"family": "fixed", "value": 1}``.

        A name such as ``loss.irreducible`` (given as a dict key) replaces the prior of one kind; a
        bare name replaces it for every kind.

        Raises
        ------
        UsageError
            For an unknown parameter or kind, or a malformed table.
        """
        source = json.loads(json.dumps(self.source))
        priors = source["priors"]
        for name, table in tables.items():
            kind, _, leaf = name.rpartition(".")
            if leaf not in self.parameters:
                raise UsageError(unknown("parameter", leaf, self.parameters))
            if kind and kind not in BRANCHES:
                raise UsageError(unknown("kind", kind, BRANCHES))
            prior = {"why": "given by the user"} | table
            if kind:
                priors.setdefault(kind, {})[leaf] = prior
                continue
            priors[leaf] = prior
            for branch in BRANCHES:  # which would win over it
                priors.get(branch, {}).pop(leaf, None)
        return Spec.from_dict(source)

    def to_json(self) -> str:
        """The specification as JSON, from which :meth:`from_dict` restores it."""
        return json.dumps(self.source, sort_keys=True)


def unknown(what: str, name: str, valid: Any) -> str:
    """Message for an unknown name, with the nearest valid ones."""
    near = nearest(name, valid, 0.6)
    hint = "" if near is None else f"; did you mean '{near}'?"
    return f"unknown {what} '{name}'{hint} Valid: {', '.join(sorted(set(valid)))}."


def law_of(source: dict[str, Any]) -> tuple[tuple[str, ...], dict[str, float]]:
    """Parameters and settings of a specification's law."""
    return LAWS.get(str(source.get("law")), LAWS["effective_utility"])


def check_structure(structure: dict[str, Any], known: dict[str, float]) -> list[str]:
    """Problems of the settings that are not priors."""
    problems = [unknown("key in [structure]", key, known) for key in structure.keys() - known]
    bad = len(problems)
    for name, value in structure.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if name.endswith("_likeness") and not (number and 0 <= value < 1):
            problems.append(f"{name} must be a number from 0 to below 1, not {value!r}.")
        if name.endswith("_mixture") and not (number and 0 <= value < float("inf")):
            problems.append(f"{name} must be a number of 0 or more, not {value!r}.")
        if name == "excess_params" and value not in (0, 1):
            problems.append(f"{name} must be 0 or 1, not {value!r}.")
    merged = known | structure
    twins, family = merged.get("twin_likeness", 0), merged.get("family_likeness", 0)
    if len(problems) == bad and twins < family:
        problems.append("twin_likeness must not be below family_likeness: twins are family.")
    return problems


def check_priors(priors: dict[str, Any], known: tuple[str, ...]) -> list[str]:
    """Problems of the tables of priors, for every kind of metric."""
    problems = [
        unknown("parameter in [priors]", name, known)
        for name in priors
        if name not in known and name not in BRANCHES
    ]
    missing: dict[str, str] = {}
    for branch in BRANCHES:
        if branch == "score" and branch not in priors:
            continue
        own = priors.get(branch, {})
        problems += [
            unknown(f"parameter in [priors.{branch}]", name, known)
            for name in own
            if name not in known
        ]
        for name in known:
            table = (priors | own).get(name)
            if table is None and name in ABSENT:
                continue
            if table is None:
                missing.setdefault(name, branch)
            elif not isinstance(table, dict):
                problems.append(f"prior '{name}' is not a table: write [priors.{name}].")
            else:
                try:
                    prior_from_dict(name, table)
                except UsageError as error:
                    problems.append(str(error))
    if len(missing) > FEW:  # one mistake: a specification of its own without a base
        names = ", ".join(list(missing)[:FEW])
        base = "chinchilla" if known == CHINCHILLA else "effective_utility"
        return [*problems, f"no prior for {len(missing)} parameters ({names}, ...): add the line "
                f'base = "{base}", which gives all that you leave out.']  # fmt: skip
    return problems + [
        f"no prior for '{name}' ({branch}): add a table [priors.{name}]."
        for name, branch in missing.items()
    ]


def not_valid(where: str, problems: list[str]) -> str:
    """The message that tells all problems."""
    lines = "\n  ".join(dict.fromkeys(problems))
    return f"{where} is not a valid specification:\n  {lines}"


def on_base(base: dict[str, Any], source: dict[str, Any]) -> dict[str, Any]:
    """A specification completed by its base: a prior given for all kinds replaces those by kind."""
    given = source.get("priors", {})
    priors = json.loads(json.dumps(base["priors"]))
    for name, table in given.items():
        if name in BRANCHES:
            priors[name] = priors.get(name, {}) | table
            continue
        priors[name] = table
        for branch in BRANCHES:
            priors.get(branch, {}).pop(name, None)
    structure = base.get("structure", {}) | source.get("structure", {})
    out = base | source | {"priors": priors, "structure": structure}
    return {key: value for key, value in out.items() if key != "base"}


def spec_folder() -> Path:
    """Folder of the shipped specifications: in the wheel, or at the root of a checkout."""
    packaged = Path(str(resources.files("qqt_bayes"))) / "_models"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "models"


def available_specs() -> list[str]:
    """Names of the shipped specifications."""
    return sorted(path.stem for path in spec_folder().glob("*.toml"))


def load_spec(spec: str | Path | Spec, above: tuple[Path, ...] = ()) -> Spec:
    """A shipped specification by name, or one from a TOML file.

    Parameters
    ----------
    spec : str, Path or Spec
        Name such as ``"effective_utility"``, a path ending in ``.toml``, or a :class:`Spec`.
    above : tuple of Path
        Files whose base it is.

    Raises
    ------
    UsageError
        If there is no such specification, or it is not valid.
    """
    if isinstance(spec, Spec):
        return spec
    path = Path(spec)
    if path.suffix != ".toml":
        path = spec_folder() / f"{spec}.toml"
        if not path.is_file():
            raise UsageError(unknown("spec", str(spec), available_specs()))
    here = path.resolve()
    if here in above:
        raise UsageError(f"{path} is a base of itself -> name another as its base")
    return Spec.from_dict(read_toml(path), where=str(path), above=(*above, here))

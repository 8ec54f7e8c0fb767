"""Settings of the runs that the model knows of: how a column becomes a covariate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from qqt_bayes.errors import UsageError
from qqt_bayes.runs.numbers import parse_number

if TYPE_CHECKING:
    from qqt_bayes.runs import Study

__all__ = ["Covariate", "asked_at", "coded", "covariates_of", "most_common", "values_of"]


class Covariate(NamedTuple):
    """A setting, in standard deviations of the fitted runs from their mean."""

    name: str  # of the column
    at: float  # value for which answers are given
    log: bool  # whether its log is taken: where all values are above zero
    # mean and standard deviation of the values, or of their logs
    centre: float
    spread: float

    def code(self, values: np.ndarray | float) -> np.ndarray:
        """Coded values, any dims."""
        values = np.asarray(values, float)
        return (np.asarray(np.log(values) if self.log else values) - self.centre) / self.spread


def values_of(study: Study, name: str) -> np.ndarray:
    """Values of a covariate, dim (row,)."""
    if name not in study.levels:
        raise UsageError(
            f"the study has no column '{name}', a covariate of the specification -> make it by "
            f"runs.study(metric, spec_levels=['{name}'])"
        )
    out = []
    for text in study.levels[name]:
        try:
            out.append(parse_number(text))
        except UsageError:
            shown = f"'{text}'" if text else "a blank"
            raise UsageError(
                f"column '{name}' has {shown}: a covariate needs a number in every row -> fill it "
                f"in, or take rows of one value (--where {name}=VALUE)"
            ) from None
    return np.array(out)


def most_common(study: Study, name: str) -> float:
    """The value that most runs have; of several the smallest."""
    values, counts = np.unique(values_of(study, name), return_counts=True)
    return float(values[np.argmax(counts)])


def asked_at(study: Study, given: Mapping[str, float | None]) -> dict[str, float]:
    """The value of each covariate for which answers are given: by default the most common."""
    out = {}
    for name, at in given.items():
        values = values_of(study, name)
        if np.ptp(values) == 0.0:
            raise UsageError(
                f"all runs have {name} = {values[0]:g}: nothing can be learned of it -> leave it "
                "out of the covariates"
            )
        out[name] = most_common(study, name) if at is None else float(at)
        if values.min() > 0.0 >= out[name]:
            raise UsageError(
                f"{name} = {out[name]:g}: its logs are taken, since all runs have it above zero -> "
                "give a value above zero"
            )
    return out


def covariates_of(study: Study, given: Mapping[str, float | None]) -> tuple[Covariate, ...]:
    """How the covariates of a study are coded."""
    out = []
    for name, at in given.items():
        values = values_of(study, name)
        log = bool(values.min() > 0.0) and (at is None or at > 0.0)
        scale = np.log(values) if log else values
        chosen = most_common(study, name) if at is None else float(at)
        out.append(Covariate(name, chosen, log, float(scale.mean()), float(scale.std()) or 1.0))
    return tuple(out)


def coded(study: Study, covariates: tuple[Covariate, ...]) -> np.ndarray:
    """Coded values, dims (row, covariate)."""
    columns = [c.code(values_of(study, c.name)) for c in covariates]
    return np.array(columns).reshape(len(columns), len(study)).T

"""What the law is fitted to: losses of runs by parameters, samples and unique samples."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from qqt_bayes.errors import InputError, Problem, UsageError
from qqt_bayes.runs import Mixture, Pools, Runs, format_number
from qqt_bayes.runs.study import Study

LEVELS = ("params", "model")  # columns that may differ within a study
FLOPS = 6.0  # operations per parameter and sample (token) of a dense transformer's training

WORSE = 0.005  # relative loss beyond which a run is worse: the prior median of the noise

__all__ = ["FLOPS", "Points", "Sizes", "at_points", "law_key", "size_study", "worse_than"]


@dataclass(frozen=True, eq=False)
class Points:
    """Where the law is evaluated: one entry a row."""

    # dim (row,), relative to the reference
    log_params: np.ndarray
    log_samples: np.ndarray
    # dims (row, pool): samples seen of each pool, and its size
    seen: np.ndarray
    unique: np.ndarray
    law: np.ndarray  # dim (row,): index of the law that the row's data follows
    # dims (row, 3): log parameters, log samples and log epochs, where the misfit is evaluated
    place: np.ndarray

    def __len__(self) -> int:
        return len(self.log_params)


@dataclass(frozen=True, eq=False)
class Sizes:
    """A study of model size and data."""

    study: Study = field(repr=False)  # the checked rows of one metric
    params: np.ndarray = field(repr=False)  # dim (row,)
    # data expressions that have a law of their own; pools of one family and one quality rank are
    # samples of one thing and share a law, named after the first of them
    laws: tuple[str, ...]
    points: Points = field(repr=False)  # one entry a row of the study
    # parameters and samples at which the law's terms are defined: geometric means of the rows
    reference: tuple[float, float]
    keys: tuple[str, ...] = field(repr=False)

    @property
    def pools(self) -> Pools:
        """The pool table."""
        return self.study.pools

    @cached_property
    def overfitted(self) -> np.ndarray:
        """Whether a run is worse than one of no more parameters and samples, dim (row,)."""
        _, worse = worse_than(self)
        return np.asarray(worse.any(axis=1))

    @cached_property
    def checkpoints(self) -> int:
        """How many runs have several rows."""
        _, rows = np.unique(np.asarray(self.study.run), return_counts=True)
        return int(np.sum(rows > 1))

    def law_index(self, mixture: Mixture) -> int:
        """Which law a data expression follows."""
        key = law_key(mixture, self.pools)
        if key not in self.keys:
            raise UsageError(
                f"no run was made on '{mixture.text}' -> choose from {', '.join(self.laws)}"
            )
        return self.keys.index(key)


def law_key(mixture: Mixture, pools: Pools) -> str:
    """Key of the law that a data expression follows: twins (one family, one rank) share theirs."""
    kinds = set()
    for name in mixture.shares:
        i = pools.index(name)
        family, rank = pools.family[i], pools.quality_rank[i]
        if not family or not np.isfinite(rank):
            return f"data {mixture.key}"
        kinds.add(f"family {family} rank {rank:g}")
    return kinds.pop() if len(kinds) == 1 else f"data {mixture.key}"


def at_points(
    params: np.ndarray,
    samples: np.ndarray,
    shares: np.ndarray,
    sizes: np.ndarray,
    law: np.ndarray,
    reference: tuple[float, float],
) -> Points:
    """Lay out rows.

    ``params``, ``samples`` (row,); ``shares`` (row, pool); ``sizes`` (pool,): unique samples;
    ``law`` (row,); ``reference``: parameters and samples.
    """
    log_params, log_samples = np.log(params / reference[0]), np.log(samples / reference[1])
    seen = shares * samples[:, None]
    used = np.flatnonzero(np.any(shares > 0, axis=0))
    epochs = np.sum(shares * np.log(np.maximum(seen / sizes, 1.0)), axis=1)
    place = np.column_stack([log_params, log_samples, epochs])
    unique = np.broadcast_to(sizes[used], (len(params), len(used)))
    return Points(log_params, log_samples, seen[:, used], unique, law, place)


def size_study(runs: Runs, metric: str) -> Sizes:
    """Check a run table for the law of size and data, and lay it out."""
    chosen = runs.select(metric)
    study = chosen.study(metric, spec_levels=tuple(n for n in LEVELS if n in chosen.table))
    if study.kind.reference != "irreducible" or study.kind.logarithmic:
        log = " (its logarithm is one)" if study.kind.logarithmic else ""
        raise UsageError(
            f"'{metric}' is {study.kind.words}: the law of model size and data is one of a loss "
            f"-> choose a loss with --metric{log}, or say that it is one: --kind {metric}=loss"
        )
    params = params_of(chosen)
    if np.ptp(np.log(params)) < 0.05:
        raise UsageError(
            f"all runs have {format_number(params[0])} parameters -> add runs of other sizes, or "
            "use qqt decide"
        )
    keyed: dict[str, str] = {}
    for text in study.data:
        keyed.setdefault(law_key(study.mixtures[text], study.pools), text)
    keys = tuple(keyed)
    of_text = {t: keys.index(law_key(study.mixtures[t], study.pools)) for t in set(study.data)}
    law = np.array([of_text[text] for text in study.data])
    samples = np.asarray(study.samples, float)
    reference = float(np.exp(np.log(params).mean())), float(np.exp(np.log(samples).mean()))
    sizes = np.asarray(study.pools.sizes, float)
    points = at_points(params, samples, np.asarray(study.shares, float), sizes, law, reference)
    return Sizes(study, params, tuple(keyed.values()), points, reference, keys)


def worse_than(sizes: Sizes) -> tuple[np.ndarray, np.ndarray]:
    """Which runs are more of which others, and worse all the same: they have overfitted, or failed.

    The law falls with parameters and with samples, so it knows no such run.

    Gives ``more``, ``worse`` (row, other): same data, no fewer parameters, no fewer samples; and a
    loss higher by more than noise.
    """
    study = sizes.study
    data, n, d = np.array(study.data), sizes.params, np.asarray(study.samples, float)
    loss = np.asarray(study.value, float)
    more = (
        (data[:, None] == data) & (n[:, None] >= n) & (d[:, None] >= d)
        & ~np.eye(len(n), dtype=bool)
    )  # fmt: skip
    return more, more & (loss[:, None] > (1.0 + WORSE) * loss)


def params_of(runs: Runs) -> np.ndarray:
    """Parameters of each row."""
    mend = "give the number of parameters of the model, e.g. 124M"
    if "params" not in runs.table:
        raise InputError([Problem(runs.source, None, "params", None, "no such column", mend)])
    params = runs.table["params"].to_numpy(float)
    bad = np.flatnonzero(~(np.isfinite(params) & (params > 0)))
    if len(bad):
        lines = runs.table["line"].to_numpy(int)
        raise InputError(
            [Problem(runs.source, int(lines[i]), "params", None, "missing", mend) for i in bad]
        )
    return params

"""Saving and loading fits: one netCDF file with the draws, the runs and the specification."""

from __future__ import annotations

import io
import json
import os
import warnings
from dataclasses import fields, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from qqt_bayes.errors import UsageError
from qqt_bayes.fitting import Fit
from qqt_bayes.inference.posterior import Posterior
from qqt_bayes.inference.sample import Settings
from qqt_bayes.model.design import build_design
from qqt_bayes.model.spec import spec_from_dict
from qqt_bayes.runs import read_runs

SCHEMA = 2  # 2: with a draw in natural terms, to tell whether the rest is read as it was meant
PACKAGES = ("qqt_bayes", "pymc", "nutpie", "arviz", "numpy", "numba")

__all__ = ["load_fit", "save_fit", "versions"]


def versions() -> dict[str, str]:
    """Versions of the packages that an answer depends on."""
    out = {}
    for name in PACKAGES:
        try:
            out[name] = version(name)
        except PackageNotFoundError:
            out[name] = "not installed"
    return out


def save_fit(fit: Fit, path: str | Path) -> Path:
    """Save a fit: written under a temporary name, then renamed, so nothing is lost half-way.

    Raises
    ------
    UsageError
        If the folder does not exist or the file cannot be written.
    """
    import xarray as xr

    path = Path(path)
    if not path.parent.is_dir():
        raise UsageError(f"no such folder: {path.parent} -> make it first, or save elsewhere")
    post = fit.posterior
    stats = {f"stat_{k}": (("chain", "draw"), np.asarray(v, float)) for k, v in post.stats.items()}
    data = xr.Dataset(
        {"theta": (("chain", "draw", "few"), post.theta), **stats},
        attrs={
            "qqt_schema": SCHEMA,
            "runs_csv": fit.runs.table.to_csv(index=False),
            "pools_csv": fit.runs.pools.table.to_csv(index=False),
            "source": fit.runs.source,
            "spec": fit.spec.to_json(),
            "first_draw": post.natural[0].tolist(),
            "about": json.dumps(
                {
                    "metric": fit.study.metric,
                    "kind": fit.study.kind,
                    "kinds": dict(fit.runs.kinds),
                    "seed": fit.seed,
                    "settings": vars(fit.settings),
                    "selection": fit.selection,
                    "gradients": post.gradients,
                    "sha256": fit.runs.sha256,
                    "versions": versions(),
                }
            ),
        },
    )
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        data.to_netcdf(temporary, engine="h5netcdf")
        temporary.replace(path)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from None
    finally:
        temporary.unlink(missing_ok=True)
    return path


def load_fit(path: str | Path) -> Fit:
    """Load a fit saved by :meth:`Fit.save`; it decides identically and can be refitted.

    Raises
    ------
    UsageError
        If there is no such file, it is not one of ours, or an earlier version walked its draws on
        other scales.
    """
    import xarray as xr

    path = Path(path)
    if not path.is_file():
        raise UsageError(f"no such file: {path} -> make one with `qqt fit RUNS.csv -o {path.name}`")
    try:
        with xr.open_dataset(path, engine="h5netcdf") as data:
            data = data.load()
        stored = data.attrs
        schema, source = int(stored["qqt_schema"]), stored["source"]
        about, spec_source = json.loads(stored["about"]), json.loads(stored["spec"])
        tables = frame(stored["runs_csv"]), frame(stored["pools_csv"])
        theta = data["theta"].values
        stats = {str(k)[5:]: data[k].values for k in data if str(k).startswith("stat_")}
    except (OSError, KeyError, TypeError, ValueError, RuntimeError):
        raise UsageError(
            f"{path} is not a fit saved by qqt_bayes, or not all of it is there "
            f"-> make one with `qqt fit RUNS.csv -o {path.name}`"
        ) from None
    notice(schema, about["versions"], path)
    runs = replace(read_runs(*tables, kinds=about["kinds"]), source=source)
    spec = spec_from_dict(spec_source, where=str(path))
    study = runs.study(about["metric"], kind=about["kind"], spec_levels=spec.levels)
    posterior = Posterior(
        build_design(study, spec), spec.priors(study.kind), study.kind, theta,
        stats, about["gradients"], about["seed"],
    )  # fmt: skip
    check_scales(posterior, stored.get("first_draw"), path)
    known = {item.name for item in fields(Settings)}
    settings = Settings(**{k: v for k, v in about["settings"].items() if k in known})
    return Fit(runs, study, spec, posterior, about["seed"], settings, about["selection"])


def frame(text: str) -> pd.DataFrame:
    """The table as text, so that the reader checks it as it would a file."""
    table = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    return table.drop(columns="line", errors="ignore")


def check_scales(posterior: Posterior, first: Any, path: Path) -> None:
    """Check that the draws mean what they meant when they were saved.

    They are kept as the sampler walked them; a version that walks a parameter on another scale
    would read other values from them without a sound.

    Raises
    ------
    UsageError
        If the first draw in natural terms is not the one that was saved with it.
    """
    now = posterior.natural[0]
    if first is None or np.shape(first) != now.shape or not np.allclose(first, now, rtol=1e-6):
        raise UsageError(
            f"{path} was drawn by a version that walked its parameters on other scales "
            "-> fit again: `qqt fit RUNS.csv`"
        )


def notice(schema: int, saved: dict[str, str], path: Path) -> None:
    """Warn, never refuse, when a file was written by another version."""
    now = versions()
    if schema != SCHEMA or saved.get("qqt_bayes") != now["qqt_bayes"]:
        warnings.warn(
            f"{path.name} was written by qqt_bayes {saved.get('qqt_bayes')} (schema {schema}); "
            f"this is {now['qqt_bayes']} (schema {SCHEMA}): answers may differ slightly",
            stacklevel=3,
        )

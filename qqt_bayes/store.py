"""Saving and loading fits: one netCDF file with the draws, the runs and the specification.

What was saved is verified when it is loaded, by a hash of everything; a file is data, never code.
"""

from __future__ import annotations

import hashlib
import io
import json
import warnings
from dataclasses import fields, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from qqt_bayes.errors import UsageError
from qqt_bayes.files import write_bytes
from qqt_bayes.fitting import Fit, fit
from qqt_bayes.inference.posterior import Posterior
from qqt_bayes.inference.settings import Settings
from qqt_bayes.model.design import build_design
from qqt_bayes.model.effects import NAMES
from qqt_bayes.model.parameters import Parameters
from qqt_bayes.model.spec import Spec
from qqt_bayes.runs import read_runs

# Earlier ones are fitted again: 1 and 2 kept draws in the scales of a sampler that is gone, 3 may
# hold a wild value that is set aside now.
SCHEMA = 5
SAME_SETTINGS = 3  # and later ones have the settings of today's sampler
PACKAGES = ("qqt_bayes", "pymc", "nutpie", "arviz", "numpy", "scipy")
LARGEST = 1 << 30  # bytes of a file
DIMS = ("draw", "pool")
SCALES = "scale_"  # before the names of effects

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
    path = Path(path)
    if not path.parent.is_dir():
        raise UsageError(f"no such folder: {path.parent} -> make it first, or save elsewhere")
    post = fit.posterior
    if type(post) is not Posterior:
        raise UsageError(
            "these draws are joint with other tasks -> take the one of .fits, which is of its own "
            "runs alone"
        )
    arrays = arrays_of(post)
    attrs = {
        "qqt_schema": SCHEMA,
        "runs_csv": fit.runs.table.to_csv(index=False),
        "pools_csv": fit.runs.pools.table.to_csv(index=False),
        "source": fit.runs.source,
        "spec": fit.spec.to_json(),
        "about": json.dumps(
            {
                "metric": fit.study.metric,
                "kind": fit.study.kind.text,
                "kinds": {metric: kind.text for metric, kind in fit.runs.kinds.items()},
                "seed": fit.seed,
                "settings": vars(fit.settings),
                "selection": fit.selection,
                "engine": post.engine,
                "chains": post.chains,
                "figures": {k: v for k, v in post.figures.items() if np.ndim(v) == 0},
                "sha256": fit.runs.sha256,
                "versions": versions(),
            },
            default=float,
        ),
    }
    write_bytes(path, netcdf(arrays, attrs | {"hash": fingerprint(arrays, attrs)}))
    return path


def netcdf(arrays: dict[str, np.ndarray], attrs: dict[str, Any]) -> bytes:
    """A netCDF file, made in memory: the HDF5 library crashes where a disk is full."""
    import h5netcdf

    content = io.BytesIO()
    with h5netcdf.File(content, "w") as file:
        file.attrs.update(attrs)
        for name, values in arrays.items():
            dims = DIMS[: values.ndim]
            for dim, size in zip(dims, values.shape, strict=True):
                file.dimensions.setdefault(dim, size)
            file.create_variable(name, dims, data=values)
    return content.getvalue()


def arrays_of(posterior: Posterior) -> dict[str, np.ndarray]:
    """The draws as arrays by name, dims (draw,) or (draw, pool)."""
    p = posterior.parameters
    out = {name: np.asarray(v, float) for name, v in p._asdict().items() if name != "scales"}
    out |= {f"{SCALES}{name}": p.scale(name) for name in NAMES}
    out |= {
        f"figure_{name}": np.asarray(v, float).reshape(-1)
        for name, v in posterior.figures.items() if np.ndim(v)
    }  # fmt: skip
    return out | {"parent": posterior.parent.astype(float)}


def fingerprint(arrays: dict[str, np.ndarray], attrs: dict[str, Any]) -> str:
    """Hash of everything that an answer depends on."""
    told = hashlib.sha256()
    for name in sorted(arrays):
        told.update(name.encode())
        told.update(np.ascontiguousarray(arrays[name], "<f8").tobytes())
    for name in ("runs_csv", "pools_csv", "source", "spec", "about"):
        told.update(str(attrs[name]).encode(errors="surrogatepass"))
    return told.hexdigest()


def load_fit(path: str | Path) -> Fit:
    """Load a fit saved by :meth:`Fit.save`; it decides identically and can be refitted.

    A file of an earlier schema is fitted again from the runs in it, with a warning.

    Raises
    ------
    UsageError
        If there is no such file, it is not one of ours, or not what was saved.
    """
    path = Path(path)
    if not path.is_file():
        raise UsageError(f"no such file: {path} -> make one with `qqt fit RUNS.csv -o {path.name}`")
    broken = UsageError(
        f"{path} is not a fit saved by qqt_bayes, or not all of it is there "
        f"-> make one with `qqt fit RUNS.csv -o {path.name}`"
    )
    if path.stat().st_size > LARGEST:
        raise broken
    try:
        arrays, stored = read_arrays(path)
        schema, source = int(np.asarray(stored["qqt_schema"]).item()), str(stored["source"])
        about, spec_source = json.loads(stored["about"]), json.loads(stored["spec"])
        tables = frame(stored["runs_csv"]), frame(stored["pools_csv"])
        kind, seed, selection = about["kind"], int(about["seed"]), about["selection"]
        whole = schema != SCHEMA or stored.get("hash") == fingerprint(arrays, stored)
    except UsageError:
        raise
    except Exception:  # whatever the libraries raise of a damaged file
        raise broken from None
    if schema > SCHEMA:
        raise UsageError(
            f"{path} was saved by a newer version (schema {schema}, this reads up to {SCHEMA}) "
            "-> upgrade qqt_bayes"
        )
    if not whole:
        raise UsageError(
            f"{path} is not what was saved: it was damaged or edited -> fit again from the runs"
        )
    notice(schema, about["versions"], path)
    metric = about["metric"]
    kinds = about["kinds"] | {metric: kind}  # that of the fit is not among those of an old file
    runs = replace(read_runs(*tables, kinds=kinds), source=source)
    spec = Spec.from_dict(spec_source, where=str(path))
    known = {item.name for item in fields(Settings)}
    given = about["settings"] if schema >= SAME_SETTINGS else {}
    settings = Settings(**{k: v for k, v in given.items() if k in known})
    if schema < SCHEMA:
        again = fit(runs, metric, spec=spec, seed=seed, settings=settings,
                    on_fail="warn")  # fmt: skip
        return replace(again, selection=selection)
    study = runs.study(metric, spec_levels=spec.levels)
    posterior = posterior_of(
        Posterior.frame(build_design(study, spec), spec.priors(study.kind), kind, seed), arrays,
        about,
    )  # fmt: skip
    return Fit(runs, study, spec, posterior, seed, settings, selection)


def read_arrays(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays and attributes of a file, after a look at the sizes that it claims."""
    import h5py  # whose files, unlike h5netcdf's, are silent when they are damaged and let go

    with h5py.File(path, "r") as file:
        found = {name: file[name] for name in file if name not in DIMS}
        if sum(v.size * v.dtype.itemsize for v in found.values()) > LARGEST:
            raise UsageError(f"{path} claims more than {LARGEST >> 30} GiB of draws: not a fit")
        return {name: np.asarray(v[()], float) for name, v in found.items()}, dict(file.attrs)


def posterior_of(frame: Posterior, arrays: dict[str, np.ndarray], about: Any) -> Posterior:
    """The posterior of saved draws."""
    values = {n: arrays[n] for n in Parameters._fields if n != "scales"}
    none = np.zeros_like(values["utility"])  # of an effect that came after the file
    values["scales"] = np.column_stack([arrays.get(f"{SCALES}{name}", none) for name in NAMES])
    chains = (int(about["chains"][0]), int(about["chains"][1]))
    figures: dict[str, Any] = dict(about["figures"])
    figures |= {n[7:]: v.reshape(chains) for n, v in arrays.items() if n.startswith("figure_")}
    return replace(
        frame, parameters=Parameters(**values), chains=chains,
        parent=arrays["parent"].astype(int), engine=about["engine"], figures=figures,
    )  # fmt: skip


def frame(text: str) -> pd.DataFrame:
    """The table as text, so that the reader checks it as it would a file."""
    table = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    return table.drop(columns="line", errors="ignore")


def notice(schema: int, saved: dict[str, str], path: Path) -> None:
    """Warn, never refuse, when a file was written by another version."""
    now = versions()
    if schema != SCHEMA or saved.get("qqt_bayes") != now["qqt_bayes"]:
        warnings.warn(
            f"{path.name} was written by qqt_bayes {saved.get('qqt_bayes')} (schema {schema}); "
            f"this is {now['qqt_bayes']} (schema {SCHEMA}): "
            f"{'fitted again, ' * (schema < SCHEMA)}answers may differ slightly",
            stacklevel=3,
        )

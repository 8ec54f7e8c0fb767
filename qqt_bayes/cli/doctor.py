"""The command that looks at the installation: doctor."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from time import monotonic
from typing import Any

import typer

from qqt_bayes.errors import QQTError

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def doctor() -> None:
    """Say what is installed and whether it works; useful in a question or a bug report.

    Example: qqt doctor
    """
    for name, text in findings():
        typer.echo(f"{name:<12} {text}")


def findings() -> Iterator[tuple[str, str]]:
    """What was looked at, and what was found."""
    from qqt_bayes.store import versions

    yield "python", f"{platform.python_version()} ({sys.executable})"
    yield "system", f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors"
    yield from versions().items()
    yield "BLAS", blas()
    given = [f"{name}={os.environ[name]}" for name in THREADS if name in os.environ]
    advice = "no limit set; where several fits run at once, OMP_NUM_THREADS=1 is faster"
    yield "threads", ", ".join(given) or advice
    yield "specs", specifications()
    yield "a fit", trial()


def blas() -> str:
    """Which BLAS NumPy was built with."""
    import numpy as np

    built: Any = np.show_config(mode="dicts")
    found = (built or {}).get("Build Dependencies", {}).get("blas", {})
    return f"{found.get('name', 'unknown')} {found.get('version', '')}".strip()


def specifications() -> str:
    """The shipped specifications, read."""
    from qqt_bayes.model.spec import available_specs, load_spec

    try:
        return ", ".join(load_spec(name).name for name in available_specs())
    except QQTError as error:
        return str(error)


def trial() -> str:
    """Whether a small fit of bundled runs works, and how long it takes."""
    from qqt_bayes import datasets
    from qqt_bayes.fitting import fit

    start = monotonic()
    try:
        made = fit(datasets.load("web"), "val_loss", upto="2B")
    except QQTError as error:
        return f"failed: {error}"
    return f"works: {len(made.study.data)} bundled runs in {monotonic() - start:.1f} s"

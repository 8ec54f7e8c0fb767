"""The formats that can be imported, in the order in which they are tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any, cast

from qqt_bayes.errors import UsageError
from qqt_bayes.runs.frames import as_text
from qqt_bayes.runs.importers import (
    composer,
    datacomp,
    hf_trainer,
    lm_eval,
    long,
    swarm,
    wandb_chart,
    wandb_table,
    wide,
)
from qqt_bayes.runs.importers.base import File, Found, Given, Importer
from qqt_bayes.runs.importers.files import open_all, open_frame
from qqt_bayes.runs.importers.finish import finish
from qqt_bayes.runs.numbers import parse_number

IMPORTERS: tuple[Importer, ...] = tuple(
    cast(Importer, module)
    for module in (
        datacomp, hf_trainer, lm_eval, composer, wandb_chart, long, swarm, wandb_table, wide,
    )
)  # fmt: skip
OF_ITS_OWN = ("datacomp", "hf-trainer", "lm-eval", "composer")  # no tables: their look is certain
NAMES = tuple(importer.NAME for importer in IMPORTERS)


def import_runs(
    files: Any,
    format: str | None = None,
    *,
    metrics: Sequence[str] = (),
    data: str | Mapping[str, str] | None = None,
    samples: str | float | None = None,
    per_step: str | float | None = None,
    name: str | None = None,
    decimal: str | None = None,
) -> Found:
    """Turn what another tool wrote into a run table.

    Parameters
    ----------
    files : path, DataFrame, or several of them
        Files or folders: a runs table or chart exported from W&B, results of the evaluation
        harness, a swarm as two tables (shares and metrics), a wide table, DataComp's evaluations,
        logs of Composer and of the Hugging Face trainer, a run table from a spreadsheet; as CSV,
        Excel, Parquet, JSON or JSON lines.
    format : str, optional
        Name of the format (`NAMES`); by default known by its look.
    metrics : sequence of str, optional
        Only these metrics; by default all columns known as metrics.
    data : str or dict, optional
        Mixture of all runs that do not tell, or names -> mixtures.
    samples : str or float, optional
        Samples of all runs that do not tell.
    per_step : str or float, optional
        Samples (or tokens) of one optimiser step, for files that count steps.
    name : str, optional
        What a run's name is made of, such as ``"{data}-{samples}"``.
    decimal : str, optional
        The mark before decimals, ``","`` or ``"."``; by default known by the file's look.

    Returns
    -------
    Found
        `table`, a run table for `read_runs`; and what was `taken` for what, and `left_out`.

    Raises
    ------
    UsageError, InputError
        If the format is not known, or does not hold what is needed.
    """
    sources = list(files) if isinstance(files, list | tuple) else [files]
    opened: list[File] = []
    notes: list[str] = []
    for source in sources:
        if isinstance(source, str | PathLike):
            opened += open_all(Path(source), decimal, notes)
        else:
            opened.append(open_frame(source))
    if not opened:
        raise UsageError("no files -> name at least one")
    given = Given(
        tuple(metrics),
        {"": data} if isinstance(data, str) else dict(data or {}),
        as_text(samples),
        None if per_step is None else parse_number(per_step),
    )
    found = replace(_importer(opened, format, given).read(opened, given))
    found.left_out = notes + found.left_out
    return finish(found, given, name)


def _importer(files: Sequence[File], format: str | None, given: Given) -> Importer:
    if format is not None:
        if format not in NAMES:
            raise UsageError(f"unknown format '{format}' -> choose from {', '.join(NAMES)}")
        chosen = IMPORTERS[NAMES.index(format)]
        if format in OF_ITS_OWN and not chosen.sniff(files):
            names = ", ".join(file.path.name for file in files[:3])
            raise UsageError(f"{names}: not of the format {format} -> give {chosen.WHAT}")
        return chosen
    for importer in IMPORTERS:
        if importer.sniff(files):
            return importer
    tables = [file.table for file in files if file.table is not None]
    if given.metrics and any(set(given.metrics) & set(table.columns) for table in tables):
        return IMPORTERS[NAMES.index(wide.NAME)]
    names = ", ".join(file.path.name for file in files[:3])
    has = f" (columns: {', '.join(map(str, tables[0].columns[:12]))})" if tables else ""
    formats = "; ".join(f"{importer.NAME} ({importer.WHAT})" for importer in IMPORTERS)
    raise UsageError(
        f"{names}{has}: not a format that is known by its look -> name metrics by --metric COLUMN, "
        f"or the format by --format: {formats}"
    )

"""What all formats share at the end: what names tell, what the user said, values that diverged."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from qqt_bayes.errors import UsageError
from qqt_bayes.kind_names import kind_of
from qqt_bayes.runs.importers.base import Found, Given
from qqt_bayes.runs.importers.roles import NO_NUMBER
from qqt_bayes.runs.importers.wide import steps_to_samples
from qqt_bayes.runs.numbers import count, number_in, parse_number

FIELDS = ("data", "samples", "seed", "model", "params", "step")
_LIKE = re.compile(r".+[-_/]\d+(\.\d+)?[kKmMbBtT]$")


def finish(found: Found, given: Given, pattern: str | None) -> Found:
    """Fill in what the files did not tell, and leave out what is no number."""
    table = found.table.copy()
    if pattern is not None:
        _fill_from_names(table, pattern, given)
        found.taken["name of the run"] = pattern
    _fill_in(table, given)
    table["value"] = [_percent(cell, found) for cell in table["value"]]
    lost = np.array([cell.lower() in NO_NUMBER for cell in table["value"]], bool)
    if lost.any():
        runs = ", ".join(dict.fromkeys(table["run"][lost]))
        found.left_out.append(f"values that are no number: {lost.sum()} (runs {runs})")
    zero = np.array([number_in(cell) == 0 for cell in table["samples"]], bool) & ~lost
    if zero.any():
        found.left_out.append(f"{count(zero.sum(), 'row')} at 0 samples")
    found.table = table[~lost & ~zero].reset_index(drop=True)
    if found.table.empty:
        told = "; ".join(found.left_out) or "no row has a value"
        raise UsageError(f"no row is left -> see what was left out: {told}")
    if any(str(kind_of(name)) != kind for name, kind in found.kinds.items()):
        found.table["kind"] = [found.kinds.get(name, "") for name in found.table["metric"]]
    return found


def advice(table: pd.DataFrame) -> str | None:
    """How to tell what is blank, if names of runs seem to tell it."""
    blank = [name for name in ("data", "samples") if (table[name] == "").any()]
    if not blank:
        return None
    named = all(_LIKE.fullmatch(run) for run in table["run"].unique())
    way = {"data": "--data (one for all, or NAME=MIXTURE)", "samples": "--samples"}
    told = " and ".join(way[name] for name in blank)
    hint = (
        "the names look like DATA-SAMPLES: --name \"{data}-{samples}\" reads them; else "
        if named else ""
    )  # fmt: skip
    return f"the files do not tell {' and '.join(blank)}: {hint}say it by {told}, or fill it in"


def _fill_from_names(table: pd.DataFrame, pattern: str, given: Given) -> None:
    """Fields in the names of runs, such as ``{data}-{samples}``."""
    form = _form(pattern)
    read = {run: form.fullmatch(run) for run in table["run"].unique()}
    strange = [run for run, match in read.items() if match is None]
    if strange:
        raise UsageError(
            f"--name {pattern!r} does not fit run '{strange[0]}' ({len(strange)} of {len(read)}) "
            "-> write what stands between the fields as in the names, {} for what does not matter"
        )
    matches = [match for run in table["run"] if (match := read[run])]
    for field in form.groupindex:
        cells = [match[field] for match in matches]
        if field == "step":
            field, steps = "samples", pd.Series(cells, table.index)
            cells = list(steps_to_samples(steps, given, f"--name {pattern!r}"))
            table["run"] = [  # one, of which these are checkpoints
                m.string[: m.start("step")] + "*" + m.string[m.end("step") :] for m in matches
            ]
        if field not in table or field not in ("data", "samples") or (table[field] == "").all():
            table[field] = cells


def _form(pattern: str) -> re.Pattern[str]:
    """What names of runs look like: a group for each field, between texts."""
    parts = re.split(r"\{(\w*)\}", pattern)  # texts and fields in turn
    fields = parts[1::2]
    unknown = [field for field in fields if field and field not in FIELDS]
    if unknown or not fields or len(set(fields)) < len(fields):
        what = f"no field {{{unknown[0]}}}" if unknown else "no field, or one of them twice"
        raise UsageError(
            f"--name {pattern!r}: {what} -> use {', '.join(f'{{{f}}}' for f in FIELDS)}"
        )
    groups = {field: f"(?P<{field}>.+?)" for field in FIELDS}
    groups |= {"data": "(?P<data>.+)", "": ".*?"}
    return re.compile("".join(groups[p] if i % 2 else re.escape(p) for i, p in enumerate(parts)))


def _fill_in(table: pd.DataFrame, given: Given) -> None:
    """What the user said, where the files say nothing."""
    everything = given.data.get("", "")
    named = {name: mixture for name, mixture in given.data.items() if name}
    known = set(table["data"]) | set(table["run"])
    strange = [name for name in named if name not in known]
    if strange:
        there = ", ".join(list(dict.fromkeys(x for x in [*table["data"], *table["run"]] if x))[:12])
        raise UsageError(f"--data {strange[0]}=...: no such name -> choose from {there}")
    table["data"] = [
        named.get(run, named.get(data, data or everything))
        for run, data in zip(table["run"], table["data"], strict=True)
    ]
    if given.samples:
        seen = f"{parse_number(given.samples):.15g}"
        table["samples"] = [cell or seen for cell in table["samples"]]


def _percent(cell: str, found: Found) -> str:
    """A percentage as a fraction."""
    if not cell.endswith("%"):
        return cell
    number = number_in(cell[:-1])
    if number is None:
        return cell
    found.leave_out("percentages are written as fractions (72.3% is 0.723)")
    return f"{number / 100:.10g}"

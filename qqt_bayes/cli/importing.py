"""The command that turns what other tools write into a run table: import."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qqt_bayes.cli import options as o
from qqt_bayes.cli import telling
from qqt_bayes.errors import UsageError
from qqt_bayes.files import check_file, write_text
from qqt_bayes.harmless import csv_text

if TYPE_CHECKING:
    from qqt_bayes.runs.importers import Found

SHOWN = 12
# The names of the formats, which the help shows without loading them; tested to be complete.
FORMATS = (
    "datacomp", "hf-trainer", "lm-eval", "composer", "wandb-chart", "long", "swarm", "wandb",
    "wide",
)  # fmt: skip


def import_(
    files: Annotated[
        list[Path], typer.Argument(help="Files or folders: CSV, Excel, Parquet, JSON, logs.")
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="Run table to write (CSV).")] = (
        Path("runs.csv")
    ),
    format: Annotated[
        str | None,
        typer.Option(help=f"By default known by its look: {', '.join(FORMATS)}."),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            "--metric",
            "--task",
            help="Only this metric; may be given several times. "
            "Default: all that are known by their names.",
        ),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(
            help="What all runs were trained on, e.g. A+B; or NAME=MIXTURE, e.g. AB=A+B, "
            "several times."
        ),
    ] = None,
    samples: Annotated[
        str | None, typer.Option(help="Samples of all runs that do not tell, e.g. 12.8M.")
    ] = None,
    per_step: Annotated[
        str | None, typer.Option(help="Samples of one step, for files that count steps.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help='What names of runs are made of, e.g. "{data}-{samples}".')
    ] = None,
    decimal: Annotated[
        str | None, typer.Option(help="The mark before decimals, , or . (default: by its look).")
    ] = None,
    pools: Annotated[
        Path | None, typer.Option(help="Pool table to write beside it in plain form, too.")
    ] = None,
    force: o.Force = False,
) -> None:
    """Turn what another tool wrote into a run table: W&B, lm-eval, swarms, wide tables, Excel.

    Example: qqt import results.csv -o runs.csv
    """  # fmt: skip
    from qqt_bayes.runs.build import beside as pools_of
    from qqt_bayes.runs.frames import as_text
    from qqt_bayes.runs.importers import import_runs
    from qqt_bayes.runs.pools import read_pools

    files, format = named_format(files, format)
    beside = pools_of(out)
    if pools is None and len(files) == 1:
        there = pools_of(files[0])
        pools = there if there.is_file() and there.resolve() != beside.resolve() else None
    targets = [out] if pools is None else [out, beside]
    for target in targets:  # what stands in it is looked at below
        check_file(target, (".csv",), inputs=[*files, pools], force=True)
    found = import_runs(
        files, format, metrics=tuple(metric or ()), data=parse_data(data), samples=samples,
        per_step=per_step, name=name, decimal=decimal,
    )  # fmt: skip
    table = None if pools is None else read_pools(pools, decimal=decimal or comma(pools)).table
    texts = [csv_text(found.table)] + ([] if table is None else [csv_text(table.map(as_text))])
    for target, text in zip(targets, texts, strict=True):
        if not force and target.exists():
            check_kept(target, text)
    for target, text in zip(targets, texts, strict=True):
        write_text(target, text)
    tell(found, out, beside, table is not None)


def check_kept(out: Path, text: str) -> None:
    """Refuse to replace a table that holds what the new one does not: it may be written by hand."""
    there, new = (
        [set(zip(head, row, strict=False)) for row in [head, *rows]]
        for head, *rows in (
            list(csv.reader(io.StringIO(t))) or [[]]
            for t in (out.read_text(encoding="utf-8-sig", errors="replace"), text)
        )
    )
    known = set(map(frozenset, new))
    for line, row in enumerate(there, 1):
        filled = {item for item in row if item[1]}
        if frozenset(row) not in known and not any(filled <= other for other in new):
            raise UsageError(
                f"{out} is there already, and row {line} holds what this import does not give "
                "-> write elsewhere, or add --force to replace it"
            )


def named_format(files: list[Path], format: str | None) -> tuple[list[Path], str | None]:
    """Files and format; ``qqt import wide FILE`` names the format first."""
    first = str(files[0])
    if format is None and first in FORMATS and len(files) > 1 and not files[0].exists():
        return files[1:], first
    return files, format


def comma(pools: Path) -> str | None:
    """The decimal mark of a pool table: a comma where semicolons separate the columns."""
    from qqt_bayes.runs.sheet import separator_of

    try:
        return None if separator_of(pools.read_text(encoding="utf-8-sig")) == "," else ","
    except (OSError, UnicodeDecodeError):
        return None  # told by whoever reads it


def parse_data(data: list[str] | None) -> str | dict[str, str] | None:
    """``["AB=A+B"]`` as a dict; a mixture alone is that of all runs."""
    out: dict[str, str] = {}
    for item in data or []:
        name, sign, mixture = item.partition("=")
        out[name.strip() if sign else ""] = (mixture if sign else name).strip()
    return out or None


def tell(found: Found, out: Path, beside: Path, with_pools: bool) -> None:
    """Say what each column was taken for, what was left out, and what is still missing."""
    from qqt_bayes.runs.importers.finish import advice
    from qqt_bayes.runs.numbers import count

    table = found.table
    metrics = list(dict.fromkeys(table["metric"]))
    more = f" and {len(metrics) - SHOWN} more" if len(metrics) > SHOWN else ""
    telling.say(
        f"wrote {out}: {count(table['run'].nunique(), 'run')}, {count(len(table), 'row')} "
        f"({', '.join(metrics[:SHOWN])}{more})"
    )
    for line in told_columns(found):
        telling.say(f"  {line}")
    for text in found.left_out:
        telling.say(f"  left out or changed: {text}")
    missing = advice(table)
    if missing is not None:
        telling.note(missing)
    if with_pools:
        telling.note(f"wrote {beside}; then: qqt check {out}")
    elif beside.is_file() and beside != out:
        telling.note(f"then: qqt check {out}")
    else:
        telling.note(
            f"then write the pool table {beside} beside it (pool,size; see `qqt new`), and: "
            f"qqt check {out}"
        )


def told_columns(found: Found) -> list[str]:
    """What each column was taken for; columns of one role in one line."""
    roles: dict[str, list[str]] = {}
    for column, role in found.taken.items():
        kind = "share of a pool" if role.startswith("share of pool") else role
        kind = "metric of a run" if " of run " in role else kind
        roles.setdefault(kind, []).append(column)
    lines = []
    for role, columns in roles.items():
        more = f", ... ({len(columns)} columns)" if len(columns) > SHOWN else ""
        lines.append(f"{', '.join(columns[:SHOWN])}{more} -> {role}")
    return lines

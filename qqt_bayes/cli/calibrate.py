"""Commands that judge the machinery: calibrate by back-tests, sbc by simulated studies."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from qqt_bayes.cli import many, opening, telling
from qqt_bayes.cli import options as o
from qqt_bayes.errors import UsageError
from qqt_bayes.files import check_file, write_text
from qqt_bayes.harmless import csv_text

SCORES = ("set,method,",)  # how the table of scores begins


def calibrate(
    tables: Annotated[
        list[Path],
        typer.Argument(help="Run tables (CSV), each with its pool table beside it."),
    ],
    pools: o.PoolTable = None,
    metric: Annotated[
        list[str] | None, typer.Option(help="Only this metric; may be given several times.")
    ] = None,
    where: o.Where = None,
    kind: o.KindName = None,
    chance: o.Chance = None,
    methods: Annotated[
        str | None,
        typer.Option(
            help="Comma between them: qqt, no_drift, bootstrap, grid, power_law, conformal."
        ),
    ] = None,
    single: Annotated[
        bool, typer.Option("--single", help="Fit single-pool runs only; predict all.")
    ] = False,
    spec: o.SpecName = "effective_utility",
    seed: o.Seed = 1,
    draws: o.Draws = o.DRAWS,
    workers: many.Processes = 2,
    dask: many.Dask = None,
    resume: many.Resume = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Also write the targets' scores (CSV).")
    ] = None,
    force: o.Force = False,
    json: o.Json = False,
) -> None:
    """Back-test on complete run tables whether the bands hold, beside simpler methods.

    Fits with all runs up to each budget and predicts those beyond, up to 8x.

    Example: qqt calibrate runs.csv laion_clip.runs.csv --methods qqt,bootstrap
    """
    from qqt_bayes.calibrate import METHODS
    from qqt_bayes.calibrate import calibrate as run
    from qqt_bayes.calibrate.run import studies
    from qqt_bayes.inference.settings import Settings

    if pools is not None and len(tables) > 1:
        raise UsageError(
            "--pools goes with one run table -> put X.pools.csv beside each X.runs.csv"
        )
    if out is not None:
        check_file(out, (".csv",), inputs=(*tables, pools), header=SCORES, force=force)
    chosen = tuple(m.strip() for m in methods.split(",")) if methods else METHODS
    jobs = []
    for path in tables:
        only = metric[0] if metric and len(metric) == 1 else None
        runs = opening.load_runs(path, pools, only, kind, chance, where)
        jobs += studies(runs, name_of(path), metric, opening.parse_where(where))
    with many.crew(workers, dask, resume) as crew, many.counted("back-tests", workers) as tell:
        result = run(
            jobs, methods=chosen, spec=spec, seed=seed, settings=Settings(draws=draws),
            workers=crew, keep=(lambda d: "+" not in d) if single else None, progress=tell,
        )  # fmt: skip
    if out is not None:
        write_text(out, csv_text(result.scores))
        telling.note(f"wrote {out}")
    telling.Telling(json=json).tell(result)


def sbc(
    spec: o.SpecName = "effective_utility",
    kind: Annotated[
        str, typer.Option(help="Simulate a metric of this kind: loss, accuracy, score, ...")
    ] = "loss",
    replications: Annotated[int, typer.Option(min=2, help="Studies to simulate.")] = 500,
    seed: o.Seed = 1,
    draws: Annotated[int, typer.Option(min=100, help="Posterior draws of each study.")] = 2000,
    workers: many.Processes = 2,
    dask: many.Dask = None,
    resume: many.Resume = None,
    plot: Annotated[
        Path | None, typer.Option(help="Also draw the ranks' distributions (PNG, PDF or SVG).")
    ] = None,
    force: o.Force = False,
    json: o.Json = False,
) -> None:
    """Check the machinery on studies whose truth is known: uniform ranks, honest intervals.

    Truths are drawn from the priors; a refit takes a second or so.

    Example: qqt sbc --spec effective_utility --replications 200
    """
    telling.check_plot(plot, force=force)
    from qqt_bayes._json import as_json
    from qqt_bayes.calibrate.recovery import Recovery
    from qqt_bayes.calibrate.replicate import replicate
    from qqt_bayes.calibrate.sbc import SBC

    with many.crew(workers, dask, resume) as crew, many.counted("refits", workers) as tell:
        found = replicate(
            spec, kind=kind, replications=replications, seed=seed, workers=crew, draws=draws,
            progress=tell,
        )  # fmt: skip
    result, recovered = SBC(found), Recovery(found)
    telling.draw(result, plot)
    if json:
        typer.echo(as_json(result.to_json() | {"recovery": recovered.to_json()}), nl=False)
    else:
        telling.say(f"{result.text}\n\n{recovered.text}")


def name_of(path: Path) -> str:
    """A table's name: of its file, or of the folder of a runs.csv."""
    name = path.name.removesuffix(".csv").removesuffix(".runs")
    return path.resolve().parent.name if name == "runs" else name

"""The command for simulation-based calibration: sbc."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from qqt_bayes.cli import many, telling
from qqt_bayes.cli import options as o


def sbc(
    spec: o.SpecName = "effective_utility",
    kind: Annotated[
        str, typer.Option(help="Simulate a metric of this kind: loss, accuracy, score, ...")
    ] = "loss",
    replications: Annotated[int, typer.Option(min=2, help="Studies to simulate.")] = 500,
    seed: o.Seed = 1,
    draws: Annotated[int, typer.Option(min=100, help="Draws of each of two chains.")] = 500,
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
    from qqt_bayes.calibrate.sbc import sbc as run

    with many.crew(workers, dask, resume) as crew, many.counted("refits", workers) as tell:
        result = run(
            spec, kind=kind, replications=replications, seed=seed, workers=crew, draws=draws,
            progress=tell,
        )  # fmt: skip
    recovered = Recovery(result.replications)
    telling.draw(result, plot)
    if json:
        typer.echo(as_json(result.to_json() | {"recovery": recovered.to_json()}), nl=False)
    else:
        telling.say(f"{result.text}\n\n{recovered.text}")

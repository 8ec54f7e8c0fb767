"""Is an error better foreseen through the loss of the same runs?

Every table that has both. Fits up to a budget, later errors up to 8 times further judged (levels,
differences to the best of a budget, choices) under these forecasts:

own       the error's own fit, as the package does it
link      the loss is fitted; its draws pass through a smooth rising curve of the error on the loss
straight  the same, the curve a straight line in the log of the reducible loss
both      own and link, half of the draws each
known     as link, but with the later losses as they came: what a perfect fit of the loss would give

The curve is fitted to the runs up to the budget. On the scale of the logit of the error between a
floor and chance it has an offset for each pool and a misfit of each data expression that wanders
with log samples.

    python benchmarks/linked.py --work FOLDER [--published FOLDER]

Each origin is kept in `--work`, so that a pass may be interrupted; it takes a quarter of an hour
of one core. Writes benchmarks/results/linked.json.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import stored
from linked_curve import Curve, Points
from linked_report import report

from qqt_bayes import datasets, read_runs
from qqt_bayes.backtest import judge, judge_choice, origins, predictive
from qqt_bayes.backtest.origins import Origin, spread_out
from qqt_bayes.calibrate.learn import relative
from qqt_bayes.errors import QQTError
from qqt_bayes.files import write_text
from qqt_bayes.inference.engine import sample_posterior
from qqt_bayes.inference.posterior import Posterior
from qqt_bayes.inference.settings import Settings
from qqt_bayes.kind_names import choices_of, kind_named
from qqt_bayes.model.design import build_design
from qqt_bayes.model.noise import median_evaluation
from qqt_bayes.model.spec import load_spec
from qqt_bayes.runs import Runs, Study

RESULTS = Path(__file__).parent / "results" / "linked.json"
SPEC = load_spec("effective_utility")
DRAWS = 1000
MOST_ORIGINS = {"decay": 3, "overtraining": 3}  # of a study; of another table all
ACCURACIES = ("hellaswag", "lambada_openai", "arc_easy", "piqa")  # those that leave chance


def linked(origin: Origin, loss: Study, ahead: np.ndarray, zero: float) -> np.ndarray:
    """Draws of later errors, one for each row of later losses; straight where `zero` is above 0."""
    study, rng = origin.train, np.random.default_rng(1)

    def axis(value: np.ndarray) -> np.ndarray:
        return np.log(np.maximum(value - zero, 0.01 * np.maximum(value, 1e-3)))

    of_run = dict(zip(loss.run, loss.value, strict=True))
    place = axis(np.array([of_run[run] for run in study.run]))
    start, middle = np.log(study.samples.min()), float(np.median(place))
    points = Points(np.log(study.samples) - start, study.shares)
    evaluation = study.kind.evaluation_variance(study.value, study.n_eval, study.se)
    curve = Curve(points, place - middle, study.value, evaluation, bent=zero == 0.0)
    later = Points(np.log(origin.targets["samples"].to_numpy()) - start, origin.shares)
    expected, noise = curve.draw(later, axis(ahead) - middle, rng)
    variance = (noise * expected) ** 2 + median_evaluation(study).variance(expected)
    return expected + np.sqrt(variance) * rng.normal(size=expected.shape)


def thinned(draws: np.ndarray) -> np.ndarray:
    """So many of them, evenly."""
    return draws[np.linspace(0, len(draws) - 1, DRAWS).round().astype(int)]


def fitted(study: Study) -> Posterior:
    """The package's fit."""
    priors = SPEC.priors(study.kind)
    return sample_posterior(
        build_design(study, SPEC), priors, study.kind, 1, Settings(engine="importance")
    )


def forecasts(origin: Origin, first: Origin, fit: Posterior) -> dict[str, np.ndarray]:
    """Draws of later errors by name of the forecast."""
    where = origin.targets["samples"].to_numpy(), origin.shares, 1
    own = thinned(predictive(fitted(origin.train), origin.train, *where))
    ahead = thinned(predictive(fit, first.train, *where))
    came = np.broadcast_to(losses(origin, first), ahead.shape)
    link, known = np.split(linked(origin, first.train, np.vstack([ahead, came]), 0.0), 2)
    straight = linked(origin, first.train, ahead, float(np.median(fit.irreducible)))
    both = np.concatenate([own[::2], link[::2]])
    return {"own": own, "link": link, "straight": straight, "both": both, "known": known}


def losses(origin: Origin, first: Origin) -> np.ndarray:
    """Later losses of the runs whose errors are forecast."""
    same = ["data", "samples"]
    if not origin.targets[same].equals(first.targets[same]):
        raise QQTError("loss and error are not of the same runs in the same order")
    return first.targets["value"].to_numpy()


def tables(published: Path | None) -> Iterator[tuple[str, str, Runs, str, tuple[str, ...]]]:
    """Table, study, its runs, the loss and the errors or accuracies."""
    for name in ("proving_ground", "headers", "digits"):
        yield name, name, datasets.load(name), "loss", ("error",)
    for size in ("5880", "15144"):
        for decay in ("0.1", "1"):
            where = {"params": size, "weight_decay": decay}
            runs = datasets.load("decay").select(where=where)
            yield "decay", f"decay {size} {decay}", runs, "loss", ("error",)
    if published is not None:
        runs = read_runs(
            published / "overtraining.runs.csv", pools=published / "overtraining.pools.csv"
        )
        for model in ("d96-l8-h4", "d512-l8-h4", "d576-l24-h8", "d1024-l24-h8"):
            names = tuple(f"{name}_accuracy" for name in ACCURACIES)
            part = runs.select(where={"model": model})
            yield "overtraining", f"overtraining {model}", part, "loss_c4_val", names


def judged(origin: Origin, first: Origin, fit: Posterior) -> dict[str, list[dict]]:
    """Scores and choices of every forecast."""
    scores, choices = [], []
    best = origin.train.kind.to_unit(origin.targets["value"].to_numpy())
    unit = origin.targets.assign(v=best).groupby("budget")["v"].min().abs()
    for name, draws in forecasts(origin, first, fit).items():
        scores.append(relative(origin, judge(origin, draws)).assign(forecast=name))
        choice = judge_choice(origin, draws)
        if len(choice):
            for column in ("regret", "regret_rank"):
                choice[column] /= choice["budget"].map(unit)
            choices.append(choice.assign(forecast=name))
    return {
        name: json.loads(pd.concat(frames).to_json(orient="records")) if frames else []
        for name, frames in (("scores", scores), ("choices", choices))
    }


def main() -> None:
    """Judge what is not yet kept, then write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--published", type=Path)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    args.work.mkdir(exist_ok=True)
    for table, study, runs, loss, errors in tables(args.published):
        for first in spread_out(list(origins(runs, loss)), MOST_ORIGINS.get(table, 9)):
            fit = None
            for error in errors:
                path = args.work / f"{study} {error} {first.upto:.0f}.json"
                if path.exists():
                    continue
                kind = kind_named("error" if error == "error" else "accuracy")
                kind = kind.with_chance(1.0 / (choices_of(error) or np.inf))
                known = runs.with_kind(error, kind)
                origin = next(o for o in origins(known, error) if o.upto == first.upto)
                try:
                    fit = fit or fitted(first.train)
                    rows = judged(origin, first, fit)
                except QQTError as refused:
                    print(f"left out: {path.stem}: {refused}", flush=True)
                    continue
                mark = {"table": table, "study": study, "metric": error, "origin": first.upto}
                write_text(path, json.dumps(mark | rows))
                print(path.stem, flush=True)
    stored.write(RESULTS, report(args.work))


if __name__ == "__main__":
    main()

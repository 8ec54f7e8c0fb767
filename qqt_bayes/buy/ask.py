"""What is asked of a plan: checked arguments, then values, batch and stop rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from qqt_bayes.buy.batch import best_batch
from qqt_bayes.buy.designs import Designs, generate_designs, read_designs
from qqt_bayes.buy.exact import corrected, simulate
from qqt_bayes.buy.plan import Plan
from qqt_bayes.buy.problem import DRAWS, Question, build_problem
from qqt_bayes.buy.spread import SPREAD, bought_for_spread
from qqt_bayes.buy.stop import judge, parse_stake, worth
from qqt_bayes.buy.text import ROUGH
from qqt_bayes.buy.value import OBJECTIVES, for_each, khat, objective, undominated
from qqt_bayes.buy.worlds import Known
from qqt_bayes.decide.candidates import default_candidates, parse_budgets, parse_candidates
from qqt_bayes.errors import UsageError
from qqt_bayes.limits import LIMITS
from qqt_bayes.refits import Workers
from qqt_bayes.runs.numbers import number_in, parse_positive
from qqt_bayes.runs.sheet import Source

if TYPE_CHECKING:
    from qqt_bayes.fitting import Fit

ROUGH_MOST = 5  # designs refitted

__all__ = ["buy", "check_objective", "positive"]


def parse_weights(weights: Sequence[float] | None, budgets: int) -> np.ndarray:
    """Weights of the budgets, summing to one."""
    if weights is None:
        return np.full(budgets, 1.0 / budgets)
    given = np.array([number_in(weight) for weight in weights], float)  # NaN for none
    if given.shape != (budgets,) or not all(map(LIMITS["weight"].holds, given)):
        raise UsageError(
            f"weights must be {budgets} numbers of {LIMITS['weight'].text}, one for each budget"
        )
    if given.sum() <= 0:
        raise UsageError("all weights are 0 -> give at least one above")
    return given / given.sum()


def buy(
    fit: Fit,
    budgets: Any,
    *,
    designs: Source | Designs | None = None,
    spend: str | float | None = None,
    stake: str | float | None = None,
    weights: Sequence[float] | None = None,
    candidates: str | Sequence[str] | None = None,
    seed: int = 1,
    objective: str = "regret",
    refits: int = 0,
    **options: Any,
) -> Plan:
    """Say which runs to buy next, what they are expected to be worth, and whether to stop.

    Parameters
    ----------
    fit : Fit
        What is known now.
    budgets : str, float or list
        Budgets at which data will have to be chosen, as for ``decide``.
    designs : path, pandas.DataFrame or Designs, optional
        What could be bought: columns ``data, samples, seeds, cost``. By default all candidates at
        all affordable budgets.
    spend : str or float, optional
        What may be spent, in units of cost; gives the best batch.
    stake : str or float, optional
        What one unit of the objective is worth in units of cost (for regret: one unit of the
        metric), or ``"compute"``: what regret would cost to make up by training longer.
    weights : sequence of float, optional
        Weight of each budget; equal by default.
    candidates : str or list of str, optional
        Data to choose from, as for ``decide``.
    seed : int
        Of the simulated outcomes.
    objective : {'regret', 'variance', 'p_best', 'crossover'}
        What a run is valued by: the drop in expected regret, in the candidates' mean predictive
        variance, the rise in the probability of the right choice, or the drop in the variance of
        the log of the budget from which the second of two candidates stays ahead of the first (to
        the one budget asked, where a later one counts as there).
    refits : int
        Simulated outcomes to refit exactly (``regret`` and ``variance`` only) for each of the
        :data:`ROUGH_MOST` most valuable designs whose k-hat is above .7; 0: none. The values of
        batches stay closed-form.
    **options
        ``spread``, the share of the spend that goes to a grid over data and budgets first: by
        default half, and nothing where ``designs`` or a ``stake`` are given, which ask for what is
        worth it; ``workers``, processes for the refits; ``draws`` of the parameters to use: time
        grows with their square.

    Returns
    -------
    Plan

    Raises
    ------
    UsageError, InputError
        For bad arguments or designs.
    """
    check_objective(objective, refits)
    wanted = parse_budgets(budgets)
    share_of = parse_weights(weights, len(wanted))
    price = parse_stake(stake)
    if price == "compute" and objective != "regret":
        raise UsageError(f"the stake 'compute' prices regret, not {objective} -> give a number")
    money = None if spend is None else positive(spend)
    pools = fit.study.pools
    chosen = (
        default_candidates(fit.study) if candidates is None else parse_candidates(candidates, pools)
    )
    if objective == "crossover" and (len(chosen) != 2 or len(wanted) != 1):
        raise UsageError(
            f"objective crossover with {len(chosen)} candidates and {len(wanted)} budgets -> give "
            "the two that cross, first the one ahead at small budgets, and the largest budget"
        )
    if designs is None:
        offered = generate_designs(fit.study, chosen, wanted, money)
    else:
        offered = designs if isinstance(designs, Designs) else read_designs(designs, pools)
    asked = Question(fit, wanted, share_of, tuple(chosen), offered, objective, seed)
    if options.get("spread") is None:
        options["spread"] = SPREAD if designs is None and stake is None else 0.0
    return valued(asked, money, price, refits, **options)


def check_objective(objective: str, refits: int) -> None:
    """Refuse an unknown objective, or refits that it cannot use."""
    if objective not in OBJECTIVES:
        raise UsageError(f"objective {objective!r} -> choose from {', '.join(OBJECTIVES)}")
    if refits and (refits < 2 or objective not in ("regret", "variance")):
        raise UsageError(
            f"refits={refits} for the objective {objective} -> give 0, or at least 2 with the "
            "objective regret or variance"
        )


def check_spread(spread: float) -> None:
    """Refuse a share of the spend that is none.

    Raises
    ------
    UsageError
        Saying which would do.
    """
    if not 0.0 <= spread <= 1.0:
        raise UsageError(f"spread is {spread} -> give a share of the spend, from 0 to 1: 0.5")


def positive(spend: str | float) -> float:
    """What may be spent, as a positive number."""
    return parse_positive("spend", spend, "what may be spent, for example 3M")


def valued(
    asked: Question, spend: float | None, stake: str | float | None, refits: int, *,
    draws: int = DRAWS, spread: float, workers: int | Workers = 1,
) -> Plan:  # fmt: skip
    """The plan of a question, all of whose parts but the options were checked."""
    check_spread(spread)
    question = asked.searched()
    problem = build_problem(question, draws=draws)
    if asked.objective in ("regret", "p_best"):
        question = question.among(undominated(problem))
        problem = build_problem(question, draws=draws)
    designs = question.designs
    aim = objective(question.objective, problem, question.weights)
    known = Known.now(problem)
    found = for_each(known, range(len(designs)), lambda o: (aim.value(known, o), khat(o)))
    values, khats = [v for v, _ in found], np.array([k for _, k in found])
    worthiest = np.argsort([-v.total for v in values], kind="stable")
    rough = [int(d) for d in worthiest if khats[d] > ROUGH][:ROUGH_MOST] if refits else []
    for d in rough:
        trial = simulate(question, known, aim, d, refits, workers=workers)
        values[d] = corrected(values[d], trial)
    batch = price = None
    if spend is not None:
        known, begun = bought_for_spread(known, aim, designs, spread * spend, asked.seed)
        batch = best_batch(known, aim, values, spend, repeatable=designs.repeatable, begun=begun)
    if stake is not None:
        price = worth(question.fit, stake, asked.budgets, question.shares[aim.best])
    net, stop = judge(values, designs, batch, aim.limit, question.weights, price)
    return Plan(
        question, asked.budgets, asked.candidates, spend, stake, tuple(values), khats, net,
        aim.limit, tuple(question.candidates[c] for c in aim.best), batch, stop, tuple(rough),
    )  # fmt: skip

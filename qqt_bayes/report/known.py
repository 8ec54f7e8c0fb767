"""What the objects know of each item of the checklists."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qqt_bayes.inference.gate import ESS
from qqt_bayes.report import wording as w
from qqt_bayes.report.methods import CITED
from qqt_bayes.report.sampler import convergence, sampler
from qqt_bayes.runs.select import tell_where

if TYPE_CHECKING:
    from qqt_bayes.report.content import Content

# Items that the report itself could answer with more work, and how to ask for it.
ASK = "ask for it: make the report without --risk none"
KNOWN = dict.fromkeys(
    ("simple_rule", "held_out", "drift", "sensitivity", "fit_sensitivity", "predictive_check"), ASK
)

__all__ = ["KNOWN", "evidence"]


def evidence(content: Content) -> dict[str, str | None]:
    """Answer by item: a text, empty when not known, None when the item does not apply."""
    return (
        about_data(content) | about_model(content) | about_computation(content)
        | about_answers(content) | about_trust(content)
    )  # fmt: skip


def about_data(content: Content) -> dict[str, str | None]:
    """What the tables say."""
    fit = content.fit
    study, table, t = fit.study, fit.runs.table, fit.study.trained_on
    budgets = ", ".join(map(w.samples, fit.runs.budgets()))
    out: dict[str, str | None] = {
        "variables": f"{study.metric} ({study.kind}, {study.kind.better}) against samples seen and "
        f"shares of {w.count(len(study.pools), 'pool')}: {w.count(t['runs'], 'run')}, "
        f"{w.count(t['rows'], 'row')}.",
        "data_used": f"{w.samples(study.samples.min())} to {w.samples(t['max_samples'])} samples; "
        f"budgets {budgets}.",
        "repetition": f"Yes: up to {w.figures(content.seen_epochs)} epochs of a pool."
        if content.seen_epochs > 1.02
        else "No run passes a pool more than once.",
        "metric": f"{study.metric}, {study.kind.better}.",
        "seeds": seeds(content),
    }
    for column, key in (("model", "models"), ("params", "counting")):
        if column in table:
            values = sorted({str(v) for v in table[column] if str(v) not in ("", "nan")})
            if values:
                name = "parameters" if column == "params" else column
                out[key] = f"Column {column}: {name} {', '.join(values[:6])}."
    if "tuned" in table and table["tuned"].notna().any():
        yes = int(table["tuned"].fillna(False).astype(bool).sum())
        out["tuned"] = f"Marked as tuned: {yes} of {w.count(len(table), 'row')}."
    trajectories = int((table.groupby("run")["samples"].nunique() > 1).sum())
    told = "One checkpoint of each run."
    if trajectories:
        told = f"Several checkpoints of {w.count(trajectories, 'run')} are in the fit."
    if np.isfinite(study.annealed).any():
        told += f" At the end of their schedule: {w.count(int(np.nansum(study.annealed)), 'row')}."
    out["checkpoints"] = told
    where = tell_where(fit.selection.get("where"))
    upto = fit.selection.get("upto")
    parts = [f"only rows with {where}"] * bool(where)
    parts += [f"only rows up to {upto} samples"] * (upto is not None)
    aside = [f"run {run}" for run, _ in study.aside]
    reasons = []
    if parts:
        reasons.append(f"By choice: {w.and_list(parts)}.")
    if aside:
        reasons.append(f"Set aside, as other runs contradict it: {w.and_list(aside)}.")
    out["excluded"] = " ".join(reasons) or "None of the table's rows of this metric."
    return out


def seeds(content: Content) -> str:
    """Seeds in each cell."""
    counts = content.fit.posterior.design.count
    lo, hi = int(counts.min()), int(counts.max())
    many = f"{lo}" if lo == hi else f"{lo} to {hi}"
    runs = "run" if many == "1" else "runs"
    return f"{many} {runs} in each of {w.count(len(counts), 'cell')} (data, samples)."


def about_model(content: Content) -> dict[str, str | None]:
    """What the specification says."""
    fit, d = content.fit, content.decision
    priors = fit.posterior.priors
    fixed = [f"{n} = {p.numbers[0]:g}" for n, p in priors.items() if p.fixed]
    free = [n for n, p in priors.items() if not p.fixed]
    best, p = content.prior_p_best
    default = fit.spec.law == "effective_utility"
    return {
        "goals": f"To choose training data at {', '.join(map(w.samples, d.budgets))} samples.",
        "why_bayes": "Few runs, a non-linear law and a decision: the uncertainty of all parts has "
        "to reach the choice, and pools have to share strength.",
        "likelihood": "Normal, with seed noise relative to the metric (estimated) and evaluation "
        "noise where given; see the model.",
        "priors": f"All {len(priors)} in the table of priors, each with its reason; none reads "
        "the data.",
        "formula": "Yes: see the model.",
        "prior_predictive": f"Before any data, at {w.samples(d.budgets.max())} samples, the most "
        f"favoured of {len(d.candidates)} candidates is {best} with P(best) = {w.chance(p)}.",
        "form": "Power law with effective utility, repetition and drift; see the model."
        if default
        else fit.spec.title,
        "inputs": "Samples seen, sampling shares and sizes of the pools"
        + ("; quality ranks." if np.isfinite(fit.study.pools.quality_rank).any() else "."),
        "parameters": f"{w.and_list(free)}" + (f"; fixed: {', '.join(fixed)}." if fixed else "."),
        "rationale": "Utility and half-life by pool after Goyal et al. 2024; drift and mixture "
        "error because no law is exact."
        if default
        else "",
        "relations": "Pools are exchangeable given rank and family; a mixture's exponent is the "
        "average over its pools by share, up to an estimated error.",
        "objective": "The posterior density (no point estimate is optimised).",
    }


def about_computation(content: Content) -> dict[str, str | None]:
    """What the sampler says."""
    fit = content.fit
    table, how = content.diagnostics, sampler(fit)
    drawn = table[table["kind"] == "prediction"]
    packages = ", ".join(f"{n} {v}" for n, v in content.versions.items())
    return {
        "software": f"{packages}.",
        "convergence": convergence(fit),
        "derived": f"Effective sample size at least {drawn['ess'].min():,.0f} over {len(drawn)} "
        "predicted quantities.",
        "resolution": f"Effective draws at least {table['ess'].min():,.0f} (limit {ESS:.0f}); "
        "Monte Carlo errors are in the table of diagnostics.",
        "seed": f"Seed {fit.seed}; {how.size}.",
        "algorithm": f"The parameters were sampled {CITED.sub('', how.algorithm)}; {how.size}; "
        f"seed {fit.seed}.",
        "data": f"SHA-256 of the runs fitted: {fit.runs.sha256}.",
        "command": content.command,
    }


def about_answers(content: Content) -> dict[str, str | None]:
    """What the decision says."""
    d, metric = content.decision, content.fit.study.metric
    last = int(np.argmax(d.budgets))
    regret = float(d.expected_regret[last, d.best[last]])
    place = f"at {w.samples(d.budgets[last])} samples"
    widths = d.interval(d.latent)[:, last, d.best[last]]
    lost = w.loss(regret, widths[2] - widths[1])
    alone = len(d.candidates) == 1
    return {
        "summary": f"Median and {d.prob * 100:g}% equal-tailed interval.",
        "decision": "The candidate of least expected regret at each budget.",
        "loss": None if alone else f"Expected regret of the choice {place}: {lost} of {metric}.",
        "uncertainty": f"{d.prob * 100:g}% bands everywhere; {place} "
        f"{w.interval(widths[0], widths[1], widths[2])}.",
        "extrapolation": f"{content.factor:.1f}x the largest run."
        if content.factor > 1.02
        else None,
        "epochs": f"Up to {w.figures(content.seen_epochs)} in the runs, "
        f"{w.figures(content.asked_epochs)} for the choices.",
        "optimism": None
        if alone
        else f"Taking the best of each draw would promise {lost} of {metric} more "
        f"than the choice is expected to give {place}.",
    }


def about_trust(content: Content) -> dict[str, str | None]:
    """What the risk report says; not known where it was not made."""
    out: dict[str, str | None] = {}
    if content.risk is None:
        return {"comparison": "No other law was fitted."}
    names = {
        "predictive_check": "fit", "held_out": "record", "sensitivity": "priors",
        "fit_sensitivity": "laws", "comparison": "laws",
    }  # fmt: skip
    for key, name in names.items():
        found = content.risk_check(name)
        out[key] = sentence(found[-1][1].text) if found else ""
    if not out["fit_sensitivity"]:
        out["fit_sensitivity"] = out["sensitivity"]
        out["comparison"] = "No other law was fitted (quick report)."
    ledger = content.risk.assessments[-1].ledger
    drift = sum(share for part, share in ledger.items() if "drift" in part)
    out["drift"] = (
        f"{w.percent(drift)} of the variance of a new run at "
        f"{w.samples(content.risk.assessments[-1].samples)} samples is drift of the law."
    )
    record = [c.figures.get("choices", {}) for _, c in content.risk_check("record")]
    made = [r for r in record if r.get("choices")]
    out["simple_rule"] = (
        f"In {made[-1]['choices']} back-tests it lost {w.figures(made[-1]['regret_rank'])} on "
        f"average; this model {w.figures(made[-1]['regret'])}."
        if made
        else None
    )
    return out


def sentence(text: str) -> str:
    """A text with a capital and a full stop."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."

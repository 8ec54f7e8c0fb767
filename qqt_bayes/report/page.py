"""The page: everything a report says, in one HTML file."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from importlib import resources
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup, escape

from qqt_bayes.decide.place import extrapolation, outside
from qqt_bayes.decide.predict import interval
from qqt_bayes.decide.text import confidence, crossover_lines, headline
from qqt_bayes.harmless import visible
from qqt_bayes.model.effects import EFFECTS
from qqt_bayes.report import wording as w
from qqt_bayes.report.command import buy_command, decide_command
from qqt_bayes.report.explorer import explorer
from qqt_bayes.report.figures import data_uri
from qqt_bayes.report.methods import as_html_parts
from qqt_bayes.report.sampler import sampler
from qqt_bayes.risk.ledger import told_shares
from qqt_bayes.runs.select import tell_where

if TYPE_CHECKING:
    from qqt_bayes.report.checklists import Checklist
    from qqt_bayes.report.content import Content
    from qqt_bayes.report.figures import Picture
    from qqt_bayes.report.tables import Table

# Between the parts of a name: after a plus before a pool (not before a digit), or an underscore.
NAME_ENDS = re.compile(r"(?<=[^\s\[(,;])((?:\+(?=[^\d\s])|_)+)")

__all__ = ["render"]


def render(
    content: Content,
    tables: Sequence[Table],
    pictures: Sequence[Picture],
    lists: Sequence[Checklist],
    *,
    alone: bool = False,
) -> str:
    """The page as text; where it is alone no other file was written, and it refers to none."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("qqt_bayes.report", "templates"), autoescape=True,
        finalize=shown, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"broken": broken, "uri": data_uri}
    script = (
        resources.files("qqt_bayes.report").joinpath("templates/explorer.js").read_text("utf-8")
    )
    digest = sha256(script.encode("utf-8")).digest()  # of the one script that the policy lets run
    study = content.fit.study
    budgets = [w.samples(n) for n in content.decision.budgets]
    page = environment.get_template("page.html").render(
        content=content,
        study=study,
        runs=w.count(study.trained_on["runs"], "run"),
        pools=w.count(len(study.pools), "pool"),
        question=f"Which data for {study.metric} at {w.and_list(budgets)} samples?",
        headline=unbroken(headline(content.decision)),
        cards=cards(content),
        groups=groups(content, tables[0]),
        tables={t.name: t for t in tables},
        pictures={p.name: p for p in pictures},
        lists=lists,
        crossings=crossover_lines(content.decision),
        searched=[w.samples(n) for n in (content.decision.grid[0], content.decision.grid[-1])],
        checks=checks(content),
        ledgers=ledgers(content),
        purchase=purchase(content),
        symbols=symbols(content),
        facts=facts(content),
        limits=sampler(content.fit).limits,
        methods=as_html_parts(content),
        decide_command=decide_command(content.command),
        explorer=Markup(explorer(content.decision, content.fit)),
        script=Markup(script),
        script_hash=Markup(f"sha256-{b64encode(digest).decode('ascii')}"),
        alone=alone,
    )
    return page + "\n"


def shown(value: Any) -> Any:
    """What a template prints: a text with nothing hidden in it; it is escaped besides."""
    return value if hasattr(value, "__html__") or not isinstance(value, str) else visible(value)


def broken(text: str) -> Markup:
    """A text whose names may break after a plus or an underscore, and nowhere inside a number."""
    return Markup(NAME_ENDS.sub(r"\1<wbr>", str(escape(text))))


def unbroken(text: str) -> str:
    """A text whose probabilities stay on one line."""
    for sign in "=<>":
        text = text.replace(f"P {sign} ", f"P\u00a0{sign}\u00a0")
    return text


def cards(content: Content) -> list[dict[str, Any]]:
    """One a budget: the choice, how sure it is, what is expected, and whether to trust it."""
    d, study = content.decision, content.fit.study
    verdicts = [] if content.risk is None else [a.verdict for a in content.risk.assessments]
    out = []
    for b, n in enumerate(d.budgets):
        p = float(d.p_best[b, d.best[b]])
        out.append(
            {
                "budget": w.samples(n),
                "where": extrapolation(n, study).removeprefix(", ") or "inside your runs",
                "beyond": outside(n, study) != 1.0,
                "data": d.chosen(b),
                "p": round(100 * p, 1),
                "confidence": unbroken(confidence(p)),
                "text": unbroken(w.answer(d, b)),
                "verdict": verdicts[b] if verdicts else "",
            }
        )
    return out


def groups(content: Content, table: Table) -> list[dict[str, Any]]:
    """Rows of the table of candidates by budget, each with its P(best) as a number."""
    d = content.decision
    numbered = zip(table.rows, table.raw["p_best"], table.raw["samples"], strict=True)
    rows = [(i, *row) for i, row in enumerate(numbered)]
    out = []
    for n, part in groupby(rows, key=lambda row: row[3]):
        out.append(
            {
                "title": f"{w.samples(n)} samples{extrapolation(n, content.fit.study)}",
                "rows": [
                    {"cells": cells[1:], "p": round(100 * p, 1), "best": i in table.marked}
                    for i, cells, p, _ in part
                ],
            }
        )
    assert len(out) <= len(d.budgets)
    return out


def checks(content: Content) -> list[dict[str, Any]]:
    """Checks of the risk report, those that say the same at several budgets told once."""
    if content.risk is None:
        return []
    found: dict[tuple[str, ...], list[str]] = {}
    for a in content.risk.assessments:
        for c in a.checks:
            found.setdefault((c.name, c.status, c.text, c.advice), []).append(w.samples(a.samples))
    names = list(dict.fromkeys(key[0] for key in found))
    every = len(content.risk.assessments)
    return [
        {
            "name": name, "status": status, "text": text, "advice": advice,
            "at": "all budgets" if len(at) == every and every > 1 else ", ".join(at),
        }
        for (name, status, text, advice), at in sorted(
            found.items(), key=lambda item: names.index(item[0][0])
        )
    ]  # fmt: skip


def ledgers(content: Content) -> list[str]:
    """Where the variance comes from at each budget, the largest part first."""
    if content.risk is None:
        return []
    return [
        f"{w.samples(a.samples)}, a new run on {a.pair[0]}: {told_shares(a.ledger)}"
        for a in content.risk.assessments
    ]


def purchase(content: Content) -> dict[str, Any] | None:
    """What to buy next."""
    plan = content.plan
    if plan is None:
        return None
    from qqt_bayes.buy.text import together, verdict

    steps = [
        f"{row.data} for {w.samples(row.samples)}"
        + (f", {row.seeds} seeds" if row.seeds > 1 else "")
        + f": spent {w.samples(row.spent)}, worth {w.figures(row.evsi)} ± {w.figures(row.se, 1)} "
        "with all before it" + (" (for spread)" if row.for_spread else "")
        for row in plan.batch.itertuples()
    ]
    told = " ".join(together(plan))
    return {
        "verdict": verdict(plan), "steps": steps, "spend": w.samples(plan.spend or np.nan),
        "together": (told[:1].lower() + told[1:]).rstrip("."),
        "command": buy_command(content.command),
    }  # fmt: skip


# parameter -> (letter, index, meaning), as in the equations
LETTERS = {
    e.name: (*(part.strip("{}") for part in e.symbol.partition("_")[::2]), e.title) for e in EFFECTS
} | {
    "irreducible": ("d", "", "irreducible part"),
    "level": ("m", "l", "mean level"),
    "level_spread": ("s", "l", "spread of the levels"),
    "utility": ("m", "β", "mean utility"),
    "utility_spread": ("r", "", "relative spread of the utilities"),
    "quality_effect": ("γ", "", "effect of quality rank"),
    "half_life": ("T", "", "median half-life"),
    "half_life_spread": ("s", "τ", "spread of log half-lives"),
    "harm": ("h", "i", "harm of repetition"),
    "exchange_rate": ("log κ", "i", "log exchange rate"),
    "dilution": ("q", "", "dilution"),
    "seed_noise": ("s", "r", "seed noise"),
    "seed_noise_spread": ("s", "a", "spread of log seed noise between pools"),
    "run_share": ("ρ", "", "share of the seed variance common to a run"),
    "regime": ("s", "x", "change of regime beyond the runs"),
}


OBSERVED = ("seed_noise_spread", "run_share")  # sampled only where the runs tell of them


def symbols(content: Content) -> list[tuple[str, str, str, str]]:
    """Letter, index, meaning and posterior of each parameter in the equations."""
    drawn = content.fit.posterior.scalars()
    out = []
    for name, prior in content.fit.posterior.priors.items():
        letter, index, meaning = LETTERS.get(name, (name, "", name.replace("_", " ")))
        if prior.fixed:
            told = f"fixed at {prior.numbers[0]:g}"
        elif name in drawn:
            told = w.interval(*interval(drawn[name], content.decision.prob))
        else:
            told = "by pool" if name in ("harm", "exchange_rate") else "integrated out"
            told = "none: these runs do not tell" if name in OBSERVED else told
        out.append((letter, index, meaning, told))
    return out


def facts(content: Content) -> list[tuple[str, str]]:
    """What identifies the analysis."""
    fit = content.fit
    t = fit.study.trained_on
    where = tell_where(fit.selection.get("where"))
    upto = fit.selection.get("upto")
    chosen = ", ".join(filter(None, [where, "" if upto is None else f"up to {upto} samples"]))
    return [
        ("Runs", f"{fit.runs.source}: {w.count(t['runs'], 'run')}, {w.count(t['rows'], 'row')}"),
        ("Rows chosen", chosen or f"all of {fit.study.metric}"),
        ("Data hash", f"SHA-256 {fit.runs.sha256}"),
        ("Specification", f"{fit.spec.name}: {fit.spec.title}"),
        ("Seed", str(fit.seed)),
        ("Sampler", sampler(fit).size),
        ("Versions", ", ".join(f"{name} {v}" for name, v in content.versions.items())),
    ]  # fmt: skip

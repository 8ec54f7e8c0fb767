"""The methods paragraph, in Markdown (citations as Pandoc reads them) and in LaTeX."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from qqt_bayes.decide.text import headline
from qqt_bayes.harmless import latex, markdown, markdown_code, visible
from qqt_bayes.report import wording as w
from qqt_bayes.report.bibliography import REFERENCES
from qqt_bayes.report.sampler import sampler

if TYPE_CHECKING:
    from qqt_bayes.report.content import Content

KEYS = "|".join(REFERENCES)  # of known works only: a name may look like a citation
CITED = re.compile(rf" ?\[(@(?:{KEYS})(?:; @(?:{KEYS}))*)\]")

__all__ = ["as_html_parts", "as_markdown", "as_tex", "sentences"]


def sentences(content: Content) -> list[str]:
    """The paragraph, sentence by sentence, with citations like ``[@goyal2024scaling]``."""
    fit, d = content.fit, content.decision
    study, t = fit.study, fit.study.trained_on
    inside, how = f"{d.prob * 100:g}%", sampler(fit)
    pools = w.count(len(study.pools), "data pool")
    out = [
        f"We modelled the {study.metric} of {w.count(t['runs'], 'training run')} "
        f"({w.count(t['rows'], 'evaluation')}, up to {w.samples(t['max_samples'])} samples) on "
        f"{pools} and their mixtures.",
    ]
    out += law(content)
    out += [
        "Pools share strength through hierarchical priors, none of which reads the runs "
        f"(specification {fit.spec.name}); seed noise is relative to the metric and was estimated"
        + (" for each pool" if fit.posterior.pool_noise is not None else "")
        + (
            ", a share of its variance common to the checkpoints of a run"
            if "run_share" in fit.posterior.sampled
            else ""
        )
        + (f", with evaluation noise {evaluation(content)}." if evaluation(content) else "."),
        "Given the non-linear parameters the remaining effects are Gaussian and were integrated "
        f"out; the parameters were sampled {how.algorithm}: {how.size} (seed {fit.seed}), with "
        f"qqt_bayes {content.versions.get('qqt_bayes', '')}, whose reference form of the model is "
        f"written in PyMC {content.versions.get('pymc', '')} [@pymc2023].",
        f"For every parameter and every predicted quantity we required {how.required}.",
        f"Of {w.count(len(d.candidates), 'candidate')} we chose at each budget the one of least "
        "expected regret, where P(best) is the share of posterior draws in which a candidate is "
        f"best; intervals are {inside} equal-tailed credible intervals of performance averaged "
        "over seeds, and differences between candidates are taken draw by draw.",
        headline(d),
    ]
    if content.factor > 1.02:
        out.append(
            f"Budgets above {w.samples(content.largest)} samples are extrapolations, up to "
            f"{content.factor:.1f}x beyond the largest run."
        )
    if content.risk is not None:
        verdicts = "; ".join(
            f"{a.verdict} at {w.samples(a.samples)}" for a in content.risk.assessments
        )
        out.append(
            "Whether the fit can be trusted that far was judged by roll-forward back-tests on the "
            "runs themselves, leave-one-out predictive checks and priors made stronger and weaker: "
            f"{verdicts}."
        )
    return [content.stamp, *out] if content.stamp else out


def law(content: Content) -> list[str]:
    """What the law says, for the default one; else its title."""
    if content.fit.spec.law != "effective_utility":
        return [f"The law is that of the specification {content.fit.spec.title}."]
    harmless = content.fit.posterior.priors["harm"].fixed
    return [
        "Its reducible part falls as a power law whose exponent, the utility of a pool, weakens "
        "with every further epoch over the same samples, by half each half-life, and is averaged "
        "over the pools of a mixture by their shares [@goyal2024scaling]; that repeats lose value "
        "gradually is also found by others [@muennighoff2023scaling].",
        "We let early training differ from what follows, let the local exponents drift, in "
        "common, by pool and with repetition, let the mixture rule err"
        + ("" if harmless else ", and let late repeats do harm")
        + ", so that the law is taken as an approximation whose error grows with the distance "
        "from the runs.",
    ]


def evaluation(content: Content) -> str:
    """Where evaluation noise comes from; empty when there is none."""
    study = content.fit.study
    if np.isfinite(study.se).any():
        return "as given with the runs"
    if study.kind.fraction and np.isfinite(study.n_eval).any():
        return "binomial in the number of test items"
    return ""


def pieces(content: Content) -> Iterator[tuple[str, list[str]]]:
    """The paragraph in pieces of plain text, each with the keys that are cited after it."""
    text, start = " ".join(sentences(content)), 0
    for found in CITED.finditer(text):
        yield text[start : found.start()], [key.strip(" @") for key in found[1].split(";")]
        start = found.end()
    yield text[start:], []


def as_markdown(content: Content) -> str:
    """The paragraph and its references."""
    body, used = "", dict[str, None]()
    for text, cited in pieces(content):
        marks = f" [{'; '.join(f'@{key}' for key in cited)}]" if cited else ""
        body += keeping_space(text, markdown) + marks
        used |= dict.fromkeys(cited)
    lines = ["# Methods", "", body, "", "# References", ""]
    lines += [f"- {REFERENCES[k].text} <{REFERENCES[k]['url']}>" for k in used]
    hashed = f"Data (SHA-256 of the runs fitted): `{content.fit.runs.sha256}`"
    again = f"Reproduce: {markdown_code(content.command)}"
    return "\n".join([*lines, "", hashed, "", again, ""])


def as_tex(content: Content) -> str:
    """The paragraph, to be read in by LaTeX; its citations are in ``references.bib``."""
    body = "".join(
        keeping_space(text, latex) + (f"~\\cite{{{','.join(cited)}}}" if cited else "")
        for text, cited in pieces(content)
    )
    return (
        "% \\input{methods}; references in references.bib\n"
        f"% data (SHA-256): {content.fit.runs.sha256}\n"
        f"\\paragraph{{Methods.}} {body}\n"
    )


def keeping_space(text: str, escape: Callable[[str], str]) -> str:
    """Escape a piece of a paragraph without losing the space at its ends."""
    left = " " if text[:1].isspace() else ""
    right = " " if text[-1:].isspace() and text.strip() else ""
    return f"{left}{escape(text)}{right}"


def as_html_parts(content: Content) -> list[tuple[str, str]]:
    """Pieces for the page: (text, address), the address empty for plain text."""
    parts: list[tuple[str, str]] = []
    for text, cited in pieces(content):
        parts.append((visible(text) + " (" * bool(cited), ""))
        for i, key in enumerate(cited):
            parts += [("; ", "")] * (i > 0) + [(REFERENCES[key].short, REFERENCES[key]["url"])]
        parts += [(")", "")] * bool(cited)
    return parts

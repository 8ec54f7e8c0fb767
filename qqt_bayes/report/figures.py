"""The figures of a report: for a paper column, and for the page."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

from qqt_bayes.plots import (
    COLUMN,
    WIDE,
    plot_decision,
    plot_differences,
    plot_ledger,
    plot_plan,
    plot_pools,
)

if TYPE_CHECKING:
    from qqt_bayes.report.content import Content

# A figure is to be the same file whenever it is drawn: no date in it.
UNDATED = {"pdf": {"CreationDate": None}, "svg": {"Date": None}, "png": {}}
DPI = 300

__all__ = ["Picture", "data_uri", "make_pictures"]


@dataclass(frozen=True)
class Picture:
    """A figure: files by suffix in the width of a paper column, if any, and the SVG of the page."""

    name: str
    title: str
    caption: str
    files: dict[str, bytes]
    wide: bytes


def data_uri(svg: bytes) -> str:
    """An SVG as the source of an image: scripts in it could not run, names cannot collide."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg).decode("ascii")


def saved(figure: Any, suffix: str) -> bytes:
    """A figure as the bytes of a file."""
    buffer = BytesIO()
    figure.savefig(buffer, format=suffix, dpi=DPI, metadata=UNDATED[suffix])
    return buffer.getvalue()


def make_pictures(content: Content, *, paper: bool = True) -> Iterator[Picture]:
    """Draw the figures: for the page, and for papers and small screens also one column wide."""
    for name, title, caption, draw in drawings(content):
        wide = draw(width=WIDE)
        files = {}
        if paper:
            narrow = draw(width=COLUMN)
            files = {suffix: saved(narrow, suffix) for suffix in ("svg", "pdf", "png")}
        told = caption or getattr(wide, "caption", "")
        yield Picture(name, title, told, files, saved(wide, "svg"))


type Drawing = tuple[str, str, str, Callable[..., Any]]


def drawings(content: Content) -> Iterator[Drawing]:
    """Name, title, caption and drawer of each figure; an empty caption is the figure's own."""
    d, fit, risk, plan = content.decision, content.fit, content.risk, content.plan

    def bands(**options: Any) -> Any:
        return plot_decision(d, **options)

    yield "bands", "Bands", "", bands
    if len(d.candidates) > 1:
        text = (
            f"Difference of each candidate to the best at each budget, with {d.prob:.0%} "
            "equal-tailed intervals taken draw by draw: errors common to all cancel, so it is "
            "known better than the levels are."
        )
        yield "differences", "Differences", text, lambda **o: plot_differences(d, **o)
    text = (
        "What one sample of each pool is worth in samples of the best, and each pool's utility and "
        "half-life: prior (grey) and posterior. Where the two are alike the runs have said little."
    )
    yield "pools", "Prior and posterior of the pools", text, lambda **o: plot_pools(fit, **o)
    if risk is not None:
        yield "ledger", "Where the uncertainty comes from", "", lambda **o: plot_ledger(risk, **o)
    if plan is not None:
        yield "buy", "What runs are worth", "", lambda **o: plot_plan(plan, **o)

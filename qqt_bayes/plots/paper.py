"""How every figure looks: sizes, colours, markers; never a global setting, never pyplot."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from itertools import zip_longest
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import XAxis, YAxis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.text import Text
from matplotlib.textpath import text_to_path
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from qqt_bayes.runs import format_number

COLUMN, WIDE = 3.3, 7.0  # inches: one column of a paper, and both
SIDE_BY_SIDE = 5.0  # from this width on panels stand beside each other
SIZE, SMALL = 7.5, 7.0  # points

# Okabe and Ito's palette, told apart by people with any colour vision; its yellow is too faint
# for a line. A marker goes with each colour, so that nothing hangs on colour alone.
# Five, since no more are told apart at a glance: a sixth thing has the first colour again.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
GREY, PALE, INK, WARNING = "#7F7F7F", "#C8C8C8", "#333333", "#B22222"
BEYOND = (0.0, (3.0, 1.5))  # dashes of what lies beyond the largest run
HATCHES = ("////", "\\\\\\\\")

# After matplotlib's own font, those that hold Chinese, Japanese and Korean letters.
LETTERS = (
    "Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans JP", "Source Han Sans", "IPAexGothic",
    "IPAGothic", "TakaoGothic", "VL Gothic", "Hiragino Sans", "Hiragino Kaku Gothic ProN",
    "Yu Gothic", "Meiryo", "MS Gothic", "PingFang SC", "Microsoft YaHei", "SimHei",
    "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Apple SD Gothic Neo", "Malgun Gothic",
    "NanumGothic", "Droid Sans Fallback", "Arial Unicode MS",
)  # fmt: skip


BOXES = "Glyph .* missing from"  # begins matplotlib's warning of a letter that no font has


@cache
def families() -> list[str]:
    """Fonts to take letters from, in order: of the list, those that are installed."""
    installed = set(font_manager.get_font_names())
    return ["DejaVu Sans", *(name for name in LETTERS if name in installed)]


RC: dict[str, Any] = {
    "font.size": SIZE,
    "axes.labelsize": SIZE,
    "axes.titlesize": SIZE,
    "axes.titlelocation": "left",
    "axes.titlepad": 4.0,
    "axes.labelpad": 2.5,
    "axes.linewidth": 0.6,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.formatter.useoffset": False,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.5,
    "hatch.linewidth": 0.35,
    "legend.fontsize": SMALL,
    "legend.frameon": False,
    "legend.handlelength": 1.7,
    "legend.handletextpad": 0.5,
    "legend.columnspacing": 1.2,
    "legend.labelspacing": 0.35,
    "legend.borderpad": 0.1,
    "legend.borderaxespad": 0.2,
    "legend.labelcolor": INK,
    "text.color": INK,
    "text.usetex": False,
    "pdf.fonttype": 42,  # fonts that journals accept
    "ps.fonttype": 42,
    "svg.hashsalt": "qqt_bayes",  # the same figure gives the same file
}

__all__ = [
    "COLUMN", "WIDE", "Look", "columns", "dress", "key_below", "legend", "log_axis",
    "new_figure", "panel_letters", "plain", "short", "shorts", "stamp", "style", "text_width",
]  # fmt: skip


class Look(NamedTuple):
    """Colour, marker and hatch of one candidate, the same in every panel."""

    colour: str
    marker: str
    hatch: str


class PaperFigure(Figure):
    """A figure outside pyplot: it is freed with its last reference, and notebooks show it.

    Attributes
    ----------
    caption : str
        What the figure shows, for a paper or as a text alternative.
    """

    caption: str = ""

    def savefig(self, fname: Any, **options: Any) -> None:
        """Save with embedded fonts; see :meth:`matplotlib.figure.Figure.savefig`."""
        with style(), warnings.catch_warnings(record=True) as seen:
            warnings.filterwarnings("always", BOXES)
            super().savefig(fname, **options)
        if any("missing from" in str(w.message) for w in seen):
            warnings.warn(
                "no font here has all letters of the names: some are drawn as boxes -> install one "
                "that has them, e.g. Noto Sans CJK", stacklevel=2,
            )  # fmt: skip

    def _repr_png_(self) -> bytes:
        buffer = BytesIO()
        self.savefig(buffer, format="png")
        return buffer.getvalue()


@contextmanager
def style() -> Iterator[None]:
    """Set the style of the package's figures within a ``with`` block only."""
    settings: Any = RC | {"font.family": families()}
    with mpl.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", BOXES)  # one a letter; saving tells of all
        yield


def look(position: int) -> Look:
    """Look of the candidate at a position among those shown in colour."""
    return Look(
        COLOURS[position % len(COLOURS)],
        MARKERS[position % len(MARKERS)],
        HATCHES[position % len(HATCHES)],
    )


def new_figure(width: float, height: float) -> PaperFigure:
    """An empty figure (inches) with constrained layout, known to nobody but its holder."""
    figure = PaperFigure(figsize=(width, height), dpi=200, layout="constrained")
    FigureCanvasAgg(figure)
    engine = figure.get_layout_engine()
    assert engine is not None
    engine.set(w_pad=0.03, h_pad=0.03, wspace=0.03, hspace=0.03)  # type: ignore[call-arg]
    return figure


def dress(ax: Axes) -> None:
    """Ticks and labels of an axes: set here, since ticks are made only when it is drawn."""
    ax.tick_params(which="major", labelsize=SMALL, width=0.6, length=2.5, pad=2, colors=INK)
    ax.tick_params(which="minor", width=0.4, length=1.5, colors=INK)
    for label in (ax.xaxis.label, ax.yaxis.label):  # an axes of the user's has its own size
        label.set(size=SIZE, color=INK)


def plain(text: str) -> str:
    """Text that is not to be read as mathematics."""
    return text.replace("$", r"\$")


def short(text: str, most: int = 24) -> str:
    """A name that leaves room for the rest of the figure: its middle gives way."""
    if len(text) <= most:
        return plain(text)
    return plain(f"{text[: most - most // 2]}\u2026{text[len(text) - most // 2 + 1 :]}")


def shorts(names: Sequence[str], most: int = 24) -> list[str]:
    """Names shortened so that they stay apart; of a mixture of few pools, each pool's name."""
    pools = list(dict.fromkeys(part for name in names for part in name.split("+")))
    found = apart(names, most)
    for name in found:
        parts = name.split("+")
        if len(name) > most and 1 < len(parts) <= most // 8:
            told = apart(pools, (most + 1) // len(parts) - 1)
            found[name] = "+".join(told[part] for part in parts)
    return [found[name] for name in names]


def apart(names: Sequence[str], most: int) -> dict[str, str]:
    """Names shortened; those that would then be alike begin shortly before they differ."""
    out = {name: short(name, most) for name in names}
    for told in set(out.values()):
        alike = [name for name in out if out[name] == told]
        letters = enumerate(zip_longest(*alike))
        start = next((k for k, some in letters if len(set(some)) > 1), 0) - most // 4
        out |= {name: short(f"\u2026{name[start:]}", most) for name in alike if start > 0}
    return out


def text_width(text: str, size: float = SMALL) -> float:
    """Width of a text in inches."""
    wide, _, _ = text_to_path.get_text_width_height_descent(
        plain(text), FontProperties(family=families(), size=size), ismath=False
    )
    return float(wide) / 72.0


def columns(labels: Sequence[str], width: float) -> int:
    """How many columns of a legend with these labels fit in a width (inches)."""
    handle = (1.7 + 0.5 + 1.2) * SMALL / 72.0
    for rows in range(1, len(labels)):
        blocks = [labels[i : i + rows] for i in range(0, len(labels), rows)]
        if sum(max(map(text_width, block)) + handle for block in blocks) <= width:
            return len(blocks)
    return 1


def legend(
    figure: Figure, handles: Sequence[Artist], width: float, place: str = "outside lower center"
) -> int:
    """A legend outside the panels, in as few rows as fit in a width (inches); returns how many."""
    ncols = columns([str(h.get_label()) for h in handles], width)
    where: Any = place  # "outside" places have no type of their own
    figure.legend(handles=handles, loc=where, ncols=ncols)
    return -(-len(handles) // ncols)


def key_below(figure: Figure, handles: Sequence[Artist]) -> None:
    """A legend below all panels."""
    legend(figure, handles, 0.95 * figure.get_figwidth())


def log_axis(
    axis: XAxis | YAxis,
    ticks: Sequence[float] = (1.0, 3.0),
    told: Callable[[float], str] = format_number,
) -> None:
    """A log axis with these ticks in each decade, none of them in powers of ten."""
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    axis.set_major_locator(LogLocator(10.0, subs=ticks))
    axis.set_major_formatter(FuncFormatter(lambda value, _: told(value)))
    axis.set_minor_formatter(NullFormatter())


def panel_letters(axes: Sequence[Axes]) -> None:
    """Put a, b, c before the titles of the panels."""
    for letter, ax in zip("abcdefgh", axes, strict=False):
        title = ax.get_title(loc="left")
        ax.set_title(f"     {title}", loc="left")  # not as mathematics, which has fewer letters
        ax.annotate(
            letter, (0.0, 1.0), xycoords="axes fraction", xytext=(0, RC["axes.titlepad"]),
            textcoords="offset points", fontweight="bold", fontsize=SIZE, va="baseline",
        )  # fmt: skip


def stamp(ax: Axes, warning: str) -> Text | None:
    """Print a warning across an axes, so that it survives any cropping; nothing if empty."""
    if not warning:
        return None
    return ax.text(
        0.5, 0.5, warning.split(":", 1)[0], transform=ax.transAxes, rotation=18, ha="center",
        va="center", fontsize=13, fontweight="bold", color=WARNING, alpha=0.6, zorder=20,
        bbox={"facecolor": "white", "edgecolor": WARNING, "alpha": 0.5, "pad": 3},
    )  # fmt: skip

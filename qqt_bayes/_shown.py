"""How an answer shows itself: one line in a list, a few when printed, a table in a notebook."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from qqt_bayes._text import cut

ROWS = 24  # of a table in a notebook
LONG = 240  # characters of one line

__all__ = ["Shown"]


class Shown:
    """Gives an object with ``table`` and ``headline`` its ``repr``, ``str`` and notebook table.

    A dataclass that is shown has to say ``repr=False``, else it writes a ``repr`` of its own.
    """

    @property
    def text(self) -> str:
        """The answer on one screen."""
        raise NotImplementedError

    if TYPE_CHECKING:  # a field of a dataclass would take a property here for its default

        @property
        def table(self) -> Any:
            """The answer as a data frame."""

    @property
    def headline(self) -> str:
        """The answer in a sentence or two."""
        return self.text.split("\n", 1)[0]

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {cut(' '.join(self.headline.split()), LONG)}>"

    def __str__(self) -> str:
        drawn = ", .plot()" if hasattr(self, "plot") else ""
        return f"{self.headline}\n(.text says more; .table{drawn})"

    def _repr_html_(self) -> str:
        """What a notebook shows: the headline, and the head of the table."""
        told = "".join(f"<p>{escape(line)}</p>" for line in self.headline.splitlines())
        table = self.table
        more = f"<p>and {len(table) - ROWS} more rows in .table</p>" if len(table) > ROWS else ""
        head = table.head(ROWS).to_html(index=False, border=0, float_format=figures, na_rep="")
        return f"<div>{told}{head}{more}</div>"


def figures(value: float) -> str:
    """A number to four figures, budgets with separators."""
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"

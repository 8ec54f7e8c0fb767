"""References: the BibTeX file beside the templates, and its entries in words."""

from __future__ import annotations

import re
from importlib import resources

__all__ = ["BIBTEX", "REFERENCES", "Reference"]


class Reference(dict[str, str]):
    """One work cited: the fields of its entry."""

    @property
    def authors(self) -> list[list[str]]:
        """Names, the last name first."""
        return [name.split(", ") for name in self["author"].split(" and ")]

    @property
    def text(self) -> str:
        """The reference in one line."""
        where = self.get("journal") or self.get("booktitle") or self.get("howpublished", "")
        names = [" ".join(reversed(name)) for name in self.authors]
        shown = ", ".join(names[:6]) + (" et al" if len(names) > 6 else "")
        return f"{shown}. {self['title']}. {where}, {self['year']}."

    @property
    def short(self) -> str:
        """Authors and year, as in a text."""
        last = [name[0] for name in self.authors]
        told = f"{last[0]} et al." if len(last) > 2 else " and ".join(last)
        return f"{told} {self['year']}"


def spoken(text: str) -> str:
    """A BibTeX field without its LaTeX."""
    text = text.replace('{\\"u}', "ü").replace("{$\\widehat{R}$}", "R-hat")
    return text.replace("{", "").replace("}", "")


def entries(source: str) -> dict[str, Reference]:
    """Entries by key, of a file with a field a line."""
    return {
        key: Reference({n: spoken(v) for n, v in re.findall(r"^ +(\w+) = \{(.*)\},?$", body, re.M)})
        for key, body in re.findall(r"^@\w+\{(\w+),\n(.*?)^\}", source, re.M | re.S)
    }


BIBTEX = resources.files("qqt_bayes.report").joinpath("templates/references.bib").read_text("utf-8")
REFERENCES = entries(BIBTEX)

"""References, as BibTeX and in words."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["REFERENCES", "Reference", "bibtex"]


class Reference(NamedTuple):
    """One work cited."""

    kind: str
    fields: dict[str, str]
    short: str
    url: str

    @property
    def text(self) -> str:
        """The reference in one line."""
        f = {name: spoken(value) for name, value in self.fields.items()}
        where = f.get("journal") or f.get("booktitle") or f.get("howpublished", "")
        people = f["author"].split(" and ")
        names = [" ".join(reversed(p.split(", "))) for p in people]
        shown = ", ".join(names[:6]) + (" et al" if len(names) > 6 else "")
        return f"{shown}. {f['title']}. {where}, {f['year']}."


def spoken(text: str) -> str:
    """A BibTeX field without its LaTeX."""
    text = text.replace('{\\"u}', "ü").replace("{$\\widehat{R}$}", "R-hat")
    return text.replace("{", "").replace("}", "")


REFERENCES: dict[str, Reference] = {
    "goyal2024scaling": Reference(
        "inproceedings",
        {
            "author": "Goyal, Sachin and Maini, Pratyush and Lipton, Zachary C. and "
            "Raghunathan, Aditi and Kolter, J. Zico",
            "title": "Scaling Laws for Data Filtering: Data Curation Cannot Be Compute Agnostic",
            "booktitle": "IEEE/CVF Conference on Computer Vision and Pattern Recognition",
            "year": "2024",
            "eprint": "2404.07177",
            "archiveprefix": "arXiv",
        },
        "Goyal et al. 2024",
        "https://arxiv.org/abs/2404.07177",
    ),
    "muennighoff2023scaling": Reference(
        "inproceedings",
        {
            "author": "Muennighoff, Niklas and Rush, Alexander M. and Barak, Boaz and "
            "Le Scao, Teven and Piktus, Aleksandra and Tazi, Nouamane and Pyysalo, Sampo and "
            "Wolf, Thomas and Raffel, Colin",
            "title": "Scaling Data-Constrained Language Models",
            "booktitle": "Advances in Neural Information Processing Systems",
            "year": "2023",
            "eprint": "2305.16264",
            "archiveprefix": "arXiv",
        },
        "Muennighoff et al. 2023",
        "https://arxiv.org/abs/2305.16264",
    ),
    "pymc2023": Reference(
        "article",
        {
            "author": "Abril-Pla, Oriol and Andreani, Virgile and Carroll, Colin and Dong, Larry "
            "and Fonnesbeck, Christopher J. and Kochurov, Maxim and Kumar, Ravin and Lao, Junpeng "
            "and Luhmann, Christian C. and Martin, Osvaldo A. and Osthege, Michael and "
            "Vieira, Ricardo and Wiecki, Thomas and Zinkov, Robert",
            "title": "{PyMC}: A Modern, and Comprehensive Probabilistic Programming Framework in "
            "{Python}",
            "journal": "PeerJ Computer Science",
            "volume": "9",
            "pages": "e1516",
            "year": "2023",
            "doi": "10.7717/peerj-cs.1516",
        },
        "Abril-Pla et al. 2023",
        "https://doi.org/10.7717/peerj-cs.1516",
    ),
    "arviz2019": Reference(
        "article",
        {
            "author": "Kumar, Ravin and Carroll, Colin and Hartikainen, Ari and Martin, Osvaldo",
            "title": "{ArviZ} a Unified Library for Exploratory Analysis of {Bayesian} Models in "
            "{Python}",
            "journal": "Journal of Open Source Software",
            "volume": "4",
            "number": "33",
            "pages": "1143",
            "year": "2019",
            "doi": "10.21105/joss.01143",
        },
        "Kumar et al. 2019",
        "https://doi.org/10.21105/joss.01143",
    ),
    "nutpie": Reference(
        "misc",
        {
            "author": "Seyboldt, Adrian and {PyMC Developers}",
            "title": "nutpie: A Fast Sampler for {Bayesian} Posteriors",
            "howpublished": "Software",
            "year": "2022",
            "url": "https://github.com/pymc-devs/nutpie",
        },
        "Seyboldt and PyMC Developers 2022",
        "https://github.com/pymc-devs/nutpie",
    ),
    "hoffman2014nuts": Reference(
        "article",
        {
            "author": "Hoffman, Matthew D. and Gelman, Andrew",
            "title": "The No-{U}-Turn Sampler: Adaptively Setting Path Lengths in {Hamiltonian} "
            "{Monte} {Carlo}",
            "journal": "Journal of Machine Learning Research",
            "volume": "15",
            "pages": "1593--1623",
            "year": "2014",
        },
        "Hoffman and Gelman 2014",
        "https://jmlr.org/papers/v15/hoffman14a.html",
    ),
    "cornuet2012amis": Reference(
        "article",
        {
            "author": "Cornuet, Jean-Marie and Marin, Jean-Michel and Mira, Antonietta and "
            "Robert, Christian P.",
            "title": "Adaptive Multiple Importance Sampling",
            "journal": "Scandinavian Journal of Statistics",
            "volume": "39",
            "number": "4",
            "pages": "798--812",
            "year": "2012",
        },
        "Cornuet et al. 2012",
        "https://arxiv.org/abs/0907.1254",
    ),
    "vehtari2024psis": Reference(
        "article",
        {
            "author": "Vehtari, Aki and Simpson, Daniel and Gelman, Andrew and Yao, Yuling and "
            "Gabry, Jonah",
            "title": "{Pareto} Smoothed Importance Sampling",
            "journal": "Journal of Machine Learning Research",
            "volume": "25",
            "number": "72",
            "pages": "1--58",
            "year": "2024",
        },
        "Vehtari et al. 2024",
        "https://arxiv.org/abs/1507.02646",
    ),
    "vehtari2021rhat": Reference(
        "article",
        {
            "author": "Vehtari, Aki and Gelman, Andrew and Simpson, Daniel and Carpenter, Bob and "
            'B{\\"u}rkner, Paul-Christian',
            "title": "Rank-Normalization, Folding, and Localization: An Improved {$\\widehat{R}$} "
            "for Assessing Convergence of {MCMC}",
            "journal": "Bayesian Analysis",
            "volume": "16",
            "number": "2",
            "pages": "667--718",
            "year": "2021",
            "doi": "10.1214/20-BA1221",
        },
        "Vehtari et al. 2021",
        "https://arxiv.org/abs/1903.08008",
    ),
    "kruschke2021barg": Reference(
        "article",
        {
            "author": "Kruschke, John K.",
            "title": "{Bayesian} Analysis Reporting Guidelines",
            "journal": "Nature Human Behaviour",
            "volume": "5",
            "pages": "1282--1291",
            "year": "2021",
            "doi": "10.1038/s41562-021-01177-7",
        },
        "Kruschke 2021",
        "https://doi.org/10.1038/s41562-021-01177-7",
    ),
}


def bibtex() -> str:
    """All references as a BibTeX file."""
    entries = []
    for key, ref in REFERENCES.items():
        fields = ",\n".join(f"  {name} = {{{value}}}" for name, value in ref.fields.items())
        entries.append(f"@{ref.kind}{{{key},\n{fields}\n}}\n")
    return "\n".join(entries)

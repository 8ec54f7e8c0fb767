"""Sphinx configuration; `make docs` builds with warnings as errors."""

import os
from importlib.metadata import version as installed_version

os.environ.setdefault("MPLBACKEND", "Agg")

project = "qqt_bayes"
author = "The qqt_bayes developers"
project_copyright = author
release = installed_version("qqt_bayes")
version = release

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "matplotlib.sphinxext.plot_directive",
    "sphinx_copybutton",
]
exclude_patterns = ["_build"]
templates_path = ["_templates"]

myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

autodoc_typehints = "none"
autosummary_generate = True
numpydoc_class_members_toctree = False
numpydoc_show_class_members = False
# What a docstring says must be what the code takes; ruff sees to style and to missing docstrings.
numpydoc_validation_checks = {"GL06", "GL07", "PR02", "PR03", "PR10"}
# Objects made by a dataclass have no source for the validation to read.
numpydoc_validation_exclude = {r"\.runs\.importers\.", r"\.model\.effects\."}

# Pages may hold `.. plot::` blocks: drawn from the package itself, so that they cannot go stale.
plot_include_source = False
plot_html_show_source_link = False
plot_html_show_formats = False
plot_formats = [("svg", 90)]

html_theme = "furo"
html_title = f"qqt_bayes {release}"

# A prompt is not part of a command.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

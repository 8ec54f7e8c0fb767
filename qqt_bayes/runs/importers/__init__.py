"""Run tables from what other tools write; one module a format, listed in `registry`."""

from qqt_bayes.runs.importers.base import Found
from qqt_bayes.runs.importers.registry import IMPORTERS, NAMES, import_runs

__all__ = ["IMPORTERS", "NAMES", "Found", "import_runs"]

"""Reading and checking run tables and pool tables."""

from qqt_bayes.runs.importers import import_runs
from qqt_bayes.runs.mixture import Mixture, parse_mixture
from qqt_bayes.runs.numbers import format_number, parse_number
from qqt_bayes.runs.pools import Pools, read_pools
from qqt_bayes.runs.study import Study
from qqt_bayes.runs.table import Runs, read_runs

__all__ = [
    "Mixture",
    "Pools",
    "Runs",
    "Study",
    "format_number",
    "import_runs",
    "parse_mixture",
    "parse_number",
    "read_pools",
    "read_runs",
]

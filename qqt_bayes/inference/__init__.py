"""Sampling the few, solving the rest: densities, charts, the sampler and its gate."""

from qqt_bayes.inference._cache import drop_stale

drop_stale()  # before any kernel is loaded

"""Model size and data jointly: how much compute for parameters, how much for which samples."""

from qqt_bayes.allocation.answer import Allocation, allocate
from qqt_bayes.allocation.fitted import SizeFit, fit_sizes

__all__ = ["Allocation", "SizeFit", "allocate", "fit_sizes"]

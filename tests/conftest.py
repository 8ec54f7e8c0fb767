"""Settings that have to be in place before any library is imported."""

import os

# One thread per numerical library: chains and test workers are the parallel part.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("MPLBACKEND", "Agg")

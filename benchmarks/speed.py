"""Speed, as ratios against named baselines in one run: ``python benchmarks/speed.py``.

Prints a table and writes ``benchmarks/results/bench.json``. Ratios, not seconds, are what to quote:
the machine's speed cancels. ``--only NAME`` measures one part (that file keeps the others).
"""

import argparse
import json
import os
import platform
import time
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # before numpy: chains and processes are the parallel part

import speed_growth  # noqa: E402
import speed_rows  # noqa: E402

from qqt_bayes.store import versions  # noqa: E402

ROWS = speed_rows.ROWS | speed_growth.ROWS
RESULTS = Path(__file__).with_name("results") / "bench.json"


def processor():
    """The processor by name, where the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if "model name" in line), "")


def write(parts):
    """Write the parts measured, and keep those of earlier runs."""
    old = json.loads(RESULTS.read_text())["parts"] if RESULTS.is_file() else {}
    about = {"machine": platform.machine(), "processor": processor(), "cores": os.cpu_count(),
             "load": round(os.getloadavg()[0], 2), "python": platform.python_version(),
             "versions": versions()}  # fmt: skip
    new = {name: {"about": about, "rows": rows} for name, rows in parts.items()}
    part = RESULTS.with_name(".results.part")
    part.write_text(json.dumps({"schema": 1, "parts": old | new}, indent=2) + "\n")
    part.replace(RESULTS)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", choices=ROWS, metavar="NAME",
                        help=f"one of {', '.join(ROWS)}; may be given several times")  # fmt: skip
    chosen = parser.parse_args().only or list(ROWS)
    for name in chosen:
        begin, rows = time.perf_counter(), []
        for row in ROWS[name]():
            rows.append({**row._asdict(), "value": float(f"{row.value:.4g}")})
            print(f"{row.what:<84} {row.value:>9.3g}   {row.goal:<8} {row.how}", flush=True)
        print(f"  ({name}: {time.perf_counter() - begin:.0f} s)", flush=True)
        write({name: rows})


if __name__ == "__main__":
    main()

#!/bin/sh
# The tests with ten base seeds of every posterior, with one and two threads of linear algebra in turn:
# no answer may hang on a sampler's luck. An hour or two; arguments go to pytest. Workers of other
# processes do not take the other base, so what compares them with this one is left out.
set -eu
cd "$(dirname "$0")/.."
failed=
for number in 1 2 3 4 5 6 7 8 9 10; do
    threads=$((number % 2 + 1))
    echo "base seed ${number}000, $threads thread(s) of linear algebra"
    QQT_BASE_SEED="${number}000" OPENBLAS_NUM_THREADS=$threads OMP_NUM_THREADS=$threads \
        .venv/bin/python -m pytest -q -n 2 --dist loadfile --ignore tests/test_refits.py \
        --deselect tests/risk/test_report.py::test_a_budget_is_judged_the_same_whatever_else_is_asked "$@" || failed="$failed ${number}000"
done
[ -z "$failed" ] || { echo "failed with base seed$failed"; exit 1; }
echo "passed with all ten"

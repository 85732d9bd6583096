#!/bin/sh
# compare_bc.sh [N] - the calculator against bc over N (100,000) random expressions, in
# parts of 10,000 with a seed each.
cd "$(dirname "$0")/.." || exit 2
n=${1:-100000}
test=build/release/tests/unit_think_calculator_bc
[ -x $test ] || { echo "compare_bc.sh: ./dev build first" >&2; exit 2; }
seed=1
while [ "$n" -gt 0 ]; do
    part=$((n < 10000 ? n : 10000))
    CHECK_SEED=$seed CHECK_EXPRESSIONS=$part $test 2>&1 | grep -E 'exact,|agree on|FAILED|skipped' || exit 1
    n=$((n - part))
    seed=$((seed + 1))
done

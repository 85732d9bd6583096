#!/bin/sh
# check.sh GUARD [--update] - counts the instructions of GUARD's cases (guard.c) and
# compares them with instructions.txt: more than TOLERANCE percent above is a failure,
# as far below a note that asks for --update, which writes the counts down.
# Status 77: skipped, with the reason.
#
# Callgrind counts nothing but what happens inside guarded(): neither the start of the
# program nor the loader nor the C library's choice of its functions. What its functions
# do (memcpy, malloc, expf) does count: below 1 % of a step, 4 % of decoding, 8 % of
# encoding. Another choice of them (without AVX2, FMA and ERMS) moved the counts by 0.15 %
# at most; the tolerance is for other versions of them and small ones of the compiler.
# Compilers of another number have lines of their own.
set -eu
guard=$(realpath "$1")
cd "$(dirname "$0")"
update=${2:-}
TOLERANCE=3
cases="step_f32 step_bf16 encode decode"
table=instructions.txt

skip()
{
    echo "skipped: $1"
    exit 77
}

[ "$(uname -m)" = x86_64 ] || skip "counts are of x86-64, this is $(uname -m)"
command -v valgrind >/dev/null || skip "valgrind is not installed (./dev guard installs it)"
key=$("$guard" key)

# count CASE: its instructions in $now.
count()
{
    status=0
    log=$(OMP_NUM_THREADS=1 valgrind --tool=callgrind --callgrind-out-file=/dev/null \
        --toggle-collect=guarded "$guard" "$1" 2>&1) || status=$?
    [ $status != 77 ] || skip "valgrind has no AVX2 on this processor"
    now=$(echo "$log" | sed -n 's/^==[0-9]*== Collected : \([0-9]*\).*/\1/p')
    [ $status = 0 ] && [ "${now:-0}" -gt 0 ] || {
        echo "$log"
        echo "$1: status $status, nothing was counted"
        exit 1
    }
}

known() # CASE: the count in the table, or nothing
{
    awk -v key="$key" -v name="$1" '$1 == key && $2 == name { print $3 }' "$table"
}

# Replaces the lines of this compiler.
write_table() # LINES
{
    {
        sed -n '/^#/p' "$table"
        { grep -v '^#' "$table" | grep -v "^$key " || true; echo "$1"; } | sort
    } >"$table.new"
    mv "$table.new" "$table"
}

lines="" bad=0
for case in $cases; do
    count "$case"
    lines="$lines$key $case $now
"
    was=$(known "$case")
    [ -n "$was" ] || { echo "$case: $now instructions, not known before"; continue; }
    percent=$(awk -v a="$now" -v b="$was" 'BEGIN { printf "%+.2f", 100 * (a - b) / b }')
    echo "$case: $now instructions, $percent % ($was)"
    [ "$update" != --update ] || continue
    verdict=$(awk -v p="$percent" -v t=$TOLERANCE \
        'BEGIN { print (p + 0 > t ? "more" : p + 0 < -t ? "less" : "same") }')
    case $verdict in
    more)
        echo "$case: FAIL: more than $TOLERANCE % above; if that is meant: ./dev guard --update"
        bad=1
        ;;
    less) echo "$case: note: it got faster; keep it so: ./dev guard --update" ;;
    esac
done
if [ "$update" = --update ]; then
    write_table "$(printf %s "$lines")"
    echo "written to tests/guard/$table"
elif ! grep -q "^$key " "$table"; then
    skip "no counts for $key; ./dev guard --update adds them"
fi
exit $bad

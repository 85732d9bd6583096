#!/bin/sh
# kill_resume.sh TAME - the whole tiny recipe, killed with SIGKILL again and again and
# started again, ends in the same bytes as one that was never killed.
set -eu
tame=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export TAME_THREADS=1

"$tame" run "$here/_tiny.yaml" --runs "$work/whole" >"$work/whole.log" 2>&1 ||
    { cat "$work/whole.log"; exit 1; }

kills=0
round=0
while :; do
    round=$((round + 1))
    [ $round -le 60 ] || { echo "not finished after 60 rounds"; exit 1; }
    "$tame" run "$here/_tiny.yaml" --runs "$work/cut" >"$work/cut.log" 2>&1 &
    pid=$!
    # Pauses of .4, .7, 1.0 ... 3.1 s: every round gets a little further, each stage is hit.
    tenths=$((4 + 3 * (round % 10)))
    sleep "$((tenths / 10)).$((tenths % 10))"
    if kill -9 $pid 2>/dev/null; then
        kills=$((kills + 1))
        wait $pid 2>/dev/null || true
    elif wait $pid; then
        break
    else
        cat "$work/cut.log"
        exit 1
    fi
done
echo "killed $kills times in $round rounds"

for stage in base sft reward ppo; do
    for file in model.safetensors metrics.jsonl; do
        cmp "$work/whole/tiny/$stage/$file" "$work/cut/tiny/$stage/$file"
    done
done
echo "same bytes"

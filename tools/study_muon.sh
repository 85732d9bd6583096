#!/bin/sh
# study_muon.sh - AdamW against Muon on the same model, data and tokens: held-out bits a byte at
# the end of runs whose schedule ends there (docs/experiments.md).
#
#     tools/study_muon.sh OUT TOKENIZER PRETRAIN.jsonl HELDOUT.jsonl CASE...
#
# CASE is OPTIMIZER:RATE:MATRIX_RATE:TOKENS:SEED, as adamw:4.5e-3:0:4000000:1 or
# muon:4.5e-3:2e-2:4000000:1: RATE is of what AdamW updates, MATRIX_RATE of what Muon does. OUT
# gets a model folder a case (one that is there is not trained again); the table is printed.
# Seconds are those of the run, with whatever else the machine did: compare the time of an update
# (timings.jsonl) in short runs, in turns.
set -eu
[ $# -ge 5 ] || { sed -n '2,12s/^# \{0,1\}//p' "$0" >&2; exit 2; }
out=$1 tokenizer=$2 data=$3 heldout=$4
shift 4
tame=${TAME:-build/release/tame}
mkdir -p "$out"

number() # KEY FILE: of a JSON file with a key a line
{
    sed -n 's|.*"'"$1"'": \([-0-9.e+]*\).*|\1|p' "$2"
}

for case in "$@"; do
    IFS=: read -r optimizer rate matrix tokens seed <<TEXT
$case
TEXT
    model=$out/$(echo "$case" | tr : _)
    set --
    [ "$optimizer" = adamw ] || set -- --optimizer "$optimizer" --muon-lr "$matrix"
    [ -f "$model/training.json" ] || "$tame" pretrain "$model" --data "$data" \
        --heldout-data "$heldout" --tokenizer "$tokenizer" --depth "${DEPTH:-4}" --hidden "${HIDDEN:-128}" \
        --lr "$rate" --batch-tokens "${BATCH:-2304}" --tokens "$tokens" --context "${CONTEXT:-288}" \
        --beta2 "${BETA2:-0.98}" --seed "$seed" --sample-every 0 --checkpoint-every 0 "$@"
    file=$model/training.json
    printf '%-40s %.4f bits/byte %.2fM tokens %.0f s\n' "$case" "$(number heldout/bits_per_byte "$file")" \
        "$(awk "BEGIN { print $(number tokens "$file") / 1e6 }")" "$(number seconds "$file")"
done

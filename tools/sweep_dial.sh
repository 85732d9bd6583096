#!/bin/sh
# sweep_dial.sh - which shape, rate and batch give the best base model for the same FLOPs:
# what the rule of `tame pretrain --depth` rests on (src/stages/pretrain.c, docs/experiments.md).
#
#     tools/sweep_dial.sh OUT TOKENIZER PRETRAIN.jsonl HELDOUT.jsonl FLOPS CASE...
#
# CASE is DEPTH:WIDTH:RATE:BATCH, as 4:192:3e-3:2304. OUT gets a model folder a case (one
# that is there is not trained again) and the table, which is printed: held-out bits a byte, tokens,
# FLOPs, seconds.
set -eu
[ $# -ge 6 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }
out=$1 tokenizer=$2 data=$3 heldout=$4 budget=$5
shift 5
tame=${TAME:-build/release/tame}
mkdir -p "$out"
vocab=$("$tame" info "$tokenizer" | sed -n 's|.* \([0-9]*\) tokens.*|\1|p')

# Six FLOPs a weight of a product and token: layers of 4 w^2 + 3 w m, and the head.
tokens()
{
    awk -v d="$1" -v w="$2" -v v="${vocab:-2048}" -v f="$budget" 'BEGIN {
        m = int((8 / 3 * w + 63.999) / 64) * 64
        printf "%d", f / (6 * (d * (4 * w * w + 3 * w * m) + v * w)) }'
}

number() # KEY FILE: of a JSON file with a key a line
{
    sed -n 's|.*"'"$1"'": \([-0-9.e+]*\).*|\1|p' "$2"
}

for case in "$@"; do
    IFS=: read -r depth width rate batch <<TEXT
$case
TEXT
    model=$out/$(echo "$case" | tr : _)
    [ -f "$model/training.json" ] || "$tame" pretrain "$model" --data "$data" \
        --heldout-data "$heldout" --tokenizer "$tokenizer" --depth "$depth" --hidden "$width" \
        --lr "$rate" --batch-tokens "$batch" --tokens "$(tokens "$depth" "$width")" \
        --context "${CONTEXT:-288}" --beta2 "${BETA2:-0.98}" --seed "${SEED:-1}" --eval-every 0 --sample-every 0 --checkpoint-every 0
done
for case in "$@"; do
    file=$out/$(echo "$case" | tr : _)/training.json
    echo "$case $(number heldout/bits_per_byte "$file") $(number tokens "$file")" \
        "$(number flops "$file") $(number seconds "$file")"
done | awk 'BEGIN { print "depth:width:rate:batch bits/byte tokens(M) FLOPs(e13) seconds" }
    { printf "%-22s %.4f %.2f %.2f %.0f\n", $1, $2, $3 / 1e6, $4 / 1e13, $5 }' | tee "$out/table.txt"

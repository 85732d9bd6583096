#!/bin/sh
# stories260k.sh TAME - a published checkpoint of llama2.c, imported, writes the text that
# was published with it. TAME_STORIES260K names a folder with stories260K.bin, tok512.bin
# and expected.txt (the output of llama2.c's run at temperature 0); without it the test
# is skipped.
set -eu
tame=$1
from=${TAME_STORIES260K:-}
[ -n "$from" ] || { echo "TAME_STORIES260K is not set"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$tame" import "$from/stories260K.bin" --vocab "$from/tok512.bin" --out "$work/model"
"$tame" complete "$work/model" -p "" -n 256 --temp 0 >"$work/text"
cmp "$work/text" "$from/expected.txt"
echo "the same text"

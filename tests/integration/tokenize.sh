#!/bin/sh
# tokenize.sh TAME - `tame tokenize`: any bytes come back from their ids; conversations
# become ids that read as the template says; bad input is refused with its place.
set -eu
tame=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

expect() # TEXT COMMAND...: its output, standard error too, is TEXT
{
    want=$1
    shift
    got=$("$@" 2>&1) || true
    [ "$got" = "$want" ] || { echo "$*: '$got', not '$want'"; exit 1; }
}

printf 'a cat, a hat, a cat and a hat\n%.0s' 1 2 3 4 5 6 7 8 >text.txt
"$tame" tokenizer tok --data text.txt --vocab 270 2>/dev/null

head -c 100000 "$tame" >bytes
"$tame" tokenize tok bytes >ids
"$tame" tokenize tok ids --from ids | cmp - bytes

printf 'b;;xb;' >three
expect "$(printf '65\n\n87 65')" "$tame" tokenize tok three --separator ';'
printf 'bx' >two
expect "$(printf "     65   'b'\n     87   'x'")" "$tame" tokenize tok two --show
echo '{"prompt": "b", "completion": "x"}' >chat.jsonl
"$tame" tokenize tok chat.jsonl --from messages --generation-prompt >ids
expect '<|bos|><|user|>b<|im_end|><|assistant|>x<|im_end|><|assistant|>' \
    "$tame" tokenize tok ids --from ids --specials
expect 'bx' "$tame" tokenize tok ids --from ids
echo '{"text": "b"}' >text.jsonl
expect "tame: file 'text.jsonl': line 1: the row is no conversation" \
    "$tame" tokenize tok text.jsonl --from messages
echo '65, b' >ids
expect "tame: 'b\\n' is no token id" "$tame" tokenize tok ids --from ids
echo "all as expected"

#!/bin/sh
# label.sh TAME - people at a terminal, a real pseudo-terminal: thirty prompts are ranked,
# killed in the middle and resumed, nothing is lost, and a reward model learns from them.
# shellcheck source=tests/integration/_lib.sh
. "$(dirname "$0")/_lib.sh"
[ -x "${TAME_PTY:-}" ] || { echo "TAME_PTY is not the program pty"; exit 77; }
cd "$work" || exit 1
export TERM=xterm LC_ALL=C.UTF-8
unset NO_COLOR VISUAL

# at_terminal NAME ARGS...: the program in a pseudo-terminal; the script is in `script`.
at_terminal()
{
    name=$1
    shift
    [ -e broken ] && return # one failure is enough: the others would wait in vain
    if "$TAME_PTY" "$tame" "$@" <script >out 2>err; then
        ok "$name"
    else
        fail "$name" err
        touch broken
    fi
}

labels() # KIND: how many stand
{
    "$tame" label report l.db --json | sed "s/.*\"$1\":{[^[]*\"labels\":\([0-9]*\),.*/\1/"
}

# --- a tiny model and its answers ------------------------------------------------------------
prepare()
{
    cat >r.yaml <<'YAML'
run: t
stages:
  - world: {text_bytes: 12000, heldout: 0.2, people: 4, places: 4, animals: 4, demonstrations: 40,
      prompts: 60, heldout_prompts: 2, comparisons: 4, heldout_comparisons: 2, tests: 1}
  - tokenizer: {data: $world/pretrain.jsonl, vocab: 300}
  - pretrain: {data: $world/pretrain.jsonl, heldout_data: $world/heldout.jsonl,
      tokenizer: $tokenizer, depth: 1, hidden: 16, heads: 2, context: 256,
      tokens: 4000, batch_tokens: 512, eval_every: 0, sample_every: 0}
YAML
    succeeds "a tiny model" run r.yaml
    [ "$rc" = 0 ] || finish
    world=.
    sort -u runs/t/data/world/prompts.jsonl >prompts.jsonl
    model=runs/t/base
    succeeds "answers to be ranked" label rank l.db --prompts $world/prompts.jsonl \
        --model $model --answers 2 --max-prompts 30 --max-new 12 --repeat 0 --prepare
    says "are thirty" "30 added, 0 known already" err
    succeeds "the same command" label rank l.db --prompts $world/prompts.jsonl \
        --model $model --answers 2 --max-prompts 30 --max-new 12 --repeat 0 --prepare
    says "adds nothing" "0 added, 30 known already" err
    succeeds "a report of it" label report l.db
    says "says so" "0 labels of 30 items" out
    succeeds "an export of nothing" label export l.db none.jsonl
    check "writes nothing" [ ! -e none.jsonl ]
}

# rank FROM TO: the script that ranks so many, the second answer first, with a tie now and
# then, an undo and a reason.
rank()
{
    i=$1
    while [ "$i" -lt "$2" ]; do
        echo "expect $i of 30 "
        case $((i % 10)) in
        3) echo 'send 1\r'
           echo "expect $((i + 1)) of 30 "
           echo 'send u'
           echo 'expect changing an answer'
           echo 'send \e2\r' ;;
        5) echo 'send rmuch shorter\r'
           echo 'expect reason: much shorter'
           echo 'send 2\r' ;;
        7) echo 'send 1=2\r' ;;
        *) echo 'send 2\r' ;;
        esac
        i=$((i + 1))
    done
}

ranked_and_killed()
{
    { rank 0 13; echo 'expect 13 of 30 '; echo 'send 1'; echo 'signal 9'; echo 'ends 137'; } >script
    at_terminal "thirteen are ranked, then it is killed" label rank l.db --labeler ana
    check "thirteen labels are there" [ "$(labels rank)" = 13 ]
    cp l.db after-kill.db
    cp l.db-wal after-kill.db-wal 2>/dev/null
    { rank 13 30; echo 'expect That was the last one'; echo 'send q'; echo 'ends 0'; echo restored; } >script
    at_terminal "it goes on where it was, to the end" label rank l.db --labeler ana
    check "thirty labels are there" [ "$(labels rank)" = 30 ]
    check "what was there before the kill is as it was" kept
}

kept()
{
    "$tame" label export after-kill.db before.jsonl --labelers --reasons >/dev/null &&
        "$tame" label export l.db all.jsonl --labelers --reasons >/dev/null &&
        [ "$(grep -cxFf before.jsonl all.jsonl)" = "$(wc -l <before.jsonl)" ] &&
        [ "$(wc -l <before.jsonl)" -ge 11 ]
}

# --- leaving ------------------------------------------------------------------------------------
leaves_the_terminal_as_it_was()
{
    for how in 2:0 15:0 11:139 6:134; do
        printf 'expect 0 of 30 \nsend 1\nexpect 1 > _\nsignal %s\nends %s\nrestored\n' \
            "${how%:*}" "${how#*:}" >script
        at_terminal "signal ${how%:*} leaves the terminal as it was" label rank l.db \
            --labeler ben --each 2
    done
    check "and nothing was answered" [ "$(labels rank)" = 30 ]
}

any_size()
{
    {
        echo 'expect 0 of 30 '
        for size in '40 200' '24 20' '8 30' '3 9' '1 1' '2 2' '5 500' '24 80'; do
            echo "size $size"
        done
        echo 'expect 0 of 30 '
        echo 'send ?'
        echo 'expect any key goes back'
        echo 'send x'
        echo 'expect best first'
        echo 'send j'
        echo 'send q'
        echo 'ends 0'
        echo restored
    } >script
    at_terminal "any size of the terminal" label rank l.db --labeler ben --each 2
}

# --- the other ways --------------------------------------------------------------------------------
written()
{
    cat >editor <<'SH'
#!/bin/sh
printf 'edited: %s\n' "$(cat "$1")" >"$1.new"
cat "$1.new" >"$1"
rm "$1.new"
SH
    chmod +x editor
    EDITOR=$work/editor
    export EDITOR
    cat >script <<'TEXT'
expect 0 of 2
send i
expect your answer
send A line\nand another\r
expect Enter done
send \r
expect 1 of 2
send itext\r
expect Enter done
send e
expect edited: text
send \r
expect That was the last one
send q
ends 0
restored
TEXT
    cp script whole
    printf 'expect 0 of 2\nsend ihalf an ans\nexpect half an ans\nsignal 2\nends 0\nrestored\n' >script
    at_terminal "someone stops while writing" label write l.db --prompts $world/prompts.jsonl \
        --max-prompts 2 --repeat 0 --labeler ana
    printf 'expect 0 of 2\nexpect half an ans\nsend \\e\nexpect nothing yet\nsend q\nends 0\n' >script
    at_terminal "and finds it again" label write l.db --labeler ana
    cp whole script
    at_terminal "demonstrations are written, here and in an editor" label write l.db \
        --prompts $world/prompts.jsonl --max-prompts 2 --repeat 0 --labeler ana
    succeeds "they are exported" label export l.db d.jsonl --what demonstrations
    says "a text of two lines" 'A line\nand another' d.jsonl
    says "an edited one" '"edited: text"' d.jsonl
    printf '{"prompt":"p","completions":["a","b"]}\n' >given.jsonl
    printf 'expect 0 of 2\nsend g\nexpect 1 of 2\nsend b\nexpect the last one\nsend q\nends 0\nrestored\n' >script
    at_terminal "answers of a file are rated" label rate l.db --data given.jsonl --repeat 0 \
        --labeler ana
    succeeds "they are exported" label export l.db rated.jsonl --what rated
    check "one good, one bad" [ "$(grep -c '"label":true' rated.jsonl)$(grep -c '"label":false' rated.jsonl)" = 11 ]
}

# --- what they are for -------------------------------------------------------------------------------
trained()
{
    succeeds "the comparisons are exported" label export l.db comparisons.jsonl
    says "those that tie are left out" "27 rows in 'comparisons.jsonl'; 3 without an order" out
    check "no name is in them" [ "$(grep -c -e ana -e labeler comparisons.jsonl)" = "$(grep -c '"content":"[^"]*ana' comparisons.jsonl)" ]
    succeeds "they train a reward model" reward rm --model $model --data comparisons.jsonl \
        --batch-prompts 4
    check "which is there" [ -s rm/model.safetensors ]
    succeeds "demonstrations train, too" sft s --model $model --data d.jsonl --epochs 1 --heldout 0
}

# --- mistakes -----------------------------------------------------------------------------------------
mistakes()
{
    fails "no terminal" 1 "labelling needs a terminal" label rank l.db
    succeeds "an empty store" label import e.db rated.jsonl
    fails "nothing to rank" 2 "there is nothing to rank in 'e.db' yet" label rank e.db --prepare
    fails "no store" 1 "there is no store of labels 'no.db'" label report no.db
    fails "a store that is none" 1 "file is not a database" label report given.jsonl
    fails "answers without prompts" 2 "give --prompts" label rank n.db --model $model --prepare
    fails "prompts without answers" 2 "to rank takes answers" label rank n.db \
        --prompts $world/prompts.jsonl --prepare
    fails "a model that is missing" 1 "nowhere" label rank n.db --model nowhere \
        --prompts $world/prompts.jsonl --prepare
    fails "one answer to rank" 1 "line 1: 1 answers, and to rank takes 2" label rank n.db \
        --data one.jsonl --prepare
    fails "a way that is none" 2 "did you mean 'rank'?" label rnak l.db
    fails "no file to export to" 2 "export needs a file" label export l.db
    check "no mistake has made a store" [ ! -e no.db ]
}

prepare
ranked_and_killed
leaves_the_terminal_as_it_was
any_size
written
trained
printf '{"prompt":"p","completions":["a"]}\n' >one.jsonl
mistakes
finish

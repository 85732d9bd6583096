#!/bin/sh
# cli.sh TAME - the program as its users meet it: help, examples, mistakes, exit statuses,
# pipes, bad files. Nothing is trained but one tiny model, and nothing may be lost.
# shellcheck source=tests/integration/_lib.sh
. "$(dirname "$0")/_lib.sh"
root=$(cd "$here/../.." && pwd)
cd "$work" || exit 1
all="run world tokenizer pretrain sft rank bestof reward dpo kto ppo rloo grpo study chat ask logs complete eval label judge info tokenize import merge"

# --- help and examples --------------------------------------------------------------------
help_is_there()
{
    succeeds "--help lists the commands" --help
    cp out help
    for c in $all; do
        says "--help names $c" "  $c " help
    done
    for v in TAME_THREADS TAME_COMPUTE TAME_INSTRUCTIONS; do
        says "--help names $v" "  $v " help
    done
    for c in $(sed -n 's/^  \([a-z]*\)  .*/\1/p' help); do
        succeeds "$c --help" "$c" --help
        says "$c --help shows its usage" "usage: tame $c" out
        says "$c --help shows an example" "  tame $c " out
        sed -n '/^examples:/,$s/^  tame /tame /p' out >>examples
    done
    sed -n '/^examples:/,$s/^  tame /tame /p' help | sed 's/   .*//' >>examples
    succeeds "--version" --version
    run
    check "without a command: help and status 2" [ "$rc" = 2 ]
}

readme_examples()
{
    [ -f "$root/README.md" ] || return 0
    sed -n '/^```sh/,/^```/s/^\$tame /tame /p' "$root/README.md" |
        sed 's/   *#.*//' >>examples
}

# An example parses when it fails at the first file it needs: status 1, not 2; those of `tame
# tool` may need none. A plain file where each result would go keeps the stages from
# beginning.
examples_parse()
{
    mkdir parse
    (cd parse && echo no index >docs.db && cp docs.db facts.db && cp docs.db notes.db && touch data tok base sft reward dpo ipo kto ppo rloo grpo dr dapo best comparisons questions.txt runs)
    sort -u examples | while IFS= read -r line; do
        if (cd parse && tame() { "$tame" "$@"; } && eval "$line") >out 2>err </dev/null; then
            rc=0
        else
            rc=$?
        fi
        case $line in "tame tool "*) [ "$rc" != 0 ] || rc=1 ;; esac
        if [ "$rc" = 1 ] && sane; then
            echo "ok    parses: $line"
        else
            echo "FAIL  parses: $line (status $rc): $(head -n 1 err)"
        fi
    done >parsed
    cat parsed
    checks=$((checks + $(grep -c . parsed)))
    failures=$((failures + $(grep -c ^FAIL parsed)))
    check "there are at least 20 examples" [ "$(sort -u examples | wc -l)" -ge 20 ]
}

recipes_parse()
{
    for recipe in "$root"/recipes/*.yaml "$here/_tiny.yaml"; do
        succeeds "recipe $(basename "$recipe") parses" run "$recipe" --check
    done
    check "--check makes nothing" [ ! -e runs ]
}

# --- mistakes ---------------------------------------------------------------------------------
usage_mistakes()
{
    fails "a mistyped command" 2 "no command 'pretrian'; did you mean 'pretrain'?" pretrian
    fails "a command like no other" 2 "no command 'elephant'; \`tame --help\` lists them" \
        elephant
    fails "a mistyped option" 2 "unknown flag '--dpeth'; did you mean '--depth'?" \
        pretrain x --dpeth 4
    fails "an option like no other" 2 "unknown flag '--elephant'" pretrain x --elephant 4
    fails "a shared option's typo" 2 "did you mean '--warmup'?" sft x --warmpu 4
    fails "a value out of range" 2 "option 'depth': 0 is not in the range 1 to 512" \
        pretrain x --depth 0
    fails "a value that is no number" 2 "option 'depth': 'deep' is not a whole number" \
        pretrain x --depth deep
    fails "an unknown choice" 2 "'cosin' is not one of 'auto', 'cosine', 'linear', 'constant'" \
        pretrain x --schedule cosin
    fails "a missing value" 2 "flag '--depth' needs a value" pretrain x --depth
    fails "a missing word" 2 "usage: tame pretrain OUT [options]" pretrain
    fails "a word too many" 2 "unexpected argument 'y'" pretrain x y
    fails "eval of nothing known" 2 "did you mean 'skills'?" eval skils m
    fails "import without its options" 2 "give both --vocab and --out" import x.bin
    check "no mistake has made a folder" [ ! -e x ]
    for file in 1 "" "no such.yaml"; do
        fails "a recipe '$file' that is not there" 1 "cannot open '$file'" run "$file"
    done
    fails "info of nothing" 1 "'nothing' does not exist" info nothing
    fails "chat with nothing" 1 "no model folder 'nothing'" chat nothing
    mkdir odd
    fails "info of a folder of other things" 1 "'odd' is no folder of a run" info odd
    fails "info of another file" 1 "info describes folders and shards of tokens" info help
    fails "chat with a folder of other things" 1 "'odd' is no model folder" chat odd
    mkdir odd/checkpoints
    fails "chat with a stage that was cut" 1 "'odd' is not finished" chat odd
    rm -r odd
    export TAME_THREADS=many
    fails "TAME_THREADS is no number" 2 \
        "TAME_THREADS is 'many', not a number from 0 (all) to 1024" complete "$work"
    export TAME_THREADS=1 TAME_COMPUTE=f64
    fails "TAME_COMPUTE is no type" 2 "TAME_COMPUTE is 'f64', not auto, f32 or bf16" \
        complete "$work"
    unset TAME_COMPUTE
    export TAME_INSTRUCTIONS=mmx
    fails "TAME_INSTRUCTIONS is no set" 2 \
        "TAME_INSTRUCTIONS: no set of instructions is called 'mmx'" complete "$work"
    unset TAME_INSTRUCTIONS
}

recipe() # LINES: writes r.yaml
{
    printf '%s\n' "$@" >r.yaml
}

recipe_typos()
{
    recipe 'run: a' 'stage:' '  - world: {}'
    fails "recipe: a mistyped key" 2 \
        "recipe 'r.yaml': unknown key 'stage'; did you mean 'stages'?" run r.yaml
    recipe 'run: a' 'stages:' '  - pretrian: {}'
    fails "recipe: a mistyped stage" 2 "no stage 'pretrian'; did you mean 'pretrain'?" \
        run r.yaml
    recipe 'run: a' 'stages:' '  - pretrain: {dpeth: 3}'
    fails "recipe: a mistyped option" 2 \
        "stage 'base': unknown option 'dpeth'; did you mean 'depth'?" run r.yaml
    recipe 'run: a' 'stages:' '  - world: {}' '  - tokenizer: {data: $wrold/x}'
    fails "recipe: a mistyped name" 2 "data: '\$wrold' names no earlier stage; did you mean \
'\$world'?" run r.yaml
    recipe 'run: a' 'stages:' '  - world: {' '  - sft: {}'
    fails "recipe: no YAML" 1 "recipe 'r.yaml': line " run r.yaml
    recipe 'run: ../a' 'stages:' '  - world: {}'
    fails "recipe: a name that leaves the folder" 2 "\`run\` is not a word" run r.yaml
    check "no mistaken recipe has made a folder" [ ! -e runs ]
}

# --- one tiny model, from a recipe --------------------------------------------------------------
tiny_model()
{
    recipe 'run: t' 'stages:' \
        '  - world: {text_bytes: 12000, heldout: 0.2, people: 4, places: 4, animals: 4, demonstrations: 6,' \
        '      prompts: 6, heldout_prompts: 2, comparisons: 4, heldout_comparisons: 2, tests: 1}' \
        '  - tokenizer: {data: $world/pretrain.jsonl, vocab: 300}' \
        '  - pretrain: {data: $world/pretrain.jsonl, heldout_data: $world/heldout.jsonl,' \
        '      tokenizer: $tokenizer, depth: 1, hidden: 16, heads: 2, context: 128,' \
        '      tokens: 4000, batch_tokens: 512, eval_every: 0, sample_every: 0}'
    succeeds "a recipe runs" run r.yaml
    [ "$rc" = 0 ] || finish
    world=runs/t/data/world
    says "its end shows the ledger" "report: runs/t/report.html" out
    check "its end leaves a report" [ -s runs/t/report.html ]
    snapshot runs/t >whole
    succeeds "the same recipe again" run r.yaml
    check "says finished for each stage" [ "$(grep -c 'finished already' err)" = 3 ]
    grep -v report.html <whole >kept
    snapshot runs/t | grep -v report.html >now
    check "and changes no file" cmp -s kept now
    sed 's/vocab: 300/vocab: 310/' r.yaml >changed.yaml
    fails "a finished stage with other options" 2 \
        "stage 'tokenizer' was finished with vocab = 300, but the recipe now says 310" \
        run changed.yaml
    unchanged "which changes nothing" runs/t whole
    succeeds "info of the run" info runs/t
    says "has its stages" "tokenizer" out
    fails "chat with a run" 1 "'runs/t' is the folder of a run, not of a model" chat runs/t
    succeeds "info of the model" info runs/t/base
    says "has its shape" "1 of width 16" out
    succeeds "info of a tokenizer" info runs/t/tokenizer
    succeeds "a finished stage as a command" pretrain runs/t/base --data x --tokenizer y
    says "says finished" "is finished already" err
}

# --- an adapter over it -------------------------------------------------------------------------
adapters()
{
    b=runs/t/base
    fails "a projection that there is not" 2 "did you mean 'gate_proj'?" sft lora \
        --model $b --data $world/demonstrations.jsonl --lora-rank 2 --lora-targets gate_prj
    snapshot $b >before
    succeeds "fine-tuning of an adapter" sft lora --model $b \
        --data $world/demonstrations.jsonl --overlong drop --epochs 3 --lora-rank 4
    says "says how much is trained" "parameters are trained: an adapter of rank 4" err
    unchanged "leaves the base as it is" $b before
    check "writes no weights of the base" [ ! -e lora/model.safetensors ]
    succeeds "info of an adapter" info lora
    says "has its rank" "rank 4, alpha 8, of q_proj," out
    says "and its base" "base        runs/t/base" out
    succeeds "complete with an adapter" complete lora -p "Once" -n 8 --temp 0
    cp out unmerged
    succeeds "chat with an adapter" chat lora -p "Hello" -n 4
    succeeds "eval of an adapter" eval bits lora --world $world
    succeeds "merge" merge lora merged
    says "says it is ready" "'merged' is ready" err
    succeeds "complete with what was merged" complete merged -p "Once" -n 8 --temp 0
    check "gives the same text" cmp -s out unmerged
    fails "merge over a model" 1 "'merged' holds a model already" merge lora merged
    fails "merge of no adapter" 1 "'merged' is no adapter folder" merge merged again
    mv $b elsewhere
    fails "an adapter without its base" 1 "and no model is there; put it back" \
        complete lora -p "Once" -n 2
    succeeds "info of an adapter without its base" info lora
    mv elsewhere $b
}

# --- talking through pipes ----------------------------------------------------------------------
piped() # NAME INPUT ARGS...
{
    name=$1 input=$2
    shift 2
    # shellcheck disable=SC2059 # the input has escapes
    printf "$input" | "$tame" "$@" >out 2>err
    rc=$?
    if [ "$rc" = 0 ] && sane; then ok "$name"; else fail "$name (status $rc)" err; fi
}

# Answers that must look like something, of a model that would say anything else.
constraints()
{
    m=runs/t/base
    printf '{"type":"object","properties":{"name":{"type":"string","maxLength":8},"n":{"type":"integer","minimum":1,"maximum":3}},"required":["name","n"]}' >schema.json
    printf 'root ::= ("ab" | "cd"){2} "."\n' >grammar.gbnf
    printf '{{prompt}} has {{gen "n" regex="[0-9]{1,3}"}} cats.\nGood? {{select "good" yes | no}}\n' >form.txt
    succeeds "choices" complete $m -p "It is " --choices "red|green" -v
    check "are kept to" grep -qxE 'It is (red|green)' out
    says "and what they cost is told" "of the probability the constraint left" err
    succeeds "choices without echo" complete $m -p "It is " --choices "red|green" --no-echo
    check "are alone" grep -qxE 'red|green' out
    succeeds "a pattern in a chat" chat $m -p Hello --regex '[a-f]{3}-[0-9]+!' -n 12 --temp 1
    check "is matched, in the room there is" grep -qxE '[a-f]{3}-[0-9]+!' out
    succeeds "a schema" chat $m -p Hello --schema schema.json --temp 1
    check "is followed" grep -qE '^\{"name": ?"([^"\\]|\\.)*", ?"n": ?[123]\}$' out
    succeeds "a grammar" complete $m --grammar grammar.gbnf -p "" --temp 1
    check "is followed" grep -qxE '(ab|cd){2}\.' out
    succeeds "a template" complete $m -p Kora --template form.txt --json --temp 1
    check "is filled, and its blanks are told" grep -qE \
        '"text":"Kora has [0-9]{1,3} cats.\\nGood\? (yes|no)","blanks":\{"n":"[0-9]{1,3}","good":"(yes|no)"\},"complete":true' out
    succeeds "thoughts first" chat $m -p Hello --choices "red|green" --think-first -n 30 --temp 1
    check "leave the answer alone on stdout" grep -qxE 'red|green' out
    fails "no room for the shortest" 1 "the answer is cut: 2 tokens" \
        chat $m -p Hello --schema schema.json -n 2
    fails "two constraints" 2 "only one of --choices, --regex" chat $m -p a --regex b --choices c
    fails "a constraint without a question" 2 "only with -p" chat $m --regex b
    fails "a pattern that is none" 1 "--regex: line 1, column 2: '(' is not closed" \
        chat $m -p a --regex 'a('
    fails "a schema that is none" 1 "'grammar.gbnf': line 1, column " \
        chat $m -p a --schema grammar.gbnf
    fails "a grammar that is not there" 1 "no.gbnf" chat $m -p a --grammar no.gbnf
}

pipes()
{
    m=runs/t/base
    succeeds "complete" complete $m -p "Once" -n 8 --temp 0
    check "begins with its prompt" grep -q '^Once' out
    cp out first
    succeeds "complete again" complete $m -p "Once" -n 8 --temp 0
    check "gives the same text" cmp -s first out
    succeeds "complete from nothing" complete $m -n 4
    succeeds "complete without echo" complete $m -p "Once" -n 8 --temp 0 --no-echo
    check "leaves the prompt out" [ "$(wc -c <out)" -eq "$(($(wc -c <first) - 4))" ]
    succeeds "chat once" chat $m -p "Hello" -n 4 --temp 0
    piped "chat through a pipe" 'Hello\nAnd?\n' chat $m -n 4 --temp 0
    check "gives an answer to each line" [ "$(wc -l <out)" -ge 2 ]
    piped "chat without a last newline" 'Hello' chat $m -n 4
    piped "chat with an empty pipe" '' chat $m -n 4
    piped "chat's commands in a pipe" '/help\n/reset\n/base Once\n/exit\nnever' chat $m -n 4
    says "are obeyed" "/regenerate" out
    printf 'Hello\n/hlep\n' | "$tame" chat $m -n 4 >out 2>err
    rc=$?
    check "an unknown chat command in a pipe has status 2" [ "$rc" = 2 ]
    says "and suggests the nearest" "no command '/hlep'; did you mean '/help'?" err
    "$tame" complete $m -p "Once" -n 8 2>err >/dev/full
    check "a full standard output is no success" [ $? = 1 ]
    for words in --help --version "chat --help"; do
        # shellcheck disable=SC2086 # the words of a command
        "$tame" $words 2>err >/dev/full
        check "a full standard output is no success of $words" [ $? = 1 ]
    done
    "$tame" chat $m -n 4 >out 2>err <"$work"
    check "a standard input that cannot be read is no end of input" [ $? = 1 ]
    head -c 2000 /dev/zero | "$tame" chat $m -n 4 >out 2>err
    check "zero bytes are text like other" [ $? = 1 ]
    says "and may be too long" "2004 tokens and the context holds 128" err
    printf '1 \0 2' | "$tame" tokenize $m --from ids >out 2>err
    check "a zero byte between ids is no end of input" [ $? = 1 ]
    yes 'a b c d e f' | head -c 4000 | tr '\n' ' ' >long
    fails "a prompt longer than the context" 1 "tokens, the limit is 128" complete $m -p "$(cat long)"
    fails "a turn longer than the context" 1 "context" chat $m -p "$(cat long)"
    succeeds "ask" ask $m "Who is here?" -n 4 --temp 0 -u
    says "tells the cost" " tokens read, " err
    piped "ask with text from a pipe" 'some text\n' ask $m "What is this?" -n 4 --json \
        --trace trace.jsonl
    says "prints JSON" '"think":"direct","answer":' out
    says "traces the prompt as the model reads it" \
        '"<|bos|><|user|>What is this?\n\nsome text<|im_end|><|assistant|>"' trace.jsonl
    succeeds "ask as a document" ask $m "Who?" -n 2 --as-document --trace trace.jsonl
    says "asks on a page" '"<|bos|>Question: Who?\nAnswer:"' trace.jsonl
    succeeds "ask on a budget" ask $m "Who?" --tokens 3 --json
    says "keeps to it" '"cut":true' out
    fails "ask without a question" 2 "no question" ask $m
    fails "ask in an unknown way" 2 "no strategy 'dirct'; did you mean 'direct'?" \
        ask $m "Who?" --think dirct
    fails "a question longer than the context" 1 "the context of '$m' holds 128" \
        ask $m "$(cat long)"
    fails "a trace that cannot be written" 1 "no/such/trace" ask $m Who -n 2 \
        --trace no/such/trace
    succeeds "the ways to think" ask --think help
    says "are listed" "  consistency[:samples]" out
    succeeds "chains and a vote" ask $m "Who?" -n 4 --think cot+consistency:3 -v \
        --vote-stop 1
    says "show their tree" "└─ cot" err
    succeeds "tools" ask $m "Who?" -n 4 --think tools --tool calculator,sort
    fails "a tool that there is not" 2 "no built-in tool 'hammer'" ask $m Who \
        --think tools --tool hammer
    succeeds "the best by a rule" ask $m "Who?" -n 4 --think best-of:3 \
        --judge '[{length: penalty, tokens: 4}]' --json
    says "says how many" "the best of 3" out
    fails "the best by nothing" 2 "best-of needs --judge" ask $m Who --think best-of
    fails "examples that there are not" 2 "few-shot needs --examples" ask $m Who \
        --think few-shot
    printf '{"question": "Who is Mira?", "answer": "A cook."}\n' >examples.jsonl
    succeeds "examples" ask $m "Who?" -n 2 --think few-shot:1 --examples examples.jsonl \
        --trace trace.jsonl
    says "stand before the question" 'Who is Mira?<|im_end|><|assistant|>A cook.<|im_end|>' \
        trace.jsonl
    succeeds "a choice" ask $m "Who?" --think choose --extract choice:yes,no --calibrate
    succeeds "a tree" ask $m "Who?" -n 3 --think tree:2 --tree-depth 2 --seed 3
    succeeds "eval bits" eval bits $m --world $world --documents 2 --json
    says "prints numbers" '"bits_per_byte"' out
    succeeds "eval skills, its own options" eval skills $m --world $world --max-new 2 \
        --limit 1 --write answers.jsonl
    check "writes the answers" [ -s answers.jsonl ]
    succeeds "eval gold of two, its own options" eval gold $m $m --world $world --max-new 2 \
        --limit 2 --answers 2 --json
    says "compares them" '"win_rate":0.5,' out
    succeeds "eval entropy of two, its own options" eval entropy $m $m --world $world \
        --max-new 4 --limit 2 --answers 3 --json
    says "prints the meter" '"self_bleu":' out
    fails "eval without its world" 2 "give --world" eval skills $m
    fails "eval without data" 2 "give --world FOLDER or --data FILE" eval bits $m
    succeeds "eval takes the world's file too" eval skills $m --world $world/world.json \
        --max-new 2 --limit 1
    says "and names each skill as it goes" "$m: calculator: 1 answers" err
    succeeds "chat takes the world's folder too" chat $m --gold $world -p Hello -n 4
    says "and shows its judge's score" "[gold " err
    fails "rank takes the world's folder too" 1 "the judge sees no difference" rank ranked \
        --model $m --prompts $world/prompts.jsonl --world $world --answers 2 --max-new 2
}

# --- damaged models -------------------------------------------------------------------------------
copy_model() # makes m afresh
{
    rm -rf m
    mkdir m
    cp runs/t/base/*.json runs/t/base/model.safetensors m
}

refused_model() # NAME TEXT: m is refused by those who load models, and left as it is
{
    snapshot m >before
    fails "$1" 1 "$2" complete m -p a -n 2
    fails "$1: as a base for sft" 1 "$2" sft s --model m --data $world/demonstrations.jsonl
    unchanged "$1: is left as it is" m before
    rm -rf s
}

damaged_models()
{
    copy_model
    succeeds "the copied model is whole" complete m -p a -n 2
    rm m/model.safetensors
    refused_model "weights that are missing" "model.safetensors"
    copy_model
    head -c 3000 runs/t/base/model.safetensors >m/model.safetensors
    refused_model "weights that are cut" "model.safetensors"
    : >m/model.safetensors
    refused_model "weights that are empty" "model.safetensors"
    head -c 5000 /dev/urandom >m/model.safetensors
    refused_model "weights that are garbage" "model.safetensors"
    copy_model
    sed 's/"hidden_size": 16/"hidden_size": 32/' runs/t/base/config.json >m/config.json
    refused_model "a width that the weights do not have" "model.embed_tokens.weight"
    sed 's/"num_hidden_layers": 1/"num_hidden_layers": 2/' runs/t/base/config.json \
        >m/config.json
    refused_model "a layer that the weights do not have" "model.layers.1."
    sed 's/"hidden_size": 16/"hidden_size": -16/' runs/t/base/config.json >m/config.json
    refused_model "a negative width" "hidden_size"
    sed 's/"vocab_size": 300/"vocab_size": 2000000000/' runs/t/base/config.json \
        >m/config.json
    refused_model "a vocabulary beyond all memory" "vocab"
    echo '{' >m/config.json
    refused_model "a config.json that is cut" "config.json"
    rm m/config.json
    refused_model "a missing config.json" "config.json"
    copy_model
    rm m/tokenizer.json
    refused_model "a missing tokenizer" "tokenizer.json"
    head -c 2000 runs/t/base/tokenizer.json >m/tokenizer.json
    refused_model "a tokenizer that is cut" "tokenizer in 'm': line "
    succeeds "a larger vocabulary" tokenizer big --data $world/pretrain.jsonl --vocab 340
    says "reports its merges" "tokenizer: 75 merges in" err
    cp big/tokenizer*.json m
    refused_model "a tokenizer of another size" "the tokenizer has 340 tokens, the model only 300"
}

# --- bad data -----------------------------------------------------------------------------------
bad_data()
{
    t=runs/t/tokenizer
    small="--depth 1 --hidden 16 --heads 2 --context 64 --tokens 2000 --batch-tokens 256"
    : >empty.jsonl
    printf '{"text": "a"}\n{"text": "\377\376"}\n' >notutf8.jsonl
    printf '{"text": "a"}\n\n{"text": \n' >cut.jsonl
    printf '{"text": "a"}\n[1, 2]\n' >array.jsonl
    mkdir folder
    for c in "tokenizer o" "pretrain o --tokenizer $t $small"; do
        stage=${c%% *}
        # shellcheck disable=SC2086 # the words of a command
        {
            fails "$stage: no data" 2 "data" $c
            fails "$stage: data that are missing" 1 "none.jsonl" $c --data none.jsonl
            fails "$stage: data that match nothing" 1 "none*.txt" $c --data 'none*.txt'
            fails "$stage: data that are empty" 1 "empty.jsonl" $c --data empty.jsonl
            fails "$stage: data not UTF-8" 1 "line 2" $c --data notutf8.jsonl
            fails "$stage: data that are cut" 1 "line 3" $c --data cut.jsonl
            fails "$stage: a row that is no object" 1 "line 2" $c --data array.jsonl
            fails "$stage: a folder for data" 1 "folder" $c --data folder
        }
    done
    # shellcheck disable=SC2086
    fails "pretrain: data of another kind" 1 "line 1" pretrain o --tokenizer $t $small \
        --data $world/comparisons.jsonl
    fails "more vocabulary than the data have" 1 "99999" tokenizer o --vocab 99999 \
        --data $world/prompts.jsonl
    fails "no tokenizer" 2 "tokenizer" pretrain o --data $world/pretrain.jsonl
    fails "a tokenizer that is missing" 1 "nowhere" pretrain o --tokenizer nowhere \
        --data $world/pretrain.jsonl
    check "no bad data have left a result" [ ! -e o/config.json ] && [ ! -e o/stage.json ]
    printf 'a book of words and words' >book.txt
    succeeds "a mixture that repeats a book" tokenizer mixed --vocab 266 \
        --data "$world/pretrain.jsonl:1,book.txt:9"
    says "is told so" "times over in the mixture: weights are shares of the documents" err
    m=runs/t/base
    fails "sft: documents for demonstrations" 1 "line 1" sft s --model $m \
        --data $world/pretrain.jsonl
    fails "sft: comparisons for demonstrations" 1 "line 1" sft s --model $m \
        --data $world/comparisons.jsonl
    printf '{"messages": [{"role": "user", "content": "a"}]}\n' >unanswered.jsonl
    fails "sft: a question without an answer" 1 "line 1" sft s --model $m \
        --data unanswered.jsonl
    printf '{"prompt": "a", "completion": "%s"}\n' "$(cat long)" >long.jsonl
    fails "sft: a conversation longer than the context" 1 "the context 128" sft s --model $m \
        --data long.jsonl --overlong refuse
    fails "reward: demonstrations for comparisons" 1 "line 1" reward s --model $m \
        --data $world/demonstrations.jsonl
    fails "rank: a world that is missing" 1 "cannot open 'none.json'" rank s --model $m \
        --prompts $world/prompts.jsonl --world none.json
    fails "ppo: a model that is no reward model" 2 "is no reward model" ppo s --model $m --reward $m \
        --prompts $world/prompts.jsonl
    check "no bad data have left a model" [ ! -e s/config.json ]
}

# --- llama2.c's files -------------------------------------------------------------------------------
llama2c() # a model of zeros with 260 tokens: zeros.bin and tok260.bin
{
    printf '\2\0\0\0\2\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\4\1\0\0\10\0\0\0' >zeros.bin
    head -c 2280 /dev/zero >>zeros.bin
    {
        printf '\7\0\0\0'
        printf '\0\0\0\0\5\0\0\0<unk>\0\0\0\0\5\0\0\0\n<s>\n\0\0\0\0\6\0\0\0\n</s>\n'
        i=0
        while [ $i -lt 256 ]; do
            printf '\0\0\0\0\6\0\0\0<0x%02X>' $i
            i=$((i + 1))
        done
        printf '\0\0\0\0\1\0\0\0 '
    } >tok260.bin
}

imports()
{
    llama2c
    succeeds "import" import zeros.bin --vocab tok260.bin --out imported
    succeeds "what is imported writes" complete imported -p a -n 2
    snapshot imported >before
    fails "import over a model" 1 "'imported' holds a model already" import zeros.bin \
        --vocab tok260.bin --out imported
    unchanged "leaves it as it is" imported before
    mkdir half
    mkdir half/tokenizer.json
    fails "import that cannot write its tokenizer" 1 "half/tokenizer.json" import zeros.bin \
        --vocab tok260.bin --out half
    check "leaves no half a model" [ ! -e half/config.json ]
}

# --- folders that cannot be written ------------------------------------------------------------------
bad_folders()
{
    touch file
    fails "a folder below a file" 1 "file" world file/w
    fails "runs below a file" 1 "file" run r.yaml --runs file
    if [ "$(id -u)" = 0 ]; then
        skip "a folder without the right to write" "root may write anywhere"
    else
        mkdir locked
        chmod 555 locked
        fails "a folder without the right to write" 1 "locked" world locked/w
    fi
    full_disk
}

full_disk()
{
    mkdir full
    if ! mount -t tmpfs -o size=200k tmpfs full 2>/dev/null; then
        skip "a full disk" "no right to mount"
        return
    fi
    mkdir full/o
    cp runs/t/tokenizer/* full/o
    rm -f full/o/stage.json
    fails "a disk that fills while data are made" 1 "No space left on device" \
        world full/w --text-bytes 400000
    rm -rf full/w
    fails "a disk that fills while training" 1 "No space left on device" pretrain full/base \
        --data $world/pretrain.jsonl --tokenizer full/o --depth 1 --hidden 64 --heads 2 \
        --context 64 --tokens 2000 --batch-tokens 512 --eval-every 0 --sample-every 0
    check "leaves no half a model" [ ! -e full/base/config.json ]
    umount full
}

# --- two at once, and Ctrl-C --------------------------------------------------------------------------
train() # OUT: enough updates to be interrupted
{
    echo "pretrain $1 --data $world/pretrain.jsonl --heldout-data $world/heldout.jsonl \
--tokenizer runs/t/tokenizer --depth 1 --hidden 16 --heads 2 --context 64 --tokens 500000 \
--batch-tokens 128 --eval-every 0 --sample-every 0 --checkpoint-every 1000000"
}

has_lines() # FILE N
{
    [ -f "$1" ] && [ "$(wc -l <"$1")" -ge "$2" ]
}

interrupted()
{
    start log world vast --text-bytes 3000000000
    check "a world begins" until_true 60 test -d vast
    kill -INT "$pid"
    wait "$pid"
    rc=$?
    check "Ctrl-C ends it with status 130" [ "$rc" = 130 ]
    check "and leaves none of its text" [ ! -e vast/pretrain.jsonl ]
    rm -rf vast
    # shellcheck disable=SC2046 # the words of a command
    start log $(train cut)
    check "training begins" until_true 120 has_lines cut/metrics.jsonl 3
    # shellcheck disable=SC2046
    fails "a second process on a folder" 1 "'cut' is in use by process $pid" $(train cut)
    recipe 'run: two' 'stages:' "  - pretrain: {name: cut, data: $world/pretrain.jsonl," \
        '      tokenizer: runs/t/tokenizer, depth: 1, hidden: 16, heads: 2, context: 64}'
    mkdir runs/two
    ln -s "$work/cut" runs/two/cut
    fails "a recipe with a stage that its own command trains" 1 \
        "stage 'cut': 'runs/two/cut' is in use by process $pid" run r.yaml
    kill -INT "$pid"
    wait "$pid"
    rc=$?
    check "Ctrl-C ends with status 130" [ "$rc" = 130 ]
    says "says what was saved" "a checkpoint was saved, and the same command goes on" log
    check "and leaves a checkpoint" ls cut/checkpoints/step-* >/dev/null
    # shellcheck disable=SC2046
    succeeds "the same command goes on" $(train cut)
    says "where it stopped" "resumed at step" err
    # shellcheck disable=SC2046
    succeeds "never stopped" $(train never)
    check "stopped or not: the same weights" cmp cut/model.safetensors \
        never/model.safetensors
    check "stopped or not: the same metrics" cmp cut/metrics.jsonl never/metrics.jsonl
    if grep -q 'lines are missing' "$work"/err log; then
        fail "a first start warns of nothing" err log
    else
        ok "a first start warns of nothing"
    fi
}

help_is_there
readme_examples
examples_parse
recipes_parse
usage_mistakes
recipe_typos
tiny_model
adapters
pipes
constraints
damaged_models
bad_data
imports
bad_folders
interrupted
# --- malformed rows, and what a document is --------------------------------------------
for i in 1 2 3; do
    printf '{"text":"a cat sat on the mat"}\n{"text": bad\n{"text":"the dog ran away"}\n'
done >"$work/bad.jsonl"
fails "a malformed row stops" 1 "bad.jsonl': line 2: " \
    tokenizer "$work/bad0" --data "$work/bad.jsonl" --vocab 270
fails "more malformed rows than allowed" 1 "more than 2 malformed rows" \
    tokenizer "$work/bad2" --data "$work/bad.jsonl" --vocab 270 --max-bad-rows 2
run tokenizer "$work/bad3" --data "$work/bad.jsonl" --vocab 270 --max-bad-rows 3
if [ "$rc" = 0 ] && grep -q "line 5: .*: skipped" "$work/err"; then
    ok "as many malformed rows as allowed are skipped, each with file and line"
else
    fail "as many malformed rows as allowed are skipped" "$work/err"
fi
printf 'one paragraph\n\nanother one\n\na third\n' >"$work/book.txt"
run pretrain "$work/book" --data "$work/book.txt" --tokenizer "$work/bad3" --depth 1 \
    --hidden 32 --heads 1 --context 32 --tokens 500 --text-split blank --heldout 0.4
if [ "$rc" = 0 ] && grep -q "documents, .*; [12] documents held out" "$work/err"; then
    ok "paragraphs of a text file can be its documents"
else
    fail "paragraphs of a text file can be its documents" "$work/err"
fi
finish

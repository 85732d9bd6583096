#!/bin/sh
# tool.sh TAME - tools by hand: built-in ones, a manifest's, a server's; what is asked.
# shellcheck source=tests/integration/_lib.sh
. "$(dirname "$0")/_lib.sh"
cd "$work" || exit 1

gives() # NAME OUTPUT ARGS...: exactly
{
    name=$1
    printf '%s\n' "$2" >expected
    shift 2
    run "$@"
    if [ "$rc" = 0 ] && sane && cmp -s expected out; then ok "$name"; else fail "$name" out err; fi
}

refuses() # NAME TEXT ARGS...: status 1 and this line on stderr
{
    name=$1
    printf '%s\n' "$2" >expected
    shift 2
    run "$@"
    if [ "$rc" = 1 ] && sane && cmp -s expected err; then ok "$name"; else fail "$name" out err; fi
}

builtin()
{
    succeeds "built-in tools are listed" tool list
    says "with their arguments" "count_letters(text, letters, [case_sensitive])" out
    gives "plain text is an argument" 2349 tool call calculator '(348 * 27) / 4'
    gives "and so is JSON" "r: 3" tool call count_letters \
        '{"text": "strawberry", "letters": "r"}'
    refuses "a call that fails" "error: division by zero" tool call calculator 1/0
    refuses "a tool that is not there" \
        "error: no tool 'sort'; there are 'calculator', 'length'" \
        tool call sort 'b a' --tool calculator,length
    gives "the grammar of a call" 'root ::= "length(" plain ")"
plain ::= [^\x00-\x1f]*' tool grammar native --tool length
    fails "a wrong name" 2 "no built-in tool 'calc'" tool list --tool calc
    fails "a wrong verb" 2 "'show' is not list, call, prompt or grammar" tool show
    fails "a wrong format" 2 "'xml' is no format of calls" tool prompt xml
}

own()
{
    chmod 755 . # a sandbox of root's is somebody else's
    cat >greet.sh <<'SH'
#!/bin/sh
echo "Hello, $1! $(ls /home 2>/dev/null)"
SH
    chmod 755 greet.sh
    cat >tools.yaml <<'YAML'
tools:
  - name: greet
    description: greets a person
    parameters: {type: object, properties: {who: {type: string}}, required: [who]}
    argument: who
    command: [./greet.sh, "{who}"]
    limits: {seconds: 60}
YAML
    run tool list --tools tools.yaml
    if grep -q "there is none here" err; then
        skip "tools of one's own" "$(cat err)"
        return
    fi
    succeeds "a manifest's tools are listed" tool list --tools tools.yaml
    says "and what they ask" "greet(who)  (asks before it runs)" out
    gives "one is run" "Hello, a b! " tool call greet "a b" --tools tools.yaml --yes
    refuses "not without being asked for" "tame: greet was not run: there is no terminal to ask at; --yes runs it without asking
error: the call of greet was not allowed" tool call greet x --tools tools.yaml
    refuses "no option from outside" \
        "error: a value that begins with '-' could be taken for an option" \
        tool call greet '{"who": "-x"}' --tools tools.yaml --yes
    sed 's/greet.sh,/gone.sh,/' tools.yaml >gone.yaml
    fails "a program that is not there" 1 "'gone.yaml': tool 'greet': cannot find" \
        tool list --tools gone.yaml
    if [ -x "${TAME_PTY:-}" ]; then
        answer y "Hello, you!" 0
        answer n "was not allowed" 1
    else
        skip "questions at a terminal" "TAME_PTY is not the program pty"
    fi
}

answer() # KEY SHOWN STATUS
{
    printf 'expect Run greet with {"who":"you"}? [y]es, [n]o, [a]lways\nsend %s\\n\nexpect %s\nends %s\n' \
        "$1" "$2" "$3" >script
    check "asked, $1" "$TAME_PTY" "$tame" tool call greet you --tools tools.yaml <script
}

server()
{
    if ! command -v python3 >/dev/null; then
        skip "MCP servers" "there is no python3"
        return
    fi
    py="$here/../support/mcp_server.py"
    for mode in modern legacy; do
        gives "a server is called ($mode)" "echo hi" tool call s_echo '{"text":"hi"}' --yes \
            --mcp "s=python3 '$py' $mode notes"
    done
    printf 'servers:\n  - name: s\n    command: [python3, "%s", modern]\n' "$py" >servers.yaml
    succeeds "a manifest's server" tool list --tools servers.yaml
    says "and its tools" "s_echo([text])  (asks before it runs)" out
    fails "a server that ends" 1 "server 'false': the server ended with exit status 1" \
        tool list --mcp false
    fails "a quote without an end" 2 "a ' in the command has no end" tool list --mcp "a 'b"
}

chat()
{
    cat >r.yaml <<'YAML'
run: t
stages:
  - world: {text_bytes: 12000, heldout: 0.2, people: 4, places: 4, animals: 4, demonstrations: 6,
      prompts: 12, heldout_prompts: 2, comparisons: 20, heldout_comparisons: 2, tests: 1}
  - tokenizer: {data: $world/pretrain.jsonl, vocab: 300}
  - pretrain: {data: $world/pretrain.jsonl, heldout_data: $world/heldout.jsonl,
      tokenizer: $tokenizer, depth: 1, hidden: 16, heads: 2, context: 512,
      tokens: 4000, batch_tokens: 512, eval_every: 0, sample_every: 0}
YAML
    succeeds "a tiny model" run r.yaml
    [ "$rc" = 0 ] || return
    succeeds "it is offered tools" chat runs/t/base -p hi -n 20 --tool calculator,sort
    succeeds "and asked with tools" ask runs/t/base hi -n 20 --tool calculator
    fails "not such as there are none of" 2 "no built-in tool 'calc'" \
        chat runs/t/base -p hi --tool calc
    fails "nor when no call is allowed" 2 "--max-calls 0 allows no call" \
        chat runs/t/base -p hi --tool calculator --max-calls 0
}

builtin
own
server
chat
finish

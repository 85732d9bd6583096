#!/bin/sh
# ask_endpoint.sh TAME - `tame ask` over an endpoint, with templates, schemas, fragments and
# conversations that go on, and `tame logs`. Needs python3 for the endpoint.
# shellcheck source=tests/integration/_lib.sh
. "$(dirname "$0")/_lib.sh"
cd "$work" || exit 1
command -v python3 >/dev/null || {
    skip ask_endpoint "there is no python3"
    exit 77
}
unset http_proxy HTTP_PROXY all_proxy ALL_PROXY OPENAI_API_KEY
export TAME_API_KEY=sk-secret-42

python3 "$here/../support/fake_endpoint.py" port asked.jsonl 2>server.err &
background="$background $!"
until_true 20 test -s port || {
    fail "the endpoint starts" server.err
    finish
}
at=http://127.0.0.1:$(cat port)

last_asked() { tail -n 1 asked.jsonl; }
# cid N: the id of the N-th latest answer
cid() { "$tame" logs --json -n "$1" | sed 's/^\[{"id":"\([0-9a-f]*\)".*/\1/'; }

asks()
{
    succeeds "a question" ask "$at#echo" "Capital of France?" -s "Be brief." -u
    says "is answered" "You said: Capital of France?" out
    says "and counted" "7 tokens read, 5 written, 1 request" err
    printf 'endpoint: %s\nmodel: echo\nprice_read: 2\nprice_written: 10\n' "$at" >priced.yaml
    succeeds "with prices" ask priced.yaml "Capital of France?" -u --trace priced.jsonl
    says "the price is told" "price 6.4e-05" err
    says "and traced" '"cost":6.39' priced.jsonl
    succeeds "without a model's name" ask "$at" "Hi" --json
    says "the only one is taken" "/v1#echo" out
    says "the answer has an id" '"id":"' out
    printf 'from a pipe\n' | "$tame" ask "$at#echo" "Look:" >out 2>err
    says "text from a pipe stands behind" "from a pipe" out
    printf 'first file\n' >a.txt
    printf 'second file\n' >b.txt
    succeeds "fragments" ask "$at#echo" "Compare." -f a.txt --fragment b.txt
    last_asked >asked
    says "stand before the question" '"first file\n\nsecond file\n\nCompare."' asked
    succeeds "code" ask "$at#code" "Program?" -x
    if [ "$(cat out)" = "print(1)" ]; then ok "alone is printed"; else fail "alone is printed" out; fi
    succeeds "the last code" ask "$at#code" "Program?" --xl
    if [ "$(cat out)" = "two" ]; then ok "is the last"; else fail "is the last" out; fi
    succeeds "a schema" ask "$at#json" "Who?" --schema "name, age int"
    says "is sent" '"required": ["name", "age"]' asked.jsonl
    fails "a schema's file that is not there" 1 "nofile.json" ask "$at#json" "Who?" --schema nofile.json
}

goes_on()
{
    succeeds "a beginning" ask "$at#echo" "One"
    succeeds "it goes on" ask -c "Two"
    last_asked >asked
    says "with what was said" '"content": "You said: One"' asked
    succeeds "it forks" ask --cid "$(cid 2)" "Three"
    last_asked >asked
    if grep -q '"Two"' asked; then fail "from the message named" asked; else ok "from the message named"; fi
    fails "a system text comes too late" 2 "stands at the beginning" ask -c "Four" -s "No."
    fails "an id that is none" 2 "no message begins with 'ffff'" ask --cid ffff "Four"
}

templates()
{
    succeeds "a template is saved" ask "$at#echo" 'Say $input in $language' --save say --temp 0
    succeeds "and used" ask -t say -p language French "cheese"
    says "filled" "You said: Say cheese in French" out
    last_asked >asked
    says "with its options" '"temperature": 0.0' asked
    fails "a parameter is missing" 2 "\$language is not given: -p language VALUE" ask -t say x
    fails "no such template" 1 "there is no template 'sag'" ask -t sag x
}

logs()
{
    succeeds "logs" logs -n 2
    succeeds "logs search" logs -q cheese --short
    says "find" "cheese" out
    if [ "$(wc -l <out)" = 2 ]; then ok "nothing else"; else fail "nothing else" out; fi
    id=$(cid 1)
    succeeds "one conversation" logs "$(echo "$id" | cut -c1-8)"
    says "is shown" "assistant: You said: Say cheese in French" out
    succeeds "a demonstration" logs promote "$id" --as demonstration --out d.jsonl
    says "is a row" '{"messages":[{"role":"user","content":"Say cheese in French"}' d.jsonl
    fails "no comparison" 2 "no other answer to that question" \
        logs promote "$id" --as comparison --out c.jsonl
    succeeds "another answer" ask "$at#code" "Say cheese in French"
    succeeds "a comparison" logs promote "$id" --as comparison --out c.jsonl --labels l.db
    says "has both" '"rejected":"Here:' c.jsonl
    succeeds "the labels have it" label report l.db
    succeeds "not kept" ask "$at#echo" "Do not keep platypus" --no-log
    succeeds "logs off" logs off
    succeeds "nothing is kept then" ask "$at#echo" "Nor this platypus" --json
    if grep -q '"id"' out; then fail "it has no id" out; else ok "it has no id"; fi
    succeeds "logs on" logs on
    run logs -q platypus
    if [ -s out ]; then fail "no trace of them" out; else ok "no trace of them"; fi
    succeeds "deleted" logs delete "$id"
    fails "it is gone" 2 "no message begins with" logs "$id"
    succeeds "the rest is sound" logs verify
}

# Every way of thinking that needs no log-probabilities works; the others say what lacks.
thinks()
{
    printf '{"question":"1 + 1?","answer":"2"}\n{"question":"2 + 2?","answer":"4"}\n' >examples.jsonl
    for way in cot consistency:3 cot+consistency:3 few-shot:2 auto; do
        succeeds "thinks by $way" ask "$at#echo" "What is 3 + 3?" --think $way \
            --examples examples.jsonl --extract number --json --no-log
        says "$way is said" "+$way\"," out
    done
    succeeds "reflects" ask "$at#echo" "What is 3 + 3?" --think reflect:1 --reflect-blind --no-log
    fails "what an endpoint lacks" 2 "gives no probabilities of texts" \
        ask "$at#echo" "Yes or no?" --think choose --extract choice:yes,no
}

fails_well()
{
    succeeds "an endpoint is described" info "$at"
    says "what it gives" "logprobs    no (found out)" out
    succeeds "busy, then not" ask "$at#busy" "Still there?"
    says "answered" "You said: Still there?" out
    printf 'endpoint: %s\nmodel: broken\nbackoff: 0.01\nretries: 2\n' "$at" >broken.yaml
    fails "broken" 1 "status 500: out of luck (3 tries in" ask broken.yaml "?"
    fails "broken, described" 1 "status 500: out of luck" info broken.yaml
    fails "cut" 1 "the stream was cut after 14 bytes of the answer" ask "$at#cut" "A long question"
    printf 'endpoint: %s\nkey_env: NO_KEY\n' "$at" >key.yaml
    fails "no key" 2 "'NO_KEY', which key_env names, is not set" ask key.yaml "?"
    fails "nonsense for an address" 2 "it names no host" ask http:// "?"
    start slow.log ask "$at#slow" "Forever?"
    until_true 20 grep -qs "You sai" slow.log
    kill -INT "$pid"
    wait "$pid"
    rc=$?
    if [ "$rc" = 130 ]; then ok "Ctrl-C ends it"; else fail "Ctrl-C ends it (status $rc)" slow.log; fi
}

keeps_the_key()
{
    succeeds "a trace" ask "$at#echo" "Hi" --trace t.jsonl
    says "the key is sent" '"key": "Bearer sk-secret-42"' asked.jsonl
    if grep -rqF sk-secret-42 out err t.jsonl talks.db* templates *.yaml; then
        fail "the key is nowhere else"
    else
        ok "the key is nowhere else"
    fi
}

asks
goes_on
templates
logs
thinks
fails_well
keeps_the_key
finish

#!/bin/sh
# judge.sh TAME - programs in the place of people, and win rates by them.
# shellcheck source=tests/integration/_lib.sh
. "$(dirname "$0")/_lib.sh"
cd "$work" || exit 1

prepare()
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
  - reward: {model: $base, data: $world/comparisons.jsonl, overlong: drop, batch_prompts: 4}
YAML
    succeeds "tiny models" run r.yaml
    [ "$rc" = 0 ] || finish
    world=runs/t/data/world
    model=runs/t/base
    rm=runs/t/reward
    succeeds "rankings by people" label import l.db $world/comparisons.jsonl --author ana
    printf '{"prompt":"p","completion":"a","label":true}\n' >rated.jsonl
    succeeds "a store without rankings" label import e.db rated.jsonl
}

# --- programs in their place ----------------------------------------------------------------------------
judged()
{
    succeeds "the gold judge ranks" judge l.db --world $world
    says "all of them" "gold judge: 20 rankings" out
    succeeds "asked again" judge l.db --world $world
    says "it has nothing to add" "gold judge: 0 rankings, 20 known already" out
    succeeds "the reward model ranks" judge l.db --reward $rm --name rm
    printf '{prompt} {a} {b}' >ask
    succeeds "a chat model ranks" judge l.db --judge $model --instruction ask --name lm
    says "and its bias is told" "position bias: it chose the answer that stood first in" out
    succeeds "a report of all" label report l.db
    says "has the judge" "gold judge " out
    says "and how far it agrees with people" "ana, gold judge" out
    succeeds "an export leaves judges out" label export l.db people.jsonl --labelers
    check "by default" [ "$(grep -c '"labeler":"ana"' people.jsonl)" = "$(grep -c . people.jsonl)" ]
    says "and has all that people said" "20 rows" out
    succeeds "their labels are exported" label export l.db rm.jsonl --labeler rm
    check "and are rankings" grep -q '"ranks":\[' rm.jsonl
    succeeds "answers are made and judged at once" judge made.db --world $world \
        --prompts $world/prompts.jsonl --model $model,$model --answers 3 --max-prompts 4 --max-new 8
    says "all of them" "gold judge: 4 rankings" out
    cat >longer.sh <<'SH'
#!/bin/sh
while IFS= read -r line; do
    echo "${#line}"
done
SH
    chmod +x longer.sh
    succeeds "a program ranks" judge l.db --reward '{program: ./longer.sh}' --name longer
    says "all of them" "longer: 20 rankings" out
    printf '{"prompt":"p","completions":["short","a longer answer"]}\n' >two.jsonl
    succeeds "a program ranks two" judge two.db --data two.jsonl \
        --reward '{program: ./longer.sh}' --name longer
    succeeds "its ranking is exported" label export two.db out.jsonl --labeler longer
    says "the longer answer is better" '"ranks":[2,1]' out.jsonl
    printf '{"prompt":"p","truth":"yes","completions":["no","yes"],"ranks":[1,2]}\n' >truth.jsonl
    succeeds "rows keep what they say" judge truth.db --data truth.jsonl \
        --reward '{exact: truth}' --name truth
    succeeds "for a rule to read" label export truth.db out.jsonl --labeler truth
    says "which does not mind what others said" '"completions":["no","yes"],"ranks":[2,1]' out.jsonl
    fails "a program that is missing" 1 "nowhere" judge l.db --reward '{program: ./nowhere}'
    fails "a reward that is none" 2 "no kind: a part has one of" judge l.db --reward '{elephant: 1}'
    fails "no judge" 2 "give one judge" judge l.db
    fails "two judges" 2 "give one judge" judge l.db --world $world --reward $rm
    fails "a world that is missing" 1 "nowhere" judge l.db --world nowhere
    fails "a chat model for a reward model" 2 "is no reward model" judge l.db \
        --reward $model
    fails "a person's name" 2 "'ana' is the name of a person" judge l.db \
        --world $world --name ana
    fails "a store without rankings" 2 "there is nothing to rank" judge e.db \
        --world $world
    fails "no store" 1 "there is no store of labels" judge no.db --world $world
}

compared()
{
    succeeds "win rate by the gold judge" eval winrate $model $model --world $world \
        --max-new 4 --limit 2
    says "says it all" "$model over $model, gold judge: 2 prompts" out
    says "also at equal length" "length-controlled" out
    succeeds "win rate by a reward model" eval winrate $model $model --reward $rm \
        --prompts $world/prompts.jsonl --max-new 4 --limit 3 --temperature 0 --json
    says "one model against itself, greedily: all ties" '"wins":0,"ties":3,"losses":0' out
    succeeds "win rate by a chat model" eval winrate $model $model --judge $model \
        --prompts $world/prompts.jsonl --max-new 4 --limit 3 --instruction ask --json
    says "has its bias" '"position_bias":{"pairs":3' out
    { cat $world/prompts.jsonl
      printf '{"prompt": "%s"}\n' "$(yes 'so many words' | head -n 2000 | tr '\n' ' ')"; } > long.jsonl
    succeeds "a prompt that is too long" eval winrate $model $model --reward $rm \
        --prompts long.jsonl --max-new 4 --temperature 0
    says "is left out, and that is said" "prompts fill the context of '$model'" err
    tail -n 1 long.jsonl > only.jsonl
    fails "nothing but such prompts" 1 "every prompt fills the context" eval winrate $model \
        $model --reward $rm --prompts only.jsonl
    fails "one model" 2 "winrate takes two models" eval winrate $model --world $world
    fails "no judge for a win rate" 2 "give a judge" eval winrate $model $model \
        --prompts $world/prompts.jsonl
}

prepare
judged
compared
finish

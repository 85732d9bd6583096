#!/bin/sh
# kill_resume.sh TAME - the whole tiny recipe, and GRPO and DPO behind it, killed with
# SIGKILL again and again and started again, ends in the same bytes as one that was never
# killed: weights, metrics, and of the last checkpoint the optimizers' moments, the critic,
# controllers and counts. Each training stage is killed at three random moments: some time
# after it began, after its first checkpoint, and after it has resumed from one. KILL_SEED=n
# repeats them as far as a clock can.
# shellcheck source=tests/integration/_lib.sh
. "$(dirname "$0")/_lib.sh"
recipe=$work/recipe.yaml
stages="base sft reward ppo grpo dpo"
whole=$work/whole/tiny
cut=$work/cut/tiny
seed=${KILL_SEED:-$$}
kills=0
: >"$work/cut.log"
echo "KILL_SEED=$seed"

# A reward of 0 or 1, so that groups are equal and other prompts are asked in their place.
cat >"$work/more.yaml" <<'END'
  - grpo: {model: $sft, reward: [{regex: "[aeiou] "}], prompts: $world/prompts.jsonl, kl_target: 2, kl_horizon: 100, equal_groups: resample, episodes: 96, batch: 8, answers: 4, minibatches: 2, max_new: 24, checkpoint_every: 2}
  - dpo: {model: $sft, data: $world/comparisons.jsonl, overlong: drop, epochs: 2, batch_prompts: 4, checkpoint_every: 2, max_new: 24}
END
# Fine-tuning takes long enough to be hit three times where processors are fast, too.
sed '/- sft:/s/epochs: 4/epochs: 12/' "$here/_tiny.yaml" | cat - "$work/more.yaml" >"$recipe"

seconds_of() # STAGE: what it took when it was not killed
{
    awk -v name="\"name\": \"$1\"" '
        index($0, name) { found = 1 }
        found && /"seconds":/ { gsub(/.*: |,/, ""); print; exit }' "$whole/ledger.json"
}

random_moment() # STAGE TRY: within the stage's first third, earlier with each try
{
    awk -v seed=$((seed + 7919 * kills)) -v most="$(seconds_of "$1")" -v try="$2" \
        'BEGIN { srand(seed); printf "%.3f", rand() * most / 3 / try }'
}

# --- how far STAGE is in the start that writes cut.log ----------------------------------
is_over()
{
    ! kill -0 "$pid" 2>/dev/null
}

stage_log()
{
    sed -n "/\\] $1: /,\$p" "$work/cut.log"
}

begun()
{
    is_over || stage_log "$1" | grep -q .
}

saved()
{
    is_over || ls "$cut/$1"/checkpoints/step-* >/dev/null 2>&1
}

resumed()
{
    is_over || stage_log "$1" | grep -q ': resumed at step'
}

# Starts the recipe, waits until STAGE has come as far as WHEN and a random moment more,
# and kills it; false when the stage was not hit.
kill_in() # STAGE WHEN TRY
{
    kills=$((kills + 1))
    start "$work/cut.log" run "$recipe" --runs "$work/cut"
    until_true 300 "$2" "$1"
    sleep "$(random_moment "$1" "$3")"
    kill -9 "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
    [ $? = 137 ] && [ ! -e "$cut/$1/config.json" ]
}

kill_stage() # STAGE: one that ends before it is hit is removed and made again
{
    for try in 1 2 3 4 5 6 7 8; do
        kill_in "$1" begun $try && kill_in "$1" saved $try &&
            kill_in "$1" resumed $try && return
        rm -rf "${cut:?}/$1"
    done
    return 1
}

# All of the last checkpoint but what tells the time, be it of files.
same_checkpoint() # STAGE
{
    rm -rf "$work/a" "$work/b"
    cp -r "$whole/$1/checkpoints" "$work/a" && cp -r "$cut/$1/checkpoints" "$work/b" &&
        sed -i '/"seconds":\|"timings_bytes":\|"fingerprint":/d' "$work"/[ab]/*/training/state.json &&
        grep -q '"optimizer_steps"' "$work"/a/*/training/state.json &&
        diff -r "$work/a" "$work/b"
}

moved() # STAGE KEY: the metric is not the same in all iterations
{
    [ "$(grep -o "\"$2\":[^,}]*" "$whole/$1/metrics.jsonl" | sort -u | wc -l)" -gt 1 ]
}

run run "$recipe" --runs "$work/whole"
[ "$rc" = 0 ] || {
    fail "the tiny recipe runs" "$work/err"
    finish
}
ok "the tiny recipe runs"
check "ppo: the KL controller is at work" moved ppo objective/kl_coef
check "grpo: the KL controller is at work" moved grpo objective/kl_coef
check "grpo: some groups are asked for again" moved grpo groups_resampled
for stage in $stages; do
    check "$stage is killed after its begin, a checkpoint, a resume" kill_stage $stage
done
run run "$recipe" --runs "$work/cut"
if [ "$rc" = 0 ] && sane; then
    ok "after $kills starts that were killed, the last ends it"
else
    fail "the last start (status $rc)" "$work/err"
fi
if grep -q 'lines are missing' "$work/cut.log" "$work/err"; then
    fail "no line of a log was lost" "$work/cut.log" "$work/err"
else
    ok "no line of a log was lost"
fi
for stage in $stages; do
    for file in model.safetensors metrics.jsonl; do
        check "$stage/$file: the same bytes" cmp "$whole/$stage/$file" "$cut/$stage/$file"
    done
    check "$stage: the same state in its last checkpoint" same_checkpoint "$stage"
done
finish

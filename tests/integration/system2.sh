#!/bin/sh
# system2.sh TAME - the study of System 2 at toy size: every experiment is computed from its
# runs, one by one and resumed, and the report is made of all that are there.
# shellcheck source=tests/integration/_lib.sh
. "$(dirname "$0")/_lib.sh"
study=$work/system2-smoke
report=$work/reports/system2.md

sections() # ID...: those of the report, in order
{
    [ "$(sed -n 's/^## \(E[0-9]*[DV]\{0,1\}\|A1\)\. .*/\1/p' "$report" | xargs)" = "$*" ]
}

# Each check has a figure and a verdict.
checks_have_figures()
{
    n=$(grep -cE '^\| [0-9]+ \|' "$report")
    [ "$n" -ge 5 ] &&
        [ "$(grep -cE '^\| [0-9]+ \|.*[0-9].*\| \*\*(pass|miss|open)\*\* \|$' "$report")" = "$n" ]
}

# Every line of every arm holds an answer; as many as it says.
arms_hold_all_answers()
{
    [ -n "$(ls "$study"/*/arms)" ] || return 1
    for arm in "$study"/*/arms/*.jsonl; do
        questions=$(sed -n '1s/.*"questions": \([0-9]*\).*/\1/p' "$arm")
        samples=$(sed -n '1s/.*"samples": \([0-9]*\).*/\1/p' "$arm")
        [ "$(grep -cE '"said": -?[0-9]' "$arm")" = $((questions * samples)) ] || return 1
    done
}

nothing_is_unknown()
{
    ! grep -iqE '(^|[^a-z])-?nan|[^a-z]inf[^a-z]' "$report"
}

nothing_was_done()
{
    ! grep -qE '^memory:|answers/s' "$work/err"
}

fails "an experiment that is not there" 2 "only: 'E1,E99' is not among E1, " \
    study system2 --smoke --runs "$work" --only E1,E99
succeeds "one experiment" study system2 --smoke --runs "$work" --only E2 --seeds 1 \
    --out "$report"
check "the report has it alone" sections E2
succeeds "all of them" study system2 --smoke --runs "$work" --seeds 1 --out "$report"
says "the models of the one are not trained again" "steps_1: finished already" "$work/err"
says "it says where the report is" "report: $report" "$work/out"
check "the report has all" sections E1 E2 E1D E7 E4 E5 E8V E6 E3 E13 E10 E11 E8 A1
check "every check has a figure and a verdict" checks_have_figures
check "every answer is saved" arms_hold_all_answers
check "no figure is unknown" nothing_is_unknown
cp "$report" "$work/first.md"
succeeds "once more" study system2 --smoke --runs "$work" --seeds 1 --out "$report"
check "nothing is trained or asked again" nothing_was_done
check "and the report is the same" cmp -s "$report" "$work/first.md"
for damage in '{}' '[]' '{"text": 5, "checks": 7}' '{"text": "x", "checks": [5, {}]}' '{"text"'; do
    echo "$damage" >"$work/system2-smoke/E4.json"
    fails "damaged: $damage" 1 "remove it, and \`--only E4\` makes it anew" \
        study system2 --smoke --runs "$work" --seeds 1 --only E7
done
finish

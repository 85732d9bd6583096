#!/bin/sh
# study.sh TAME - the gold study at toy size: killed in the middle it goes on where it
# stopped, every check is computed from its runs, and the report is written with its plots.
# shellcheck source=tests/integration/_lib.sh
. "$(dirname "$0")/_lib.sh"
name=overoptimization-smoke
study=$work/$name
report=$work/reports/gold.md

reached() # RUN: the study is at it, or over
{
    ! kill -0 "$pid" 2>/dev/null || grep -q "\\] $1: " "$work/cut.log"
}

kill_at() # RUN
{
    start "$work/cut.log" study overoptimization --smoke --runs "$work"
    until_true 300 reached "$1"
    kill -9 "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
    [ $? = 137 ] && [ ! -e "$study/overoptimization.md" ]
}

rows() # of the table of checks: 16 lines whose figure is there and is a number
{
    [ "$(grep -cE '^\| [0-9]+ \|.*[0-9].*\| \*\*(pass|miss|open)\*\* \|$' "$report")" = 16 ]
}

verdict() # NUMBER VERDICT
{
    grep -qE "^\\| $1 \\|.*\\| \\*\\*$2\\*\\* \\|\$" "$report"
}

plots_are_there()
{
    [ "$(grep -c '^!\[' "$report")" = 6 ] || return 1
    grep '^!\[' "$report" | sed 's/.*(\(.*\))/\1/' | while read -r plot; do
        grep -q '<circle ' "$work/reports/$plot" || return 1
    done
}

nothing_is_unknown() # the bag of words alone may be unmeasured, and says so
{
    ! grep -iqE '(^|[^a-z])-?nan|[^a-z]inf[^a-z]' "$report" "$work"/reports/gold/*.svg
}

nothing_was_trained()
{
    ! grep -qE '^memory:|answers/s|tokens in' "$work/err"
}

fails "no other study is there" 2 "no study 'gold'; there are overoptimization and system2" study gold
check "killed among the reward models" kill_at reward_4n
check "killed among the runs of PPO" kill_at over_n
says "what was finished is not run again" "base: finished already" "$work/cut.log"
succeeds "the same command ends it" study overoptimization --smoke --runs "$work" \
    --out "$report"
says "it goes on where it stopped" "over_small: finished already" "$work/err"
says "it says where the report is" "report: $report" "$work/out"
check "16 checks have figures and verdicts" rows
check "no figure is unknown" nothing_is_unknown
check "the plots are there and have points" plots_are_there
# What does not depend on the size of things holds at toy sizes too.
check "a cut run resumes to the same bytes" verdict 14 pass
check "the same seed gives the same bytes" verdict 16 pass
cp "$report" "$work/first.md"
succeeds "once more" study overoptimization --smoke --runs "$work" --out "$report"
check "nothing is run or measured again" nothing_was_trained
check "and the report is the same" cmp "$report" "$work/first.md"
finish

# shellcheck shell=sh
# _lib.sh - what the tests of the program share; sourced with the program as $1.
#
# Every check has a name, prints one line and goes on; `finish` tells how many failed.
# A sanitizer's report is a failure whatever the check asked for.
set -u
tame=$(realpath "$1")
# shellcheck disable=SC2034 # for the scripts that source this
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'stop_all; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
export TAME_THREADS=1
# What `tame ask` keeps is no business of whoever runs the tests.
export TAME_TALKS="$work/talks.db" TAME_TEMPLATES="$work/templates"
checks=0
failures=0
background=""

# --- results ---------------------------------------------------------------------------
ok()
{
    checks=$((checks + 1))
    echo "ok    $1"
}

fail() # NAME [FILE...]: shows the files
{
    checks=$((checks + 1))
    failures=$((failures + 1))
    echo "FAIL  $1"
    shift
    for shown in "$@"; do
        sed 's/^/      | /' "$shown" | tail -n 15
    done
}

skip()
{
    echo "skip  $1: $2"
}

check() # NAME COMMAND...: the command succeeds
{
    name=$1
    shift
    if "$@"; then ok "$name"; else fail "$name"; fi
}

finish()
{
    echo "$checks checks, $failures failed"
    [ "$failures" = 0 ]
    exit
}

# --- running the program ----------------------------------------------------------------
# run ARGS...: status in $rc, output in $work/out and $work/err.
run()
{
    "$tame" "$@" >"$work/out" 2>"$work/err" </dev/null
    rc=$?
}

sane() # no sanitizer has spoken, nothing has crashed
{
    [ "$rc" -lt 128 ] || [ "$rc" = 130 ] || return 1
    ! grep -qE 'Sanitizer|runtime error|: bug: ' "$work/err"
}

succeeds() # NAME ARGS...
{
    name=$1
    shift
    run "$@"
    if [ "$rc" = 0 ] && sane; then ok "$name"; else fail "$name (status $rc)" "$work/err"; fi
}

# fails NAME STATUS TEXT ARGS...: ends with STATUS and one line "tame...: ...TEXT...".
# Wrong usage may add a line that names --help; remarks of the log may come before.
fails()
{
    name=$1 want=$2 text=$3
    shift 3
    run "$@"
    lines=$(grep -c '^tame[ :]' "$work/err")
    if [ "$rc" = "$want" ] && sane && [ "$lines" = 1 ] &&
        grep '^tame[ :]' "$work/err" | grep -qF -- "$text"; then
        ok "$name"
    else
        fail "$name (status $rc, not $want; wanted '$text')" "$work/err"
    fi
}

says() # NAME TEXT FILE
{
    if grep -qF -- "$2" "$3"; then ok "$1"; else fail "$1 (wanted '$2')" "$3"; fi
}

# --- processes in the background ---------------------------------------------------------
# start LOG ARGS...: the program in the background, its process in $pid.
start()
{
    log=$1
    shift
    "$tame" "$@" >"$log" 2>&1 </dev/null &
    pid=$!
    background="$background $pid"
}

stop_all()
{
    for p in $background; do
        kill -9 "$p" 2>/dev/null && wait "$p" 2>/dev/null
    done
    background=""
}

# until_true SECONDS COMMAND...: polls; false when the time is over.
until_true()
{
    polls=$(($1 * 20))
    shift
    while ! "$@"; do
        polls=$((polls - 1))
        [ $polls -gt 0 ] || return 1
        sleep 0.05
    done
}

# --- files ---------------------------------------------------------------------------------
snapshot() # FOLDER: names and contents of all files but locks and what tells the time
{
    (cd "$1" && find . -type f ! -name .lock ! -name timings.jsonl -exec cksum {} + | sort)
}

# unchanged NAME FOLDER FILE: the folder's files are as the snapshot in FILE says.
unchanged()
{
    snapshot "$2" >"$work/now"
    if cmp -s "$work/now" "$3"; then
        ok "$1"
    else
        diff "$3" "$work/now" >"$work/diff"
        fail "$1" "$work/diff"
    fi
}

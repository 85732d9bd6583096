#!/bin/sh
# bench.sh - runs the benchmarks one after the other and ends in a table (`./dev bench`).
#
#     tools/bench.sh [--quick] [--shape 2M|10M|124M] [peak|kernels|train|engine|constraint|tokenizer]...
#
# Everything takes about 20 minutes on two cores, more than half of it the 124M model;
# --quick, without that model and with little time for each figure, less than two. The
# JSON lines of each run of a program are a file in build/bench/parts/; together they are
# build/bench/results.jsonl. With areas or a shape only their parts are measured anew, and
# the table still shows all that are there.
set -eu
cd "$(dirname "$0")/.."
programs=build/release/bench
out=build/bench
plan=$out/plan
quick=
only_shape=
areas=

while [ $# -gt 0 ]; do
    case $1 in
    --quick) quick=1 ;;
    --shape)
        [ $# -gt 1 ] || { echo "bench: --shape needs 2M, 10M or 124M" >&2; exit 2; }
        only_shape=$2
        shift
        ;;
    peak | kernels | train | engine | constraint | tokenizer) areas="$areas $1" ;;
    *)
        echo "bench: '$1' is none of --quick, --shape, peak, kernels, train, engine, constraint, tokenizer" >&2
        exit 2
        ;;
    esac
    shift
done

wants_area()
{
    case " $areas " in
    "  ") [ -z "$only_shape" ] || [ "$1" = kernels ] || [ "$1" = train ] ;;
    *" $1 "*) true ;;
    *) false ;;
    esac
}

wants_shape()
{
    [ -z "$only_shape" ] || [ "$only_shape" = "$1" ]
}

# add SECONDS AREA ARGUMENT...: a run of bench_AREA that takes about so long on two cores.
add()
{
    if wants_area "$2"; then
        echo "$*" >>"$plan"
    fi
}

add_kernels()
{
    for compute in f32 bf16; do
        add "$2" kernels --shape "$1" --compute "$compute" --seconds "$3"
    done
}

# add_train SHAPE SECONDS-OF-A-CASE-IN-F32 IN-BF16 SECONDS-TO-MEASURE CONTEXT...
add_train()
{
    shape=$1 f32=$2 bf16=$3 seconds=$4
    shift 4
    for context in "$@"; do
        add "$f32" train --shape "$shape" --context "$context" --compute f32 --seconds "$seconds"
        add "$bf16" train --shape "$shape" --context "$context" --compute bf16 --seconds "$seconds"
    done
}

make_plan()
{
    : >"$plan"
    add 3 peak
    if [ -n "$quick" ]; then
        wants_shape 2M && add_kernels 2M 4 0.05
        wants_shape 10M && add_kernels 10M 5 0.05
        wants_shape 2M && add_train 2M 7 6 3 256
        wants_shape 10M && add_train 10M 22 14 3 256
    else
        wants_shape 2M && add_kernels 2M 12 0.25
        wants_shape 10M && add_kernels 10M 12 0.25
        wants_shape 124M && add_kernels 124M 30 0.25
        wants_shape 2M && add_train 2M 18 18 15 256 1024
        wants_shape 10M && add_train 10M 26 22 15 256 1024
        wants_shape 124M && add_train 124M 200 120 15 256 1024
    fi
    if [ -n "$quick" ]; then
        add 4 tokenizer --runs 1 --vocab 2048
    else
        add 10 engine
        add 3 constraint
        add 30 tokenizer --vocab 8192 # the made text has no 32,000
    fi
}

left()
{
    awk -v seconds="$1" 'BEGIN { printf seconds < 90 ? "%d s" : "%.0f min", seconds < 90 ? seconds : seconds / 60 }'
}

# The time that is left is guessed from what the runs so far took beside the plan's
# seconds.
run_plan()
{
    total=$(awk '{ s += $1 } END { print s + 0 }' "$plan")
    count=$(awk 'END { print NR }' "$plan")
    done=0
    number=0
    began=$(date +%s)
    while read -r seconds area arguments; do
        number=$((number + 1))
        elapsed=$(($(date +%s) - began))
        rest=$((total - done))
        [ "$done" -eq 0 ] || rest=$((rest * elapsed / done))
        echo "[$number/$count] $area $arguments (about $(left "$rest") left)" >&2
        part=$out/parts/$(echo "$area $arguments" | sed 's/ --seconds [0-9.]*//; s/--//g; s/ /-/g').jsonl
        # shellcheck disable=SC2086
        "$programs/bench_$area" $arguments </dev/null >"$part.new"
        mv "$part.new" "$part"
        done=$((done + seconds))
    done <"$plan"
}

# Threads that wait spin for as long as those of `tame`, which sets this for itself.
export GOMP_SPINCOUNT="${GOMP_SPINCOUNT:-3000}"
mkdir -p "$out/parts"
if [ -z "$areas$only_shape" ]; then
    rm -f "$out"/parts/*
fi
make_plan
run_plan
# In the order of a plan of everything, whatever was measured just now.
find "$out/parts" -name '*.jsonl' | sort -V | xargs cat >"$out/results.jsonl"
awk -f tools/bench_table.awk "$out/results.jsonl"
echo
echo "$out/results.jsonl has the figures."

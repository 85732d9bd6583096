# bench_table.awk - the JSON lines of the benchmarks as tables for people.
#     awk -f tools/bench_table.awk build/bench/results.jsonl

# The value of a key in a line of flat JSON, without quotes; "" if it is not there.
function value(key,    at, rest) {
    at = index($0, "\"" key "\":")
    if (!at) return ""
    rest = substr($0, at + length(key) + 3)
    if (substr(rest, 1, 1) == "\"") {
        rest = substr(rest, 2)
        return substr(rest, 1, index(rest, "\"") - 1)
    }
    match(rest, /^[^,}]*/)
    return substr(rest, 1, RLENGTH)
}

function percent(share) {
    return share == "" ? "" : sprintf("%.0f %%", 100 * share)
}

# What fits the caches is faster than reading memory, by how much says nothing.
function of_peak(share) {
    return share > 1 ? "> 100 %" : percent(share)
}

# The lowest and the highest of what processes of one run measured.
function peak(key, threads,    v, id) {
    v = value(key)
    if (v == "") return
    id = key SUBSEP threads
    if (!(id in low) || v + 0 < low[id]) low[id] = v + 0
    if (!(id in high) || v + 0 > high[id]) high[id] = v + 0
}

value("bench") == "peak" {
    t = value("threads")
    if (!(t in seen)) { seen[t] = 1; threads[++n_threads] = t }
    peak("f32_gflops", t); peak("bf16_gflops", t); peak("int8_gops", t); peak("read_gbs", t)
}

value("bench") == "kernels" {
    shape = value("shape"); op = value("op"); id = shape SUBSEP op
    if (!(id in op_seen)) {
        op_seen[id] = 1
        if (!(shape in n_ops)) shapes[++n_shapes] = shape
        ops[shape, ++n_ops[shape]] = op
    }
    c = value("compute")
    ms[id, c] = value("ms")
    if (value("gflops") != "") rate[id, c] = value("gflops") " GF/s"
    else if (value("gbs") != "") rate[id, c] = value("gbs") " GB/s"
    share[id, c] = value("share")
}

value("bench") == "train" && value("op") == "" { lines[++n_lines] = $0 }
value("bench") == "train" && value("op") == "scaling" {
    ratio[value("shape"), value("context"), value("compute"), value("threads")] = value("ratio")
}
value("bench") == "engine" || value("bench") == "tokenizer" || value("bench") == "constraint" { rest[++n_rest] = $0 }

function peak_row(title, key,    i, id) {
    if (!((key SUBSEP threads[1]) in low)) return
    printf "  %-22s", title
    for (i = 1; i <= n_threads; i++) {
        id = key SUBSEP threads[i]
        printf "%16s", (id in low) ? sprintf("%.0f to %.0f", low[id], high[id]) : ""
    }
    print ""
}

function print_peaks(    i, t) {
    for (i = 1; i < n_threads; i++)
        if (threads[i] + 0 > threads[i + 1] + 0) { t = threads[i]; threads[i] = threads[i + 1]; threads[i + 1] = t; i = 0 }
    printf "\nWhat the processor can do  "
    for (i = 1; i <= n_threads; i++) printf "%7d thread%s ", threads[i], threads[i] > 1 ? "s" : " "
    print ""
    peak_row("f32, GFLOP/s", "f32_gflops")
    peak_row("bf16, GFLOP/s", "bf16_gflops")
    peak_row("int8, Gop/s", "int8_gops")
    peak_row("reading memory, GB/s", "read_gbs")
}

function print_case(    id) {
    id = value("shape") SUBSEP value("context") SUBSEP value("compute") SUBSEP value("threads")
    printf "  %-5s %7d %7s %7d %9d %7s %9s %9s %4s %9s %5s %5d MB  %s\n", value("shape"),
        value("context"), value("compute"), value("threads"), value("tokens_per_s"),
        percent(value("share")), percent(value("products")), percent(value("attention")),
        percent(value("head")), percent(value("optimizer")), percent(value("other")),
        value("peak_mb"), (id in ratio) ? sprintf("%.2f", ratio[id]) : ""
}

function print_train(    i, s, c, shape, compute) {
    print "\nTraining, optimizer steps of 4,096 tokens                      share of the time"
    print "  shape context compute threads  tokens/s of peak  products attention head optimizer other   memory  speed-up"
    split("2M 10M 124M", shape, " ")
    split("f32 bf16", compute, " ")
    for (s = 1; s <= 3; s++)
        for (c = 1; c <= 2; c++)
            for (i = 1; i <= n_lines; i++) {
                $0 = lines[i]
                if (value("shape") == shape[s] && value("compute") == compute[c]) print_case()
            }
}

function print_kernels(    s, o, shape, id) {
    for (s = 1; s <= n_shapes; s++) {
        shape = shapes[s]
        printf "\n%-26s %34s %34s\n", "Operations, " shape, "f32: ms, rate, share of peak", "bf16"
        for (o = 1; o <= n_ops[shape]; o++) {
            id = shape SUBSEP ops[shape, o]
            printf "  %-24s %10s %14s %8s %10s %14s %8s\n", ops[shape, o], ms[id, "f32"],
                rate[id, "f32"], of_peak(share[id, "f32"]), ms[id, "bf16"], rate[id, "bf16"],
                of_peak(share[id, "bf16"])
        }
    }
}

function print_rest(    i, text) {
    print "\nEngine and tokenizer"
    for (i = 1; i <= n_rest; i++) {
        text = rest[i]
        gsub(/[{}"]/, "", text)
        sub(/^bench:/, "", text); sub(/,what:/, " ", text); gsub(/,/, "  ", text); gsub(/:/, " ", text)
        print "  " text
    }
}

END {
    if (n_threads) print_peaks()
    if (n_lines) print_train()
    if (n_shapes) print_kernels()
    if (n_rest) print_rest()
}

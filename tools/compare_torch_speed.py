#!/usr/bin/env python3
"""Trains the models of bench_train with PyTorch on the same processor, in turns with ours.

    tools/compare_torch_speed.py --shape 10M --context 256 [--variants 'compiled-*' ...]
    tools/compare_torch_speed.py --table

The same model (RMSNorm, RoPE, SwiGLU, tied head, as many parameters), the same work (steps
of 4,096 tokens: forward, cross-entropy, backward, clip, AdamW) on random tokens. PyTorch
with scaled_dot_product_attention, fused AdamW and an allocator that keeps its memory, in
all variants ARITHMETIC-WAY-TOKENS:

    f32     as it is            eager      as it is            1024, 4096   tokens a pass;
    medium  set_float32_matmul  compiled   torch.compile                    gradients add up
            _precision("medium")
    bf16    autocast

A variant is a process that is warmed up (compilation is cached on disk) and then takes
turns, a step each, with our program in bf16, in passes of 1,024 tokens; "ours-f32" is ours in
f32, measured like theirs. So whatever else the machine does meets both alike, and each
figure is a median of ratios of neighbours. Results gather in --out: variants that are there
are left alone (--again measures them anew), so a long comparison can be made in several
calls. "the peak allows" is the ratio that a program would reach whose every FLOP runs at the
peak of bf16 in registers, measured in the same call. Needs torch; run by hand.
"""
import argparse
import fnmatch
import json
import os
import pathlib
import resource
import selectors
import statistics
import subprocess
import sys
import time

SHAPES = {  # layers, hidden, heads, intermediate, vocabulary
    "2M": (4, 192, 6, 512, 2048),
    "10M": (11, 256, 8, 688, 4096),
    "124M": (12, 768, 12, 2048, 50257),
}
STEP_TOKENS = 4096
VARIANTS = ["ours-f32"] + [f"{a}-{w}-{n}" for w in ("eager", "compiled")
                           for a in ("f32", "medium", "bf16") for n in (1024, 4096)]
LEAST_ROUNDS = 3


# --- a process that trains with PyTorch --------------------------------------------------

def build(shape, context):
    import torch
    import torch.nn.functional as F
    from torch import nn

    layers, hidden, heads, intermediate, vocab = SHAPES[shape]
    dim = hidden // heads
    angle = torch.outer(torch.arange(context).float(), 10000.0 ** (-torch.arange(0, dim, 2).float() / dim))
    cos, sin = angle.cos().repeat(1, 2), angle.sin().repeat(1, 2)

    def rope(x):
        half = torch.cat((-x[..., dim // 2:], x[..., : dim // 2]), -1)
        return x * cos.to(x.dtype) + half * sin.to(x.dtype)

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.attn_norm, self.mlp_norm = nn.RMSNorm(hidden, 1e-5), nn.RMSNorm(hidden, 1e-5)
            self.qkv = nn.Linear(hidden, 3 * hidden, bias=False)
            self.out = nn.Linear(hidden, hidden, bias=False)
            self.gate_up = nn.Linear(hidden, 2 * intermediate, bias=False)
            self.down = nn.Linear(intermediate, hidden, bias=False)

        def forward(self, x):
            b, t, _ = x.shape
            q, k, v = self.qkv(self.attn_norm(x)).view(b, t, 3, heads, dim).permute(2, 0, 3, 1, 4)
            y = F.scaled_dot_product_attention(rope(q), rope(k), v, is_causal=True)
            x = x + self.out(y.transpose(1, 2).reshape(b, t, hidden))
            gate, up = self.gate_up(self.mlp_norm(x)).chunk(2, -1)
            return x + self.down(F.silu(gate) * up)

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(vocab, hidden)
            self.blocks = nn.ModuleList(Block() for _ in range(layers))
            self.norm = nn.RMSNorm(hidden, 1e-5)
            nn.init.normal_(self.embed.weight, std=0.02)

        def forward(self, ids, targets):
            x = self.embed(ids)
            for block in self.blocks:
                x = block(x)
            logits = F.linear(self.norm(x), self.embed.weight)
            return F.cross_entropy(logits.float().view(-1, vocab), targets.view(-1))

    return Model()


def take_turns(shape, context, variant):
    """Says that it is ready, then makes a step for each line that it reads."""
    import torch

    arithmetic, way, tokens = variant.split("-")
    bf16, micro = arithmetic == "bf16", max(int(tokens), context)
    torch.manual_seed(1)
    torch.set_num_threads(os.cpu_count())
    torch.set_float32_matmul_precision("medium" if arithmetic == "medium" else "highest")
    model = build(shape, context)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    run = torch.compile(model) if way == "compiled" else model
    ids = torch.randint(SHAPES[shape][4], (micro // context, context))
    targets = torch.randint(SHAPES[shape][4], ids.shape)

    def step():
        # One autocast around all passes, so that the weights are cast once a step; off
        # during the backward pass, as its documentation asks.
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            for _ in range(STEP_TOKENS // micro):
                loss = run(ids, targets) * (micro / STEP_TOKENS)
                with torch.autocast("cpu", enabled=False):
                    loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    def say(**values):
        print(json.dumps(values), flush=True)

    step()
    step()
    say(ready=1, parameters=sum(p.numel() for p in model.parameters()))
    for _ in sys.stdin:
        start = time.perf_counter()
        step()
        seconds = time.perf_counter() - start
        say(seconds=seconds, peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6)


# --- those that wait for their turns ----------------------------------------------------

class Player:
    """A process that makes a step for each line it is given."""

    def __init__(self, words, env, log):
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=log.open("a"), env=os.environ | env)

    def hear(self, seconds):
        selector = selectors.DefaultSelector()
        selector.register(self.process.stdout, selectors.EVENT_READ)
        if not selector.select(seconds):
            raise TimeoutError(f"took more than {seconds:.0f} s")
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the process ended")
        return json.loads(line)

    def step(self):
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        return self.hear(600)

    def end(self):
        self.process.kill()
        self.process.wait()


def ours(args, shape, context, compute):
    return Player([args.program, "--turns", "--shape", shape, "--context", str(context), "--compute", compute],
                  {"GOMP_SPINCOUNT": "3000"}, args.log)  # as the program sets it for itself


def theirs(args, shape, context, variant):
    cache = str(args.out.parent.resolve() / "inductor")
    # glibc gives large blocks back to the system and takes them anew at every operation,
    # unless it is told to keep them.
    env = {"TORCHINDUCTOR_CACHE_DIR": cache, "TORCHINDUCTOR_FX_GRAPH_CACHE": "1",
           "MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 36), "MALLOC_TOP_PAD_": str(1 << 26)}
    return Player([sys.executable, __file__, "--turns", shape, str(context), variant], env, args.log)


def measure(args, shape, context, variant):
    """A record of the variant in turns with ours in bf16."""
    mine = variant == "ours-f32"
    other = ours(args, shape, context, "f32") if mine else theirs(args, shape, context, variant)
    reference = None
    try:
        start = time.monotonic()
        other.hear(args.budget)
        warm = time.monotonic() - start
        reference = ours(args, shape, context, "bf16")
        flops = reference.hear(args.budget)["flops"]
        record = {"shape": shape, "context": context, "variant": variant, "warm_up": warm, "flops": flops,
                  "peak": args.peak, "ours": [], "theirs": []}
        start = time.monotonic()
        while len(record["ours"]) < args.rounds or time.monotonic() - start < args.seconds:
            us, them = reference.step(), other.step()
            record["ours"].append(us["seconds"])
            record["theirs"].append(them["seconds"])
        return record | {"ours_mb": us["peak_mb"], "theirs_mb": them["peak_mb"]}
    finally:
        other.end()
        if reference:
            reference.end()


def measure_peak(args):
    """FLOP/s of all threads together in bf16, or in f32 where there is nothing better."""
    program = pathlib.Path(args.program).with_name("bench_peak")
    lines = subprocess.run([program], check=True, capture_output=True, text=True).stdout.splitlines()
    peaks = json.loads(lines[-1])
    return peaks.get("bf16_gflops", peaks.get("f32_gflops", 0)) * 1e9


# --- results ------------------------------------------------------------------------------

def ratio(record):
    return statistics.median(t / o for o, t in zip(record["ours"], record["theirs"]))


def rate(seconds):
    return STEP_TOKENS / statistics.median(seconds)


def print_table(records):
    for shape in SHAPES:
        for context in (256, 1024):
            rows = [r for r in records if (r["shape"], r["context"]) == (shape, context)]
            if rows:
                print_case(shape, context, sorted(rows, key=lambda r: VARIANTS.index(r["variant"])))


def print_case(shape, context, rows):
    all_ours = [s for r in rows for s in r["ours"]]
    peers = [r for r in rows if not r["variant"].startswith("ours")]
    best = min(peers, key=ratio) if peers else None
    print(f"\n{shape}, context {context}: ours bf16 {rate(all_ours):.0f} tokens/s, {max(r['ours_mb'] for r in rows):.0f} MB")
    print("  variant               tokens/s   memory   ours bf16 is ... times as fast (rounds); the peak allows")
    for r in rows:
        allows = statistics.median(r["theirs"]) * r["peak"] / r["flops"]
        print(f"  {r['variant']:20} {rate(r['theirs']):9.0f} {r['theirs_mb']:6.0f} MB   {ratio(r):5.2f} ({len(r['ours'])})"
              f" {allows:6.2f}{'  <- their best' if r is best else ''}")


def load(path):
    return json.loads(path.read_text()) if path.exists() else []


def key(record):
    return record["shape"], record["context"], record["variant"]


def save(path, records, record):
    records[:] = [r for r in records if key(r) != key(record)] + [record]
    path.write_text(json.dumps(records, indent=1) + "\n")


def compare(args, records, shape, context):
    have = {key(r) for r in records}
    for variant in VARIANTS:
        wanted = any(fnmatch.fnmatch(variant, p) for p in args.variants)
        if not wanted or ((shape, context, variant) in have and not args.again):
            continue
        print(f"{shape}, context {context}, {variant} ...", end=" ", file=sys.stderr, flush=True)
        try:
            record = measure(args, shape, context, variant)
        except (TimeoutError, RuntimeError) as error:
            print(f"left out: {error} (see {args.log})", file=sys.stderr)
            continue
        save(args.out, records, record)
        print(f"{record['warm_up']:.0f} s to warm up, {ratio(record):.2f}", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, help="default: all")
    parser.add_argument("--context", type=int, choices=(256, 1024), help="default: both")
    parser.add_argument("--variants", nargs="+", default=["*"], metavar="PATTERN", help="of: " + ", ".join(VARIANTS))
    parser.add_argument("--rounds", type=int, default=LEAST_ROUNDS, help="at least so many of each variant")
    parser.add_argument("--seconds", type=float, default=20, help="to measure a variant, unless the rounds take longer")
    parser.add_argument("--budget", type=float, default=480, help="seconds in which a variant must be warm")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("build/bench/torch_speed.json"))
    parser.add_argument("--again", action="store_true", help="also what --out has already")
    parser.add_argument("--table", action="store_true", help="only print what --out has")
    parser.add_argument("--program", default="build/release/bench/bench_train")
    parser.add_argument("--turns", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.turns:
        take_turns(args.turns[0], int(args.turns[1]), args.turns[2])
        return
    records = load(args.out)
    if not args.table:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.log = args.out.with_suffix(".log")
        args.peak = measure_peak(args)
        for shape in [args.shape] if args.shape else SHAPES:
            for context in [args.context] if args.context else (256, 1024):
                compare(args, records, shape, context)
    print_table(records)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Trains the models of bench_train with PyTorch on the same processor, in turns with ours.

    tools/compare_torch_speed.py [--shape 2M|10M|124M] [--context 256|1024] [--rounds 3]
                                 [--program build/release/bench/bench_train]

PyTorch at its best settings: scaled_dot_product_attention, fused AdamW, f32 and bf16
autocast, eager and compiled. Identical model (RMSNorm, RoPE, SwiGLU, tied head), batch and
tokens: optimizer steps of 4,096 tokens. Each round measures ours and each of theirs once;
the ratios of a round are taken within it, and medians of the rounds are printed, with the
peak memory of a process that does nothing else. Needs torch; run by hand.
"""
import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time

SHAPES = {  # layers, hidden, heads, intermediate, vocabulary, tokens a pass
    "2M": (4, 192, 6, 512, 2048, 4096),
    "10M": (11, 256, 8, 688, 4096, 4096),
    "124M": (12, 768, 12, 2048, 50257, 1024),
}
STEP_TOKENS = 4096


def build(shape, context):
    import torch
    import torch.nn.functional as F
    from torch import nn

    layers, hidden, heads, intermediate, vocab, _ = SHAPES[shape]
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


def measure(shape, context, bf16, compiled, steps):
    """Prints the median tokens a second and the peak memory (in a process of its own)."""
    import torch

    torch.manual_seed(1)
    torch.set_num_threads(os.cpu_count())
    vocab, micro = SHAPES[shape][4], max(SHAPES[shape][5], context)
    model = build(shape, context)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    run = torch.compile(model) if compiled else model
    ids = torch.randint(vocab, (micro // context, context))
    targets = torch.randint(vocab, ids.shape)
    seconds = []
    for _ in range(steps + 2):
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=False)
        for _ in range(STEP_TOKENS // micro):
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                loss = run(ids, targets) * (micro / STEP_TOKENS)
            loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        seconds.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(json.dumps({"tokens_per_s": STEP_TOKENS / statistics.median(seconds[2:]), "peak_mb": peak}))


def theirs(shape, context, bf16, compiled, steps):
    words = [sys.executable, __file__, "--measure", shape, str(context), str(int(bf16)), str(int(compiled)), str(steps)]
    out = subprocess.run(words, capture_output=True, text=True)
    if out.returncode != 0:
        print(f"  PyTorch {'bf16' if bf16 else 'f32'} {'compiled' if compiled else 'eager'} failed:"
              f" {out.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return None
    return json.loads(out.stdout.splitlines()[-1])


def ours(program, shape, context, compute, steps):
    words = [program, "--shape", shape, "--context", str(context), "--compute", compute, "--steps", str(steps)]
    lines = subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()
    return json.loads(lines[-1])


def compare(args, shape, context):
    kinds = [(bf16, compiled) for bf16 in (False, True) for compiled in (False, True)]
    rounds = []
    for _ in range(args.rounds):
        row = {("ours", c): ours(args.program, shape, context, c, args.steps) for c in ("f32", "bf16")}
        row |= {kind: theirs(shape, context, *kind, args.steps) for kind in kinds}
        rounds.append(row)
    best = {k: statistics.median(r[k]["tokens_per_s"] for r in rounds)
            for k in rounds[0] if all(r[k] for r in rounds)}
    peer = max((k for k in best if k[0] != "ours"), key=best.get)
    print(f"{shape}, context {context}:")
    for k in best:
        name = f"ours {k[1]}" if k[0] == "ours" else f"PyTorch {'bf16' if k[0] else 'f32'} {'compiled' if k[1] else 'eager'}"
        memory = max(r[k]["peak_mb"] for r in rounds)
        ratio = statistics.median(r[("ours", "bf16")]["tokens_per_s"] / r[k]["tokens_per_s"] for r in rounds)
        print(f"  {name:22} {best[k]:9.0f} tokens/s {memory:6.0f} MB   ours bf16 is {ratio:5.2f} times as fast"
              f"{'  <- their best' if k == peer else ''}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES)
    parser.add_argument("--context", type=int, choices=(256, 1024))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--program", default="build/release/bench/bench_train")
    parser.add_argument("--measure", nargs=5, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        shape, context, bf16, compiled, steps = args.measure
        measure(shape, int(context), int(bf16) > 0, int(compiled) > 0, int(steps))
        return
    for shape in [args.shape] if args.shape else SHAPES:
        for context in [args.context] if args.context else (256, 1024):
            compare(args, shape, context)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Trains one small model three ways from the same start on the same batches: ours with products
in f32, ours in bf16, and PyTorch in f32. Compares the loss on held-out text.

    tools/compare_torch_curves.py [--seeds 1 2 3] [--torch-seeds 1] [--updates 2000]

The practice world's text, a model of 3 layers and width 160 (1.3M parameters), updates of 1,024
tokens. A seed gives the start and the order of the batches, which tests/dump_batches writes
down for PyTorch; it trains with the same schedule, clipping, decay and AdamW, and documents attend
to themselves alone. Noise is how much the final held-out loss differs between seeds.

Everything is kept in --work. When --seconds are over, what runs saves a checkpoint and stops;
the same command goes on. Needs torch and safetensors; run by hand, after ./dev build release.
"""
import argparse
import json
import math
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import time

BATCH_TOKENS, CONTEXT, EVALUATIONS = 1024, 256, 10
TRAIN = {"lr": 3.6e-3, "lr_end": 0.1, "warmup": 0.02, "weight_decay": 0.1, "beta1": 0.9, "beta2": 0.95,
         "eps": 1e-8, "clip_norm": 1.0}
WAYS = ("f32", "bf16", "torch")


class TimeIsUp(Exception):
    pass


# --- ours -----------------------------------------------------------------------------------

def run(args, words, env=None):
    """Runs a program until the time is up; then asks it to stop, upon which it saves."""
    process = subprocess.Popen([str(w) for w in words], env=os.environ | (env or {}))
    try:
        status = process.wait(max(1, args.end - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGTERM)
        process.wait()
        raise TimeIsUp from None
    if status != 0:
        sys.exit(f"{words[0]} ended with status {status}")


def make_data(args):
    world, tokenizer = args.work / "world", args.work / "tokenizer"
    if not (world / "heldout.jsonl").exists():
        run(args, [args.tame, "world", world, "--text-bytes", "12000000", "--demonstrations", "0",
                   "--comparisons", "0"])
    if not (tokenizer / "tokenizer.json").exists():
        run(args, [args.tame, "tokenizer", tokenizer, "--data", world / "pretrain.jsonl", "--vocab", "2048"])


def stage_folder(args, seed, way):
    return args.work / f"{way}-{seed}"


def train_ours(args, seed, way):
    folder = stage_folder(args, seed, way)
    if (folder / "training.json").exists() and (folder / "config.json").exists():
        return
    words = [args.tame, "pretrain", folder, "--data", args.work / "world/pretrain.jsonl",
             "--heldout-data", args.work / "world/heldout.jsonl", "--tokenizer", args.work / "tokenizer",
             "--depth", "3", "--context", CONTEXT, "--batch-tokens", BATCH_TOKENS, "--micro-batch", BATCH_TOKENS,
             "--tokens", args.updates * BATCH_TOKENS, "--schedule", "cosine", "--seed", seed,
             "--eval-every", args.updates // EVALUATIONS, "--sample-every", "0"]
    for name, value in TRAIN.items():
        words += ["--" + name.replace("_", "-"), value]
    run(args, words, {"TAME_COMPUTE": way})


def curve_of_ours(args, seed, way):
    """Losses by update, held-out losses by update."""
    path = stage_folder(args, seed, way) / "metrics.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return ({r["step"]: r["loss"] for r in rows if "loss" in r},
            {r["step"]: r["heldout/loss"] for r in rows if "heldout/loss" in r})


# --- PyTorch --------------------------------------------------------------------------------

def read_batches(path):
    """[(ids, targets, positions, documents)] as tensors; documents are numbered from 0."""
    import torch

    numbers = torch.frombuffer(bytearray(path.read_bytes()), dtype=torch.int32).long()
    batches, at = [], 0
    while at < len(numbers):
        n = int(numbers[at])
        ids, targets, starts = numbers[at + 1:at + 1 + 3 * n].view(3, n)
        rows = torch.arange(n)
        batches.append((ids, targets, rows - starts, torch.cumsum(starts == rows, 0) - 1))
        at += 1 + 3 * n
    return batches


def load_model(folder):
    """The weights of a model folder, and the function from them and a batch to the losses."""
    import torch
    import torch.nn.functional as F
    from safetensors.torch import load_file

    config = json.loads((folder / "config.json").read_text())
    weights = {k: v.clone().requires_grad_() for k, v in load_file(folder / "model.safetensors").items()}
    hidden, heads, eps = config["hidden_size"], config["num_attention_heads"], config["rms_norm_eps"]
    dim = hidden // heads
    frequencies = config["rope_theta"] ** (-torch.arange(0, dim, 2).float() / dim)
    angles = torch.outer(torch.arange(config["max_position_embeddings"]).float(), frequencies).repeat(1, 2)

    def rope(x, positions):
        angle = angles[positions][:, None, :]
        half = torch.cat((-x[..., dim // 2:], x[..., :dim // 2]), -1)
        return x * angle.cos() + half * angle.sin()

    def attention(q, k, v, positions, documents):
        """A document is a row; what pads a row comes after it, where nothing attends to."""
        shape = (int(documents[-1]) + 1, int(positions.max()) + 1, heads, dim)
        q, k, v = (x.new_zeros(shape).index_put((documents, positions), x).transpose(1, 2) for x in (q, k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return y.transpose(1, 2)[documents, positions].flatten(1)

    def block(x, positions, documents, w):
        y = F.rms_norm(x, (hidden,), w("input_layernorm"), eps)
        q, k, v = (F.linear(y, w(f"self_attn.{p}_proj")).view(-1, heads, dim) for p in "qkv")
        y = attention(rope(q, positions), rope(k, positions), v, positions, documents)
        x = x + F.linear(y, w("self_attn.o_proj"))
        y = F.rms_norm(x, (hidden,), w("post_attention_layernorm"), eps)
        y = F.silu(F.linear(y, w("mlp.gate_proj"))) * F.linear(y, w("mlp.up_proj"))
        return x + F.linear(y, w("mlp.down_proj"))

    def loss(batch):
        ids, targets, positions, documents = batch
        x = F.embedding(ids, weights["model.embed_tokens.weight"])
        for layer in range(config["num_hidden_layers"]):
            x = block(x, positions, documents, lambda name, n=layer: weights[f"model.layers.{n}.{name}.weight"])
        x = F.rms_norm(x, (hidden,), weights["model.norm.weight"], eps)
        return F.cross_entropy(F.linear(x, weights["model.embed_tokens.weight"]), targets)

    return weights, loss


def schedule(u, n):
    """src/train/schedule.c"""
    warm = TRAIN["warmup"] * n
    if u < warm:
        return min(1, (u + 1) / warm)
    p = (u - warm) / max(1, n - warm)
    return TRAIN["lr_end"] + (1 - TRAIN["lr_end"]) * 0.5 * (1 + math.cos(math.pi * p))


def clip(parameters):
    """src/train/adamw.c: without the 1e-6 of clip_grad_norm_."""
    import torch

    norm = torch.sqrt(sum(p.grad.double().square().sum() for p in parameters))
    if norm > TRAIN["clip_norm"]:
        for p in parameters:
            p.grad *= TRAIN["clip_norm"] / norm


class Peer:
    """PyTorch in the middle of training; torch.pt in its folder holds all of it."""

    def __init__(self, args, seed):
        import torch

        self.folder = stage_folder(args, seed, "torch")
        self.updates = json.loads((stage_folder(args, seed, "f32") / "training.json").read_text())["updates"]
        if not (self.folder / "heldout.bin").exists():
            run(args, [args.dump, stage_folder(args, seed, "f32"), seed, BATCH_TOKENS, self.updates, self.folder])
        self.batches, self.heldout = (read_batches(self.folder / f"{name}.bin") for name in ("train", "heldout"))
        self.weights, self.loss = load_model(self.folder / "start")
        groups = [{"params": [p for p in self.weights.values() if p.dim() == d],
                   "weight_decay": TRAIN["weight_decay"] if d == 2 else 0.0} for d in (1, 2)]
        self.optimizer = torch.optim.AdamW(groups, lr=TRAIN["lr"], betas=(TRAIN["beta1"], TRAIN["beta2"]),
                                           eps=TRAIN["eps"], fused=True)
        self.losses, self.held, self.step = {}, {}, 0
        if (self.folder / "torch.pt").exists():
            saved = torch.load(self.folder / "torch.pt")
            self.losses, self.held, self.step = saved["losses"], saved["held"], saved["step"]
            self.optimizer.load_state_dict(saved["optimizer"])
            with torch.no_grad():
                for name, value in saved["weights"].items():
                    self.weights[name].copy_(value)

    def save(self):
        import torch

        torch.save({"losses": self.losses, "held": self.held, "step": self.step, "weights": self.weights,
                    "optimizer": self.optimizer.state_dict()}, self.folder / "torch.pt")

    def update(self):
        for group in self.optimizer.param_groups:
            group["lr"] = TRAIN["lr"] * schedule(self.step, self.updates)
        loss = self.loss(self.batches[self.step])
        loss.backward()
        clip(self.weights.values())
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.step += 1
        self.losses[self.step] = loss.item()

    def evaluate(self):
        import torch

        with torch.no_grad():
            sums = [(self.loss(b).item() * len(b[0]), len(b[0])) for b in self.heldout]
        self.held[self.step] = sum(s for s, _ in sums) / sum(n for _, n in sums)


def train_torch(args, seed):
    peer = Peer(args, seed)
    every = args.updates // EVALUATIONS
    if peer.step == 0:
        peer.evaluate()
    while peer.step < peer.updates:
        if time.monotonic() > args.end:
            peer.save()
            raise TimeIsUp
        peer.update()
        if peer.step % every == 0 or peer.step == peer.updates:
            peer.evaluate()
            peer.save()
            print(f"torch, seed {seed}: step {peer.step} of {peer.updates}, held-out {peer.held[peer.step]:.4f}",
                  file=sys.stderr, flush=True)


def curve_of_torch(args, seed):
    import torch

    path = stage_folder(args, seed, "torch") / "torch.pt"
    if not path.exists():
        return {}, {}
    saved = torch.load(path)
    return saved["losses"], saved["held"]


# --- comparing --------------------------------------------------------------------------------

def print_curves(seed, curves):
    steps = sorted(set.intersection(*(set(held) for _, held in curves.values())))
    print(f"\nSeed {seed}: held-out loss, nats a token\n  step " + "".join(f"{way:>10}" for way in curves)
          + "".join(f"{way + ' - f32':>14}" for way in curves if way != "f32"))
    for step in steps:
        held = {way: curves[way][1][step] for way in curves}
        print(f"  {step:5}" + "".join(f"{v:10.4f}" for v in held.values())
              + "".join(f"{held[way] - held['f32']:+14.4f}" for way in curves if way != "f32"))
    for way in curves:
        first = [abs(curves[way][0][u] - curves["f32"][0][u]) for u in range(1, 21)
                 if u in curves[way][0] and u in curves["f32"][0]]
        if way != "f32" and first:
            print(f"  largest difference of the training loss in the first {len(first)} updates, {way}: {max(first):.1e}")


def print_end(curves):
    """Differences at the end beside the noise between seeds; of trainings that are finished."""
    ends = {seed: max(max(held) for _, held in by.values()) for seed, by in curves.items() if by}
    last = {(seed, way): held[ends[seed]] for seed, by in curves.items() for way, (_, held) in by.items()
            if ends[seed] in held}
    print("\nAt the end")
    spread = [last[seed, "f32"] for seed in curves if (seed, "f32") in last]
    if len(spread) > 1:
        print(f"  f32, {len(spread)} seeds: {statistics.mean(spread):.4f}, standard deviation between seeds"
              f" {statistics.stdev(spread):.4f}")
    for way in WAYS[1:]:
        off = [last[s, way] - last[s, "f32"] for s in curves if (s, way) in last and (s, "f32") in last]
        if off:
            print(f"  {way} - f32, same seeds: mean {statistics.mean(off):+.4f}, " + ", ".join(f"{x:+.4f}" for x in off))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--torch-seeds", type=int, nargs="*", default=[1], help="of --seeds: those PyTorch trains, too")
    parser.add_argument("--updates", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=1e9, help="to work before stopping, to be called again")
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("build/curves"))
    parser.add_argument("--tame", default="build/release/tame")
    parser.add_argument("--dump", default="build/release/tests/dump_batches")
    args = parser.parse_args()
    args.end = time.monotonic() + args.seconds
    args.work.mkdir(parents=True, exist_ok=True)
    try:
        make_data(args)
        for seed in args.seeds:
            for way in WAYS[:2]:
                train_ours(args, seed, way)
            if seed in args.torch_seeds:
                train_torch(args, seed)
    except TimeIsUp:
        print("The time is up; the same command goes on.", file=sys.stderr)
    curves = {}
    for seed in args.seeds:
        by = {way: curve_of_ours(args, seed, way) for way in WAYS[:2]} | {"torch": curve_of_torch(args, seed)}
        curves[seed] = {way: c for way, c in by.items() if c[1]}
        if "f32" in curves[seed]:
            print_curves(seed, curves[seed])
    print_end(curves)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Compares a model folder of ours with what transformers computes from it.

    tools/compare_transformers.py FOLDER... [--program build/release/tests/dump_logits]

Loads each folder with AutoModelForCausalLM or ...ForSequenceClassification in float64,
runs random ids through it and through our program on both of its backends, and prints
the largest difference relative to the largest value. A reward model must also give the
same score when padding follows. Needs torch and transformers; run by hand. The last
line is `ok`, and the exit status 0, if every folder agrees to 1e-4.
"""
import argparse
import json
import pathlib
import subprocess
import sys

import torch
import transformers

TOLERANCE = 1e-4


def ours(program, backend, folder, ids):
    words = [program, backend, str(folder), *map(str, ids)]
    text = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    return torch.tensor([[float(x) for x in line.split()] for line in text.splitlines()])


def theirs(folder, ids, config):
    """(N, V) logits, or (1, 1): a classifier scores the last token alone."""
    classifier = "SequenceClassification" in config["architectures"][0]
    kind = (transformers.AutoModelForSequenceClassification if classifier
            else transformers.AutoModelForCausalLM)
    model, info = kind.from_pretrained(folder, output_loading_info=True)
    for what in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if info[what]:
            sys.exit(f"{folder}: {what}: {sorted(info[what])}")
    model = model.double().eval()
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits
        if not classifier:
            return logits[0]
        padded = model(torch.tensor([ids + [config["pad_token_id"]] * 3])).logits
    if not torch.allclose(padded, logits, rtol=1e-9):
        sys.exit(f"{folder}: padding changes the score of transformers")
    return logits + config.get("tame_reward_bias", 0.0)


def compare(program, folder):
    config = json.loads((folder / "config.json").read_text())
    n = min(64, config["max_position_embeddings"])
    gen = torch.Generator().manual_seed(1)
    ids = torch.randint(config["vocab_size"], (n,), generator=gen)
    pad = config.get("pad_token_id")
    if pad is not None:  # a classifier looks for the last token that is none
        ids[ids == pad] = (pad + 1) % config["vocab_size"]
    ids = ids.tolist()
    want = theirs(folder, ids, config)
    good = True
    for backend in ("ref", "cpu"):
        got = ours(program, backend, folder, ids)
        got = got[-1:] if len(want) == 1 else got
        if got.shape != want.shape:
            sys.exit(f"{folder}: {tuple(got.shape)} values, not {tuple(want.shape)}")
        off = ((got - want).abs().max() / want.abs().max()).item()
        good &= off <= TOLERANCE
        print(f"{folder}: {config['architectures'][0]}, {backend}, {n} tokens, "
              f"off by {off:.1e}")
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=pathlib.Path)
    parser.add_argument("--program", default="build/release/tests/dump_logits")
    args = parser.parse_args()
    good = all([compare(args.program, folder) for folder in args.folders])
    print("ok" if good else "different")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Compares adapter folders of ours with what PEFT makes of them, and PEFT's with ours.

    tools/compare_peft.py ADAPTER... [--build build/release]

For each folder: PEFT must find every tensor of it and no other, and give the same outputs
(in float64) as our program does with the adapter over its base and with the adapter
merged, on both backends; `tame merge` must give the weights that PEFT's merge_and_unload
gives. Then PEFT makes an adapter of its own over the same base, of other targets and another
rank, with rslora, and our program must read it as it is. Needs torch, transformers and peft;
run by hand. The last line is `ok`, and the exit status 0, if all agree to 1e-4 (weights: to
1e-6).
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # a base is a folder, not a name on the hub
import peft
import torch
import transformers
from safetensors.torch import load_file

TOLERANCE, WEIGHT_TOLERANCE = 1e-4, 1e-6


def base_of(folder):
    """Where our program finds it, too."""
    name = json.loads((folder / "adapter_config.json").read_text())["base_model_name_or_path"]
    last = pathlib.Path(name).name
    places = [pathlib.Path(name)] + [folder.joinpath(*[".."] * up, last) for up in range(1, 5)]
    return next(p for p in places if (p / "config.json").exists()).resolve()


def open_base(folder, scores):
    if scores:
        return transformers.AutoModelForSequenceClassification.from_pretrained(
            folder, num_labels=1)
    return transformers.AutoModelForCausalLM.from_pretrained(folder)


def their_outputs(model, ids, scores):
    with torch.no_grad():
        if not scores:
            return model(torch.tensor([ids])).logits[0]
        # A score a position: a classifier scores the last token of what it is given.
        return torch.cat([model(torch.tensor([ids[:i + 1]])).logits for i in range(len(ids))])


def our_outputs(build, backend, folder, ids):
    words = [build / "tests/dump_logits", backend, folder, *map(str, ids)]
    text = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    return torch.tensor([[float(x) for x in line.split()] for line in text.splitlines()],
                        dtype=torch.float64)


def compare_outputs(build, folder, model, ids, scores, bias):
    want = their_outputs(model.double().eval(), ids, scores) + bias
    good = True
    for backend in ("ref", "cpu", "ref-adapter", "cpu-adapter"):
        got = our_outputs(build, backend, folder, ids)
        off = ((got - want).abs().max() / want.abs().max()).item()
        good &= got.shape == want.shape and off <= TOLERANCE
        print(f"  outputs, {backend}: off by {off:.1e}")
    return good


def compare_tensors(folder, model):
    """What PEFT holds after loading is what the file holds, under the same names."""
    held = peft.get_peft_model_state_dict(model)
    file = load_file(folder / "adapter_model.safetensors")
    if set(held) != set(file):
        print(f"  tensors: {sorted(set(held) ^ set(file))[:4]} are in one only")
        return False
    same = all(torch.equal(held[k].float(), file[k].float()) for k in file)
    print(f"  tensors: {len(file)}, {'the same' if same else 'different'}")
    return same


def compare_merged(build, folder, model):
    merged = model.merge_and_unload().state_dict()
    with tempfile.TemporaryDirectory() as temp:
        subprocess.run([build / "tame", "merge", folder, temp + "/merged"], check=True,
                       capture_output=True)
        ours = load_file(temp + "/merged/model.safetensors")
    worst = max(((ours[k] - merged[k]).abs().max() / merged[k].abs().max()).item() for k in ours)
    print(f"  merged weights: {len(ours)} tensors, off by {worst:.1e}")
    return worst <= WEIGHT_TOLERANCE


def compare_theirs(build, base, ids, scores):
    """An adapter that PEFT makes, with B that is not 0."""
    config = peft.LoraConfig(
        r=5, lora_alpha=7, use_rslora=True, target_modules=["q_proj", "v_proj", "down_proj"],
        lora_dropout=0.05, init_lora_weights=False,
        task_type="SEQ_CLS" if scores else "CAUSAL_LM")
    torch.manual_seed(3)
    model = peft.get_peft_model(open_base(base, scores), config)
    with tempfile.TemporaryDirectory() as temp:
        folder = pathlib.Path(temp) / "theirs"
        model.save_pretrained(folder)
        return compare_outputs(build, folder, model, ids, scores, 0.0)


def compare(build, folder):
    base = base_of(folder)
    adapter = json.loads((folder / "adapter_config.json").read_text())
    scores = adapter.get("task_type") == "SEQ_CLS"
    config = folder / "config.json"
    bias = json.loads(config.read_text()).get("tame_reward_bias", 0.0) if config.exists() else 0.0
    shape = json.loads((base / "config.json").read_text())
    gen = torch.Generator().manual_seed(1)
    n = min(48, shape["max_position_embeddings"])
    ids = torch.randint(shape["vocab_size"], (n,), generator=gen)
    pad = shape.get("pad_token_id")
    if pad is not None:
        ids[ids == pad] = (pad + 1) % shape["vocab_size"]
    ids = ids.tolist()

    print(f"{folder} over {base}: rank {adapter['r']}, alpha {adapter['lora_alpha']}")
    model = peft.PeftModel.from_pretrained(open_base(base, scores), folder)
    good = compare_tensors(folder, model)
    good &= compare_outputs(build, folder, model, ids, scores, bias)
    model = peft.PeftModel.from_pretrained(open_base(base, scores), folder)
    good &= compare_merged(build, folder, model) if (base / "tokenizer.json").exists() else True
    print("  an adapter that PEFT made:")
    return good & compare_theirs(build, base, ids, scores)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=pathlib.Path)
    parser.add_argument("--build", default="build/release", type=pathlib.Path)
    args = parser.parse_args()
    good = all([compare(args.build, folder) for folder in args.folders])
    print("ok" if good else "different")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

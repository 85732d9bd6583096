#!/usr/bin/env python3
"""Reinforcement learning by TRL on the same processor, in turns with ours.

    tools/compare_trl.py --sft runs/demo/sft --reward runs/demo/reward \\
        --prompts runs/demo/data/world/prompts.jsonl [--episodes 512] [--rounds 5]
        [--algorithm ppo|grpo] [--kl-coef X] [--dtype float32|bfloat16] [--keep OUT]

The same policy, reward model and prompts, the same batch (128 episodes), minibatches (4, each
with a step of the optimizer), epochs (2; GRPO 1), answers a prompt (GRPO: 4), temperature 1,
answers of at most 96 tokens, KL coefficient, without tools, two threads. Each turn is `--turn` iterations of either program; the first
iteration of a program's run is left out. The ratio is the median over rounds of the
quotients of neighbouring turns. With --keep OUT, TRL trains to --episodes in one go and its
policy is saved there with our tokenizer, for `tame eval gold`. Needs torch, transformers and
trl (0.19); run by hand.
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

BATCH, MINIBATCHES, EPOCHS, ANSWERS, NEW = 128, 4, 2, 4, 96


# --- TRL ---------------------------------------------------------------------------------

def conversation(row):
    return row["messages"] if "messages" in row else [{"role": "user", "content": row["prompt"]}]


def load(args):
    import torch
    import transformers

    dtype = getattr(torch, args.dtype)
    tok = transformers.AutoTokenizer.from_pretrained(args.sft, padding_side="left")
    tok.eos_token = "<|im_end|>"  # what ends an answer

    def causal():
        m = transformers.AutoModelForCausalLM.from_pretrained(args.sft, torch_dtype=dtype)
        m.generation_config.eos_token_id = m.config.eos_token_id = tok.eos_token_id
        m.generation_config.pad_token_id = tok.pad_token_id
        return m

    def scorer():
        return transformers.AutoModelForSequenceClassification.from_pretrained(
            args.reward, torch_dtype=dtype, num_labels=1)

    rows = [json.loads(line) for line in open(args.prompts)]
    return tok, causal, scorer, rows


def taking_turns():
    """A callback that reports the seconds of each iteration and waits to be asked for the next."""
    import transformers

    class Turns(transformers.TrainerCallback):
        began = None

        def on_log(self, *_, logs=None, **__):
            if not ({"objective/kl", "reward"} & set(logs or ())):
                return
            now = time.monotonic()
            seconds = now - self.began if self.began else None
            print("@" + json.dumps({"seconds": seconds, "score": logs.get("objective/scores", logs.get("reward"))}),
                  flush=True)
            if not sys.stdin.readline():
                os._exit(0)
            self.began = time.monotonic()

    return Turns()


def train_ppo(args, episodes, callbacks):
    import trl
    from datasets import Dataset

    tok, causal, scorer, rows = load(args)
    ids = [tok.apply_chat_template(conversation(r), add_generation_prompt=True) for r in rows]
    # PPOTrainer's batch is per_device_train_batch_size * gradient_accumulation_steps, and it
    # parts that into minibatches; any accumulation is over minibatches, and fewer steps.
    config = trl.PPOConfig(
        output_dir=tempfile.mkdtemp(), report_to="none", use_cpu=True, bf16=False, disable_tqdm=True,
        per_device_train_batch_size=BATCH, gradient_accumulation_steps=1,
        num_mini_batches=MINIBATCHES, num_ppo_epochs=EPOCHS, local_rollout_forward_batch_size=BATCH,
        total_episodes=episodes, response_length=NEW, stop_token="eos", temperature=1.0,
        missing_eos_penalty=1.0, kl_coef=args.kl_coef, learning_rate=1e-4, lr_scheduler_type="linear",
        num_sample_generations=0, save_strategy="no", gradient_checkpointing=False, seed=1)
    policy = causal()
    trainer = trl.PPOTrainer(
        args=config, processing_class=tok, model=policy, ref_model=causal(), reward_model=scorer(),
        value_model=scorer(), train_dataset=Dataset.from_dict({"input_ids": ids}),
        eval_dataset=Dataset.from_dict({"input_ids": ids[:BATCH]}), callbacks=callbacks)
    trainer.train()
    return policy


def train_grpo(args, episodes, callbacks):
    import torch
    import trl
    from datasets import Dataset

    tok, causal, scorer, rows = load(args)
    judge = scorer().eval()

    def score(prompts, completions, completion_ids, **_):
        texts = [tok(p, add_special_tokens=False)["input_ids"] + list(c)
                 for p, c in zip(prompts, completion_ids)]
        most = max(map(len, texts))
        ids = torch.tensor([t + [tok.pad_token_id] * (most - len(t)) for t in texts])
        with torch.no_grad():
            return judge(ids, attention_mask=ids != tok.pad_token_id).logits[:, 0].float().tolist()

    texts = [tok.apply_chat_template(conversation(r), add_generation_prompt=True, tokenize=False) for r in rows]
    config = trl.GRPOConfig(
        output_dir=tempfile.mkdtemp(), report_to="none", use_cpu=True, bf16=False, disable_tqdm=True,
        per_device_train_batch_size=BATCH // MINIBATCHES, gradient_accumulation_steps=1,
        steps_per_generation=MINIBATCHES, num_generations=ANSWERS, num_iterations=1,
        max_completion_length=NEW, temperature=1.0, beta=args.kl_coef, learning_rate=1e-4, logging_steps=MINIBATCHES,
        max_steps=episodes // BATCH * MINIBATCHES, save_strategy="no", gradient_checkpointing=False, seed=1)
    trainer = trl.GRPOTrainer(model=causal(), reward_funcs=score, args=config, processing_class=tok,
                              train_dataset=Dataset.from_dict({"prompt": texts}), callbacks=callbacks)
    trainer.train()
    return trainer.model


def child(args, episodes, callbacks):
    import torch
    torch.set_num_threads(args.threads)
    policy = {"ppo": train_ppo, "grpo": train_grpo}[args.algorithm](args, episodes, callbacks)
    if args.keep:
        policy.float().save_pretrained(args.keep)
        for name in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copy(pathlib.Path(args.sft) / name, args.keep)


class Trl:
    def __init__(self, args):
        words = [sys.executable, __file__, *sys.argv[1:], "--child"]
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(words, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.log)
        self.iteration()  # loads, and the first one warms up

    def iteration(self):
        for line in self.process.stdout:
            if line.startswith("@"):
                return json.loads(line[1:])["seconds"]
        self.log.seek(0)
        sys.exit("TRL stopped:\n" + self.log.read()[-3000:])

    def turn(self, n):
        total = 0
        for _ in range(n):
            self.process.stdin.write("\n")
            self.process.stdin.flush()
            total += self.iteration()
        return n * BATCH / total


# --- ours --------------------------------------------------------------------------------

def our_turn(args, n):
    """Episodes a second of iterations 2 to n + 1."""
    with tempfile.TemporaryDirectory() as folder:
        words = [args.tame, args.algorithm, f"{folder}/out", "--model", args.sft, "--reward", args.reward,
                 "--prompts", args.prompts, "--episodes", str((n + 1) * BATCH), "--batch", str(BATCH),
                 "--minibatches", str(MINIBATCHES), "--max-new", str(NEW), "--no-tools",
                 "--kl-coef", str(args.kl_coef),
                 "--eval-every", "0", "--sample-every", "0", "--checkpoint-every", "0"]
        words += ["--epochs", str(EPOCHS)] if args.algorithm == "ppo" else ["--answers", str(ANSWERS)]
        subprocess.run(words, check=True, capture_output=True, env={**os.environ, "TAME_THREADS": str(args.threads)})
        rows = [json.loads(line) for line in open(f"{folder}/out/timings.jsonl")]
    return n * BATCH / (rows[-1]["seconds"] - rows[0]["seconds"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sft", required=True)
    parser.add_argument("--reward", required=True)
    parser.add_argument("--prompts", required=True)
    parser.add_argument("--algorithm", choices=("ppo", "grpo"), default="ppo")
    parser.add_argument("--kl-coef", type=float, default=None, help="0.2; GRPO 0.05")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--episodes", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--turn", type=int, default=2, help="iterations of TRL in a turn; ours has four times as many")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--tame", default="build/release/tame")
    parser.add_argument("--keep")
    parser.add_argument("--child", action="store_true")
    args = parser.parse_args()
    if args.kl_coef is None:
        args.kl_coef = {"ppo": 0.2, "grpo": 0.05}[args.algorithm]
    if args.child or args.keep:
        return child(args, args.episodes if args.keep else 10**6, [] if args.keep else [taking_turns()])
    trl, pairs = Trl(args), []
    for i in range(args.rounds):
        theirs, ours = trl.turn(args.turn), our_turn(args, 4 * args.turn)
        pairs.append((ours, theirs))
        print(f"round {i + 1}: TRL {theirs:.2f} episodes/s, ours {ours:.2f}: {ours / theirs:.1f} times", flush=True)
    trl.process.kill()
    ours, theirs = (statistics.median(x) for x in zip(*pairs))
    print(f"{args.algorithm}, {args.dtype}: TRL {theirs:.2f} episodes/s, ours {ours:.2f}; median of the rounds' ratios "
          f"{statistics.median(a / b for a, b in pairs):.1f}")


if __name__ == "__main__":
    sys.exit(main())

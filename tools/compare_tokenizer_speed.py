#!/usr/bin/env python3
"""compare_tokenizer_speed.py - tame's tokenizer against its peers, run by hand.

    tools/compare_tokenizer_speed.py FILE.jsonl FOLDER [--vocab N] [--rounds N]

Needs the Python packages tokenizers and tiktoken, and build/release/bench/bench_tokenizer
(--program). FILE.jsonl has a {"text"} a line, FOLDER a byte-level tokenizer.json with
GPT-2's split pattern.

Training: `tokenizers` (Hugging Face) and tame learn --vocab tokens from all texts with
GPT-2's split pattern, on --threads threads. Encoding: `tiktoken` (encode_ordinary) and
tame encode all texts with FOLDER's vocabulary on one thread, `tokenizers` (encode_batch)
and tame on --threads threads. Texts are in memory before the clock starts.

All take turns, --rounds times; the rate of each is its best one, and a ratio is that of
the best ones. It is told twice: of elapsed time, and of processor time, which tells more
on a machine that does other work, and less about threads. tame's ids and the peers' are
the same in number, or the last line says otherwise.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

GPT2 = (r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s")


class Clock:
    def __enter__(self):
        self.start = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_):
        self.seconds = time.perf_counter() - self.start[0]
        self.cpu = time.process_time() - self.start[1]


def byte_alphabet():
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in plain]
    return {chr(b): b for b in plain} | {chr(256 + i): b for i, b in enumerate(others)}


def tiktoken_of(folder):
    import tiktoken
    alphabet = byte_alphabet()
    vocab = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    ranks = {bytes(alphabet[c] for c in name): rank for name, rank in vocab.items()
             if all(c in alphabet for c in name) and not name.startswith("<|")}
    return tiktoken.Encoding("compared", pat_str=GPT2, mergeable_ranks=ranks,
                             special_tokens={})


def hugging_face_trains(texts, vocab):
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    with Clock() as clock:
        tokenizer.train_from_iterator(texts, trainer)
    return clock.seconds, clock.cpu, None


def told(who, times):
    for what, (seconds, cpu, _) in times.items():
        print(f"  {who}, {what}: {seconds:.2f} s, {cpu:.2f} s of processor", flush=True)
    return times


def tame_runs(program, file, folder, vocab):
    words = [program, "--runs", "1", "--vocab", str(vocab), "--tokenizer", folder, file]
    out = subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout
    times = {}
    for line in out.decode().splitlines():
        row = json.loads(line)
        if row["what"] == "train":
            times["train"] = row["seconds"], row["cpu_s"], None
        elif row["what"] == "encode":
            name = "encode, one thread" if row["threads"] == 1 else "encode, all threads"
            times[name] = (row["mb"] / row["mb_per_s"], row["mb"] / row["mb_per_cpu_s"],
                           row["tokens"])
    return times


def peers_run(texts, folder, vocab):
    from tokenizers import Tokenizer
    one, many = tiktoken_of(folder), Tokenizer.from_file(str(folder / "tokenizer.json"))
    times = {"train": hugging_face_trains(texts, vocab)}
    with Clock() as clock:
        tokens = sum(len(one.encode_ordinary(t)) for t in texts)
    times["encode, one thread"] = clock.seconds, clock.cpu, tokens
    with Clock() as clock:
        batch = many.encode_batch_fast(texts, add_special_tokens=False)
    times["encode, all threads"] = clock.seconds, clock.cpu, sum(map(len, batch))
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--vocab", type=int, default=32000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--program", default="build/release/bench/bench_tokenizer")
    args = parser.parse_args()
    os.environ["RAYON_NUM_THREADS"] = str(args.threads)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:args.threads])
    texts = [json.loads(line)["text"] for line in args.file.open()]
    mb = sum(len(t.encode()) for t in texts) / 1e6
    rounds = []
    for _ in range(args.rounds):
        ours = told("tame", tame_runs(args.program, args.file, args.folder, args.vocab))
        rounds.append((ours, told("peer", peers_run(texts, args.folder, args.vocab))))
    same = True
    peers = {"train": "tokenizers", "encode, one thread": "tiktoken",
             "encode, all threads": "tokenizers"}
    print(f"{mb:.1f} MB, {len(texts)} texts, {args.threads} threads")
    for what, peer in peers.items():
        if what not in rounds[0][0]:
            continue
        ours, theirs = ([min(r[i][what][k] for r in rounds) for k in (0, 1)]
                        for i in (0, 1))
        print(f"{what}: tame {ours[0]:.2f} s ({mb / ours[0]:.1f} MB/s, {ours[1]:.2f} s of "
              f"processor), {peer} {theirs[0]:.2f} s ({mb / theirs[0]:.1f} MB/s, "
              f"{theirs[1]:.2f} s): {theirs[0] / ours[0]:.1f} times as fast, "
              f"{theirs[1] / ours[1]:.1f} by processor time")
        same &= rounds[0][0][what][2] == rounds[0][1][what][2]
    print("ok" if same else "the numbers of ids differ")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())

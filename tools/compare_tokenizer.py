#!/usr/bin/env python3
"""compare_tokenizer.py - tame's tokens against those of Hugging Face, run by hand.

    tools/compare_tokenizer.py FOLDER... --text FILE... [--messages FILE...]
    tools/compare_tokenizer.py --train 2048 --text FILE... [--messages FILE...]

Needs the Python packages tokenizers and transformers, and `tame` (--program).

Text: --bytes in equal parts from each FILE (UTF-8, also .gz), from random bytes read as
Latin-1, and from characters of every Unicode category, emoji, combining marks and names
of special tokens; cut into texts of 1 to 20,000 characters wherever that falls. The ids
of each are compared, and all of it must come back from its ids.

Conversations: some hard ones and the first --rows of each --messages FILE (JSON Lines
with "messages", also .gz), against apply_chat_template with and without
add_generation_prompt; only for folders with tame's template.

--train N first learns N tokens from the text with each split pattern, and tells how many
merges Hugging Face's trainer learns too (it breaks ties otherwise, so this is no
verdict). The last line is `ok`, and the exit status 0, if nothing differs.
"""
import argparse
import gzip
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import unicodedata

SEPARATOR = "\x1e--8<--\x1e"
EMOJI = ["😀", "👨‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "🇩🇪", "✅", "😶‍🌫️", "☕️", "1️⃣"]
BLANKS = [" ", "  ", "\n", "\r\n", "\n\n", "\t", " \n ", "\u00a0", "\u3000", "\u2028",
          "\x85", "\x0b", "\u200b", "\u180e", "\ufeff", "\x1c"]
ENDINGS = ["'s", "'S", "'re", "'Re", "'LL", "'ll", "'\u017f", "'D", "\u2019s", "'v"]
NAMES = ["<|bos|>", "<|user|>", "<|endoftext|>", "<|im_end|>", "<s>", "</s>", "<unk>",
         "<0x0A>"]
PUNCTUATION = "!@#$%^&*()_+-=[]{};':\",./<>?`~|\\"
CJK = "你好世界我们的大学中文日本語カタカナひらがな한국어조선말龍龜"
HARD_CHATS = [
    [{"role": "user", "content": "Hello  there\n"}],
    [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is 12*7?\n\n"},
        {"role": "assistant", "content": "", "tool_calls": [
            {"type": "function", "function": {
                "name": "calculator", "arguments": {"expression": "12*7"}}}]},
        {"role": "tool", "content": "84"},
        {"role": "assistant", "content": " 12 * 7 = 84.\n"},
        {"role": "user", "content": "'s café 你好 {{ x }} {% if %} <b>&amp;"},
        {"role": "assistant", "content": None, "tool_calls": [
            {"type": "function", "function": {
                "name": "calculator", "arguments": "1/3"}}]},
        {"role": "tool", "content": "1/3"},
        {"role": "assistant", "content": "👍🏽"},
        {"role": "user", "content": " e\u0301\u0323 "},
    ],
]


# --- what is compared ------------------------------------------------------------
def opened(path):
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")


def strange_text(draw, size):
    by_category = {}
    for code in range(0x110000):
        category = unicodedata.category(chr(code))
        if category not in ("Cn", "Co", "Cs"):
            by_category.setdefault(category, []).append(chr(code))
    categories = sorted(by_category)
    words = [
        lambda n: " " + "".join(draw.choices("etaoinshrdlucmfwypETAOIN", k=n)),
        lambda n: draw.choice(BLANKS) * draw.choice([1, 1, 2, 3, 7]),
        lambda n: "".join(draw.choices("0123456789", k=n)),
        lambda n: draw.choice(ENDINGS),
        lambda n: draw.choice(NAMES),
        lambda n: draw.choice(EMOJI) * draw.choice([1, 1, 3]),
        lambda n: "".join(draw.choices(PUNCTUATION, k=n)),
        lambda n: "".join(draw.choices(CJK, k=n)),
        lambda n: "e" + "".join(draw.choices(by_category["Mn"], k=n)),
        lambda n: "".join(draw.choice(by_category[draw.choice(categories)])
                          for _ in range(n)),
    ]
    out, used = [], 0
    while used < size:
        out.append(draw.choice(words)(draw.randint(1, 6)))
        used += len(out[-1].encode())
    return "".join(out)


def cut(draw, text):
    """Lengths are log-uniform: as many of 1 to 10 characters as of 1,000 to 10,000."""
    texts, at = [], 0
    while at < len(text):
        n = int(20000 ** draw.random())
        texts.append(text[at:at + n])
        at += n
    return texts


def mixed_texts(files, size):
    draw = random.Random(1)
    part = size // (len(files) + 2)
    parts = []
    for path in files:
        with opened(path) as file:
            parts.append(file.read(part).decode("utf-8", errors="ignore"))
    parts.append(draw.randbytes(part * 2 // 3).decode("latin-1"))  # 1.5 bytes each
    used = sum(len(p.encode()) for p in parts)
    parts.append(strange_text(draw, size - used))
    return [t for p in parts for t in cut(draw, p.replace(SEPARATOR, ""))]


def read_chats(files, rows):
    chats = list(HARD_CHATS)
    for path in files:
        with opened(path) as file:
            for _, line in zip(range(rows), file):
                chats.append(json.loads(line)["messages"])
    return chats


# --- comparing -------------------------------------------------------------------
def tame(program, *words, given=None):
    words = [program, *map(str, words)]
    return subprocess.run(words, input=given, check=True, stdout=subprocess.PIPE).stdout


def ids_of_lines(output):
    return [[int(i) for i in line.split()] for line in output.decode().splitlines()]


def tally(folder, name, inputs, ours, theirs):
    if len(ours) != len(inputs):
        sys.exit(f"{folder}: tame has {len(ours)} lines of ids for {len(inputs)} {name}")
    wrong = [i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b]
    for i in wrong[:3]:
        a, b = ours[i], theirs[i]
        at = next((k for k, (x, y) in enumerate(zip(a, b)) if x != y),
                  min(len(a), len(b)))
        print(f"  {inputs[i]!r:.200}\n  id {at}: tame {a[at:at + 6]}, "
              f"theirs {b[at:at + 6]}")
    print(f"{folder}: {len(inputs)} {name}, {sum(map(len, theirs))} ids, "
          f"{len(wrong)} different", flush=True)
    return not wrong


def compare_texts(program, folder, texts):
    from tokenizers import Tokenizer
    theirs = Tokenizer.from_file(str(folder / "tokenizer.json"))
    theirs.encode_special_tokens = True  # as tame: they never arise from text
    given = "".join(t + SEPARATOR for t in texts).encode()
    ours = ids_of_lines(tame(program, "tokenize", folder, "--separator", SEPARATOR,
                             given=given))
    want = [e.ids for e in theirs.encode_batch(texts, add_special_tokens=False)]
    good = tally(folder, "texts", texts, ours, want)

    whole = "".join(texts).encode()
    ids = tame(program, "tokenize", folder, given=whole)
    back = tame(program, "tokenize", folder, "--from", "ids", given=ids)
    same = back in (whole, b" " + whole)  # Llama 2's kind puts a space in front
    print(f"{folder}: {len(whole)} bytes {'come back' if same else 'DO NOT come back'}")
    return good and same


def compare_chats(program, folder, chats):
    from transformers import AutoTokenizer
    theirs = AutoTokenizer.from_pretrained(folder)
    given = "".join(json.dumps({"messages": c}) + "\n" for c in chats).encode()
    good = True
    for prompt in (False, True):
        flag = "--generation-prompt" if prompt else "--no-generation-prompt"
        ours = ids_of_lines(tame(program, "tokenize", folder, "--from", "messages", flag,
                                 given=given))
        want = [theirs.apply_chat_template(c, tokenize=True, add_generation_prompt=prompt)
                for c in chats]
        name = "conversations" + (" with a generation prompt" if prompt else "")
        good &= tally(folder, name, chats, ours, want)
    return good


def has_tames_template(folder):
    config = folder / "tokenizer_config.json"
    if not config.exists():
        return False
    return "'<|im_end|>'" in json.loads(config.read_text()).get("chat_template", "")


def compare_merges(folder, texts):
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    ready = Tokenizer.from_file(str(folder / "tokenizer.json"))
    ours = {tuple(m) for m in json.loads(ready.to_str())["model"]["merges"]}
    theirs = Tokenizer(models.BPE())
    theirs.pre_tokenizer = ready.pre_tokenizer
    theirs.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=256 + len(ours), show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    merges = {tuple(m) for m in json.loads(theirs.to_str())["model"]["merges"]}
    print(f"{folder}: {len(merges & ours)} of {len(ours)} merges are their trainer's too")


def trained_folders(program, vocab, texts, scratch):
    data = pathlib.Path(scratch, "text.jsonl")
    data.write_text("".join(json.dumps({"text": t}) + "\n" for t in texts))
    for pattern in ("gpt2", "cl100k", "qwen2"):
        folder = pathlib.Path(scratch, pattern)
        tame(program, "tokenizer", folder, "--data", data, "--vocab", vocab,
             "--pattern", pattern)
        compare_merges(folder, texts)
        yield folder


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="*", type=pathlib.Path)
    parser.add_argument("--train", type=int, metavar="VOCABULARY")
    parser.add_argument("--text", nargs="+", type=pathlib.Path, default=[])
    parser.add_argument("--bytes", type=int, default=1000000)
    parser.add_argument("--messages", nargs="+", type=pathlib.Path, default=[])
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--program", default="build/release/tame")
    args = parser.parse_args()
    texts, chats = mixed_texts(args.text, args.bytes), read_chats(args.messages, args.rows)
    good = True
    with tempfile.TemporaryDirectory() as scratch:
        folders = list(args.folders)
        if args.train:
            folders += trained_folders(args.program, args.train, texts, scratch)
        for folder in folders:
            good &= compare_texts(args.program, folder, texts)
            if has_tames_template(folder):
                good &= compare_chats(args.program, folder, chats)
    print("ok" if good else "different")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

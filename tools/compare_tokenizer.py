#!/usr/bin/env python3
"""compare_tokenizer.py - tame's tokenizers against Hugging Face's, run by hand.

Needs Python packages `tokenizers` and `transformers`, and a build of the libraries:

    cmake --preset release && cmake --build build/release
    tools/compare_tokenizer.py --build build/release --text FILE --folder FOLDER
    tools/compare_tokenizer.py --build build/release --text FILE --train 4096
    tools/compare_tokenizer.py --build build/release --text FILE \
        --llama2c tok512.bin --vocab 512

Compares the ids of the text (UTF-8) in a tokenizer folder that exists (--folder), that is
trained on the text (--train, with each split pattern) or imported (--llama2c). Where the
tokenizer has tame's special tokens, it also compares apply_chat_template. --mixed makes
a text of random characters of all Unicode categories first, --bytes long, in --text.
Exit status 1: something differs.
"""
import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import unicodedata

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

CHATS = [
    [{"role": "user", "content": "Hello  there\n"}],
    [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is 12*7?\n\n"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [
                {
                    "type": "function",
                    "function": {
                        "name": "calculator",
                        "arguments": {"expression": "12*7"},
                    },
                }
            ],
        },
        {"role": "tool", "content": "84"},
        {"role": "assistant", "content": " 12 * 7 = 84.\n"},
        {"role": "user", "content": "'s caf\u00e9 \u4f60\u597d {{ x }} {% if %}"},
    ],
]


def build_probe(build, out):
    flags = ["-std=c17", "-O2", "-D_POSIX_C_SOURCE=200809L", "-I", ROOT + "/src"]
    libs = [f"{build}/lib{name}.a" for name in ("text", "format", "base")]
    packages = ["jansson", "yaml-0.1", "libpcre2-8", "libutf8proc"]
    found = subprocess.run(["pkg-config", "--libs", *packages], check=True,
                           capture_output=True, text=True).stdout.split()
    subprocess.run(["cc", *flags, ROOT + "/tools/tokenizer_probe.c", "-o", out, *libs,
                    *found, "-lm", "-lpthread"], check=True)


def ids_of(probe, *args):
    done = subprocess.run([probe, *args], check=True, stdout=subprocess.PIPE, text=True)
    return [int(line) for line in done.stdout.split()]


def mixed_text(size, seed=1):
    draw = random.Random(seed)
    by_category = {}
    for code in range(0x110000):
        category = unicodedata.category(chr(code))
        if category not in ("Cn", "Co", "Cs"):
            by_category.setdefault(category, []).append(chr(code))
    categories = sorted(by_category)
    blanks = [" ", "  ", "\n", "\r\n", "\n\n", "\t", " \n ", "\u00a0", "\u3000", "\u2028",
              "\x85", "\x0b", "\u200b", "\u180e", "\ufeff", "\x1c"]
    endings = ["'s", "'S", "'re", "'Re", "'LL", "'ll", "'\u017f", "'D", "\u2019s", "'v"]
    out, n = [], 0
    while n < size:
        kind = draw.randrange(10)
        count = draw.randint(1, 6)
        if kind < 4:
            letters = draw.choices("etaoinshrdlucmfwypETAOIN", k=count)
            word = " " + "".join(letters)
        elif kind == 4:
            word = draw.choice(blanks) * draw.choice([1, 1, 2, 3, 7])
        elif kind == 5:
            word = "".join(draw.choices("0123456789", k=count))
        elif kind == 6:
            word = draw.choice(endings)
        elif kind == 7:
            word = "".join(draw.choices("!@#$%^&*()_+-=[]{};':\",./<>?`~|\\", k=count))
        else:
            word = "".join(draw.choice(by_category[draw.choice(categories)])
                           for _ in range(count))
        out.append(word)
        n += len(word.encode())
    return "".join(out)


def report(what, want, got, name_of):
    same = want == got
    print(f"{what}: {len(got)} ids, {'the same' if same else 'DIFFERENT'}")
    if not same:
        pairs = zip(want + [-1], got + [-1])
        at = next(i for i, (a, b) in enumerate(pairs) if a != b)
        for who, ids in (("theirs", want), ("tame's", got)):
            print(f"  {who} at {at}: {[name_of(i) for i in ids[max(0, at - 2):at + 4]]}")
    return same


def compare_text(probe, folder, text):
    from tokenizers import Tokenizer
    theirs = Tokenizer.from_file(folder + "/tokenizer.json")
    with open(text, encoding="utf-8", newline="") as file:
        want = theirs.encode(file.read(), add_special_tokens=False).ids
    return report("text", want, ids_of(probe, "encode", folder, text), theirs.id_to_token)


def compare_chats(probe, folder):
    from transformers import AutoTokenizer
    theirs = AutoTokenizer.from_pretrained(folder)
    if "<|call|>" not in theirs.get_vocab():
        print("chat: not one of tame's tokenizers")
        return True
    good = True
    for chat in CHATS:
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(chat, file)
            file.flush()
            got = ids_of(probe, "chat", folder, file.name)
        want = theirs.apply_chat_template(chat, tokenize=True, add_generation_prompt=True,
                                          return_dict=False)
        good &= report("chat", want, got, theirs.convert_ids_to_tokens)
    return good


def compare_merges(folder, text):
    """Hugging Face breaks ties otherwise, so this is a share and not a verdict."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    with open(folder + "/tokenizer.json", encoding="utf-8") as file:
        ours = [tuple(merge) for merge in json.load(file)["model"]["merges"]]
    theirs = Tokenizer(models.BPE())
    ready = Tokenizer.from_file(folder + "/tokenizer.json")
    theirs.pre_tokenizer = ready.pre_tokenizer
    trainer = trainers.BpeTrainer(vocab_size=256 + len(ours), min_frequency=2,
                                  show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    with open(text, encoding="utf-8", newline="") as file:
        theirs.train_from_iterator([file.read()], trainer)
    merges = json.loads(theirs.to_str())["model"]["merges"]
    merges = {tuple(m) if isinstance(m, list) else tuple(m.split(" ")) for m in merges}
    print(f"merges: {len(merges & set(ours))} of {len(ours)} shared with their trainer")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", required=True, help="build folder with libtext.a")
    parser.add_argument("--text", required=True, help="UTF-8 text to encode")
    parser.add_argument("--folder", help="tokenizer folder to compare")
    parser.add_argument("--train", type=int, help="vocabulary to train on the text")
    parser.add_argument("--llama2c", help="vocabulary file of llama2.c to import")
    parser.add_argument("--vocab", type=int, help="number of tokens in it")
    parser.add_argument("--mixed", action="store_true", help="make the text")
    parser.add_argument("--bytes", type=int, default=1000000)
    options = parser.parse_args()
    if options.mixed:
        with open(options.text, "w", encoding="utf-8", newline="") as file:
            file.write(mixed_text(options.bytes))
    good = True
    with tempfile.TemporaryDirectory() as scratch:
        probe = scratch + "/probe"
        build_probe(options.build, probe)
        if options.folder:
            good &= compare_text(probe, options.folder, options.text)
            good &= compare_chats(probe, options.folder)
        for pattern in (0, 1, 2) if options.train else ():
            folder = f"{scratch}/pattern-{pattern}"
            os.mkdir(folder)
            subprocess.run([probe, "train", options.text, str(options.train),
                            str(pattern), folder], check=True)
            good &= compare_text(probe, folder, options.text)
            good &= compare_chats(probe, folder)
            compare_merges(folder, options.text)
        if options.llama2c:
            folder = scratch + "/llama2c"
            os.mkdir(folder)
            subprocess.run([probe, "import", options.llama2c, str(options.vocab),
                            folder], check=True)
            good &= compare_text(probe, folder, options.text)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()

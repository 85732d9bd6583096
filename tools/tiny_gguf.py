#!/usr/bin/env python3
"""tiny_gguf.py OUT - a llama of random weights in a GGUF file, to try endpoints with.

It says nonsense, but a server takes it for a model: byte tokens (SentencePiece style), a
ChatML template, 2 layers of 64. Needs the packages gguf and numpy.
"""
import sys

import gguf
import numpy as np

LAYERS, WIDTH, HEADS, FFN, CONTEXT = 2, 64, 4, 128, 2048
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def vocabulary():
    control, byte, normal = (
        gguf.TokenType.CONTROL,
        gguf.TokenType.BYTE,
        gguf.TokenType.NORMAL,
    )
    tokens = [("<unk>", gguf.TokenType.UNKNOWN), ("<s>", control), ("</s>", control)]
    tokens += [(f"<0x{i:02X}>", byte) for i in range(256)]
    tokens += [("<|im_start|>", control), ("<|im_end|>", control)]
    letters = "\u2581abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;?!'\"{}[]()-"
    tokens += [(c, normal) for c in letters]
    tokens += [(f"{a}{b}", normal) for a in "\u2581tsrnlhd" for b in "aeiou"]
    return tokens


def main():
    tokens = vocabulary()
    random = np.random.default_rng(1)
    w = gguf.GGUFWriter(sys.argv[1], "llama")
    w.add_name("tiny")
    w.add_context_length(CONTEXT)
    w.add_embedding_length(WIDTH)
    w.add_block_count(LAYERS)
    w.add_feed_forward_length(FFN)
    w.add_head_count(HEADS)
    w.add_head_count_kv(HEADS)
    w.add_layer_norm_rms_eps(1e-5)
    w.add_rope_dimension_count(WIDTH // HEADS)
    w.add_vocab_size(len(tokens))
    w.add_tokenizer_model("llama")
    w.add_token_list([t for t, _ in tokens])
    w.add_token_scores([-float(i) for i in range(len(tokens))])
    w.add_token_types([k for _, k in tokens])
    w.add_bos_token_id(1)
    w.add_eos_token_id(260)  # <|im_end|>
    w.add_unk_token_id(0)
    w.add_chat_template(TEMPLATE)

    def tensor(name, *shape):
        w.add_tensor(name, random.normal(0, 0.2, shape).astype(np.float32))

    def ones(name):
        w.add_tensor(name, np.ones(WIDTH, np.float32))

    tensor("token_embd.weight", len(tokens), WIDTH)
    ones("output_norm.weight")
    tensor("output.weight", len(tokens), WIDTH)
    for i in range(LAYERS):
        for part in ("attn_norm", "ffn_norm"):
            ones(f"blk.{i}.{part}.weight")
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            tensor(f"blk.{i}.{part}.weight", WIDTH, WIDTH)
        for part in ("ffn_gate", "ffn_up"):
            tensor(f"blk.{i}.{part}.weight", FFN, WIDTH)
        tensor(f"blk.{i}.ffn_down.weight", WIDTH, FFN)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


main()

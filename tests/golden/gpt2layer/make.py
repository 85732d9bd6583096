#!/usr/bin/env python3
"""Writes the golden models of this folder: python3 make.py (needs PyTorch alone).

The reference is written here in plain PyTorch, float64, from the formulas, and shares
no code with tame or transformers. Each case is a model folder (config.json,
model.safetensors, both as Hugging Face lays them out) and expected.safetensors with
what its passes give. See README.md.
"""
import json
import math
import pathlib
import struct

import torch

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
HERE = pathlib.Path(__file__).parent

# Odd sizes on purpose; heads * head_dim differs from hidden.
BASE = dict(vocab=29, hidden=18, intermediate=23, layers=2, heads=4, kv_heads=2,
            head_dim=6, context=32, theta=10000.0, eps=1e-5)
CASES = {
    "llama": dict(cls="LlamaForCausalLM", type="llama", tied=False),
    "qwen2": dict(cls="Qwen2ForCausalLM", type="qwen2", tied=True, bias=True),
    "qwen3": dict(cls="Qwen3ForCausalLM", type="qwen3", tied=False, qk_norm=True),
    "reward": dict(cls="LlamaForSequenceClassification", type="llama", tied=False,
                   scalar=True, score_bias=-0.375),
}
# Adapters over the models above, laid out as PEFT lays them out.
LORA = {
    "llama_lora": dict(base="llama", r=3, alpha=6, targets="q k v o gate up down"),
    "qwen2_lora": dict(base="qwen2", r=5, alpha=2.5, targets="k o up"),
    "qwen3_lora": dict(base="qwen3", r=2, alpha=3, targets="q v down", rslora=True),
    "reward_lora": dict(base="llama", r=4, alpha=8, targets="q k v o gate up down",
                        scalar=True, score_bias=0.625),
}
DOCUMENTS = [7, 1, 5]  # tokens of the packed documents
ADAMW = dict(lr=3e-3, beta1=0.9, beta2=0.95, eps=1e-4, decay=0.1, steps=10)


def make_params(c, gen):
    C, F, D, L = c["hidden"], c["intermediate"], c["head_dim"], c["layers"]
    Hq, Hk, V = c["heads"], c["kv_heads"], c["vocab"]

    def matrix(rows, cols):
        return torch.randn(rows, cols, generator=gen) * 0.8 / math.sqrt(cols)

    def gain(n):
        return 1 + 0.2 * torch.randn(n, generator=gen)

    p = {"model.embed_tokens.weight": torch.randn(V, C, generator=gen) * 0.7}
    for i in range(L):
        pre = f"model.layers.{i}."
        p[pre + "input_layernorm.weight"] = gain(C)
        for name, rows in (("q", Hq * D), ("k", Hk * D), ("v", Hk * D)):
            p[pre + f"self_attn.{name}_proj.weight"] = matrix(rows, C)
            if c.get("bias"):
                p[pre + f"self_attn.{name}_proj.bias"] = 0.3 * torch.randn(rows, generator=gen)
        if c.get("qk_norm"):
            p[pre + "self_attn.q_norm.weight"] = gain(D)
            p[pre + "self_attn.k_norm.weight"] = gain(D)
        p[pre + "self_attn.o_proj.weight"] = matrix(C, Hq * D)
        p[pre + "post_attention_layernorm.weight"] = gain(C)
        p[pre + "mlp.gate_proj.weight"] = matrix(F, C)
        p[pre + "mlp.up_proj.weight"] = matrix(F, C)
        p[pre + "mlp.down_proj.weight"] = matrix(C, F)
    p["model.norm.weight"] = gain(C)
    if c.get("scalar"):
        p["score.weight"] = matrix(1, C)
    elif not c["tied"]:
        p["lm_head.weight"] = matrix(V, C)
    # The files hold float32: start from what they hold.
    return {k: v.float().double().requires_grad_() for k, v in p.items()}


def norm(x, gain, eps):
    return x / torch.sqrt((x * x).mean(-1, keepdim=True) + eps) * gain


def rotate(x, positions, theta):
    """x (N, heads, D): channels j and j + D/2 by the angle position * theta^(-2j/D)."""
    half = x.shape[-1] // 2
    angle = positions[:, None] * theta ** (-torch.arange(half) / half)
    cos, sin = torch.cos(angle)[:, None], torch.sin(angle)[:, None]
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


def attention(q, k, v, starts):
    N, Hq, D = q.shape
    group = Hq // k.shape[1]
    out = []
    for h in range(Hq):
        kh, vh = k[:, h // group], v[:, h // group]
        scores = q[:, h] @ kh.T / math.sqrt(D)
        row, col = torch.arange(N)[:, None], torch.arange(N)[None]
        allowed = (col <= row) & (col >= starts[:, None])
        out.append(torch.softmax(scores.masked_fill(~allowed, -math.inf), -1) @ vh)
    return torch.cat(out, -1)


def hidden_states(c, p, ids, positions, starts):
    N, D = len(ids), c["head_dim"]
    x = p["model.embed_tokens.weight"][ids]
    for i in range(c["layers"]):
        def w(name):
            return p[f"model.layers.{i}.{name}"]

        h = norm(x, w("input_layernorm.weight"), c["eps"])
        q, k, v = (h @ w(f"self_attn.{n}_proj.weight").T for n in "qkv")
        if c.get("bias"):
            q, k, v = (t + w(f"self_attn.{n}_proj.bias") for t, n in zip((q, k, v), "qkv"))
        q, k, v = (t.view(N, -1, D) for t in (q, k, v))
        if c.get("qk_norm"):
            q = norm(q, w("self_attn.q_norm.weight"), c["eps"])
            k = norm(k, w("self_attn.k_norm.weight"), c["eps"])
        q, k = rotate(q, positions, c["theta"]), rotate(k, positions, c["theta"])
        x = x + attention(q, k, v, starts) @ w("self_attn.o_proj.weight").T
        h = norm(x, w("post_attention_layernorm.weight"), c["eps"])
        gate, up = h @ w("mlp.gate_proj.weight").T, h @ w("mlp.up_proj.weight").T
        x = x + (gate * torch.sigmoid(gate) * up) @ w("mlp.down_proj.weight").T
    return norm(x, p["model.norm.weight"], c["eps"])


def make_batch(c, gen):
    ids = torch.randint(c["vocab"], (sum(DOCUMENTS),), generator=gen)
    positions = torch.cat([torch.arange(n) for n in DOCUMENTS])
    starts = torch.arange(len(ids)) - positions
    targets = torch.randint(c["vocab"], (len(ids),), generator=gen)
    weights = torch.rand(len(ids), generator=gen).float().double() / len(ids)
    weights[2] = 0
    return ids, positions, starts, targets, weights.float().double()


def loss_of(c, p, batch):
    """(outputs, loss). Reward models: loss = sum weights * score^2."""
    ids, positions, starts, targets, weights = batch
    h = hidden_states(c, p, ids, positions, starts)
    if c.get("scalar"):
        score = (h @ p["score.weight"].T)[:, 0] + c["score_bias"]
        return score, (weights * score * score).sum()
    head = p["model.embed_tokens.weight"] if c["tied"] else p["lm_head.weight"]
    logits = h @ head.T
    nll = -torch.log_softmax(logits, -1)[torch.arange(len(ids)), targets]
    return logits, (weights * nll).sum()


def adamw(c, p, batch, loss_of=loss_of):
    """AdamW by its definition; matrices alone decay. Returns losses before each step."""
    o = ADAMW
    p = {k: v.detach().clone().requires_grad_() for k, v in p.items()}
    m = {k: torch.zeros_like(v) for k, v in p.items()}
    s = {k: torch.zeros_like(v) for k, v in p.items()}
    losses = []
    for t in range(1, o["steps"] + 1):
        _, loss = loss_of(c, p, batch)
        losses.append(loss.item())
        grads = torch.autograd.grad(loss, list(p.values()))
        for (k, w), g in zip(p.items(), grads):
            with torch.no_grad():
                if w.dim() > 1:
                    w -= o["lr"] * o["decay"] * w
                m[k] = o["beta1"] * m[k] + (1 - o["beta1"]) * g
                s[k] = o["beta2"] * s[k] + (1 - o["beta2"]) * g * g
                mhat = m[k] / (1 - o["beta1"] ** t)
                shat = s[k] / (1 - o["beta2"] ** t)
                w -= o["lr"] * mhat / (torch.sqrt(shat) + o["eps"])
    return losses, p


def make_adapter(a, base, gen):
    """A and B of every target of every layer, and a score, under PEFT's names."""
    p = {}
    for name, w in base.items():
        target = name.split(".")[-2].removesuffix("_proj")
        if name.endswith("_proj.weight") and target in a["targets"].split():
            stem = "base_model.model." + name.removesuffix("weight")
            out, inside = w.shape
            p[stem + "lora_A.weight"] = torch.randn(a["r"], inside, generator=gen) / math.sqrt(inside)
            p[stem + "lora_B.weight"] = torch.randn(out, a["r"], generator=gen) * 0.15
    if a.get("scalar"):
        hidden = base["model.norm.weight"].shape[0]
        p["base_model.model.score.weight"] = torch.randn(1, hidden, generator=gen) / math.sqrt(hidden)
    return {k: v.float().double().requires_grad_() for k, v in p.items()}


def adapted(a, base, p):
    """The base's parameters with W + scale B A for each W that is adapted."""
    scale = a["alpha"] / (math.sqrt(a["r"]) if a.get("rslora") else a["r"])
    whole = {}
    for name, w in base.items():
        stem = "base_model.model." + name.removesuffix("weight")
        whole[name] = w.detach()
        if stem + "lora_A.weight" in p:
            whole[name] = whole[name] + scale * p[stem + "lora_B.weight"] @ p[stem + "lora_A.weight"]
    if a.get("scalar"):
        whole["score.weight"] = p["base_model.model.score.weight"]
    return whole


def write_adapter_config(path, a):
    config = dict(
        peft_type="LORA", task_type="SEQ_CLS" if a.get("scalar") else "CAUSAL_LM",
        base_model_name_or_path=a["base"], r=a["r"], lora_alpha=a["alpha"],
        use_rslora=a.get("rslora", False), lora_dropout=0.1, bias="none",
        target_modules=[t + "_proj" for t in a["targets"].split()],
        modules_to_save=["score"] if a.get("scalar") else None,
        fan_in_fan_out=False, inference_mode=True)
    path.write_text(json.dumps(config, indent=2) + "\n")


def make_lora(name, a, bases, gen):
    c, base = bases[a["base"]]
    c = {**c, "scalar": a.get("scalar"), "score_bias": a.get("score_bias")}
    if a.get("scalar"):
        c["cls"] = "LlamaForSequenceClassification"
    p = make_adapter(a, base, gen)
    batch = make_batch(c, gen)

    def loss(c, p, batch):
        return loss_of(c, adapted(a, base, p), batch)

    folder = HERE / name
    folder.mkdir(exist_ok=True)
    if a.get("scalar"):  # PEFT writes none; it has the bias of the score
        write_config(folder / "config.json", c)
    write_adapter_config(folder / "adapter_config.json", a)
    write_safetensors(folder / "adapter_model.safetensors", p)
    write_expected(folder, c, p, batch, loss)


def write_expected(folder, c, p, batch, loss_of=loss_of):
    outputs, loss = loss_of(c, p, batch)
    grads = torch.autograd.grad(loss, list(p.values()))
    losses, final = adamw(c, p, batch, loss_of)
    expected = dict(zip(("ids", "positions", "starts", "targets", "weights"), batch))
    expected.update(outputs=outputs, loss=loss, adamw_losses=torch.tensor(losses))
    expected.update({"grad." + k: g for k, g in zip(p, grads)})
    expected.update({"final." + k: w for k, w in final.items()})
    write_safetensors(folder / "expected.safetensors", expected)
    print(folder.name, "loss", loss.item(), "after ten steps", losses[-1])


def write_safetensors(path, tensors):
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, t in tensors.items():
        integer = t.dtype in (torch.int64, torch.int32)
        flat = t.detach().flatten().tolist()
        raw = struct.pack(f"<{len(flat)}{'i' if integer else 'f'}", *flat)
        header[name] = dict(dtype="I32" if integer else "F32", shape=list(t.shape),
                            data_offsets=[len(data), len(data) + len(raw)])
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def write_config(path, c):
    config = dict(
        architectures=[c["cls"]], model_type=c["type"], vocab_size=c["vocab"],
        hidden_size=c["hidden"], intermediate_size=c["intermediate"],
        num_hidden_layers=c["layers"], num_attention_heads=c["heads"],
        num_key_value_heads=c["kv_heads"], head_dim=c["head_dim"],
        max_position_embeddings=c["context"], rms_norm_eps=c["eps"],
        rope_theta=c["theta"], tie_word_embeddings=c["tied"], hidden_act="silu",
        torch_dtype="float32", bos_token_id=1, eos_token_id=2, pad_token_id=0)
    if c.get("scalar"):
        config.update(id2label={"0": "score"}, label2id={"score": 0},
                      tame_reward_bias=c["score_bias"])
    path.write_text(json.dumps(config, indent=2) + "\n")


def main():
    bases = {}
    for number, (name, case) in enumerate(CASES.items()):
        c = {**BASE, **case}
        gen = torch.Generator().manual_seed(1000 + number)
        p = make_params(c, gen)
        batch = make_batch(c, gen)
        bases[name] = c, p
        folder = HERE / name
        folder.mkdir(exist_ok=True)
        write_config(folder / "config.json", c)
        write_safetensors(folder / "model.safetensors", p)
        write_expected(folder, c, p, batch)
    for number, (name, case) in enumerate(LORA.items()):
        make_lora(name, case, bases, torch.Generator().manual_seed(2000 + number))


if __name__ == "__main__":
    main()

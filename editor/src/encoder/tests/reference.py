"""The numbers of `golden.rs`, from a second implementation: python3 reference.py (needs numpy).

python3 reference.py FOLDER < TEXTS > EMBEDDINGS gives those of a real BERT with mean pooling, a line of JSON for each
line of text, for `cargo run --example encode` to compare with (needs safetensors and tokenizers too).
"""

import json
import sys
from math import erf

import numpy as np

V, D, LAYERS, H, INNER, P, BUCKETS = 24, 8, 2, 2, 16, 20, 32
stored = {}


def weight(name, *shape):
    """A real weight, or a chirp: as good as random, and the same in every language."""
    if stored:
        return stored[name].astype(np.float64).reshape(shape)
    i = np.arange(np.prod(shape), dtype=np.float64)
    w = 0.4 * np.sin(0.37 * i * i + 0.5 * i + sum(name.encode()))
    return (w + (name.endswith("LayerNorm.weight"))).astype(np.float32).astype(np.float64).reshape(shape)


def linear(x, name, out):
    return x @ weight(name + ".weight", out, x.shape[-1]).T + weight(name + ".bias", out)


def norm(x, name, eps):
    x = x - x.mean(-1, keepdims=True)
    x = x / np.sqrt((x * x).mean(-1, keepdims=True) + eps)
    return x * weight(name + ".weight", D) + weight(name + ".bias", D)


def bucket(n):
    half, exact = BUCKETS // 2, BUCKETS // 4
    side, n = (half if n < 0 else 0), abs(n)
    far = exact + int(np.log(n / exact) / np.log(128 / exact) * (half - exact)) if n >= exact else 0
    return side + (n if n < exact else min(far, half - 1))


def encode(family, ids, pooling, eps):
    first = 0 if family == "bert" else 2
    x = weight("embeddings.word_embeddings.weight", V, D)[ids]
    x = x + weight("embeddings.position_embeddings.weight", P, D)[first:first + len(ids)]
    if family != "mpnet":
        x = x + weight("embeddings.token_type_embeddings.weight", 2 if family == "bert" else 1, D)[0]
    x = norm(x, "embeddings.LayerNorm", eps)
    bias = 0
    if family == "mpnet":
        table = weight("encoder.relative_attention_bias.weight", BUCKETS, H)
        rows = [[bucket(q - k) for k in range(len(ids))] for q in range(len(ids))]
        bias = table[rows].transpose(2, 0, 1)
        names = ["attn.q", "attn.k", "attn.v", "attn.o", "LayerNorm"]
    else:
        names = ["self.query", "self.key", "self.value", "output.dense", "output.LayerNorm"]
    for layer in range(LAYERS):
        at = f"encoder.layer.{layer}."
        q, k, v = (linear(x, at + "attention." + n, D).reshape(-1, H, D // H).transpose(1, 0, 2) for n in names[:3])
        scores = q @ k.transpose(0, 2, 1) / np.sqrt(D // H) + bias
        p = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = (p / p.sum(-1, keepdims=True) @ v).transpose(1, 0, 2).reshape(-1, D)
        x = norm(x + linear(mixed, at + "attention." + names[3], D), at + "attention." + names[4], eps)
        u = linear(x, at + "intermediate.dense", INNER)
        u = u * 0.5 * (1 + np.vectorize(erf)(u / np.sqrt(2)))
        x = norm(x + linear(u, at + "output.dense", D), at + "output.LayerNorm", eps)
    y = {"mean": x.mean(0), "cls": x[0], "lasttoken": x[-1], "max": x.max(0)}[pooling]
    return y / np.linalg.norm(y)


def golden():
    short, long = [2, 11, 3], [2, 4, 5, 6, 7, 8, 9, 10, 1, 12, 3]
    for family, pooling, eps in [("bert", "mean", 1e-12), ("bert", "max", 1e-12), ("roberta", "cls", 1e-5),
                                 ("mpnet", "lasttoken", 1e-5), ("mpnet", "mean", 1e-5)]:
        for ids in (short, long):
            y = ", ".join(f"{y:.6f}" for y in encode(family, ids, pooling, eps))
            print(family, pooling, len(ids), f"[{y}],")


def real(folder):
    global V, D, LAYERS, H, INNER, P
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    config = json.load(open(folder + "/config.json"))
    D, LAYERS, H = config["hidden_size"], config["num_hidden_layers"], config["num_attention_heads"]
    V, INNER, P = config["vocab_size"], config["intermediate_size"], config["max_position_embeddings"]
    stored.update(load_file(folder + "/model.safetensors"))
    tokenizer = Tokenizer.from_file(folder + "/tokenizer.json")
    tokenizer.no_padding()
    tokenizer.enable_truncation(json.load(open(folder + "/sentence_bert_config.json"))["max_seq_length"])
    for text in sys.stdin.read().splitlines():
        y = encode("bert", tokenizer.encode(text).ids, "mean", config["layer_norm_eps"])
        print(json.dumps({"text": text, "embedding": [round(float(y), 7) for y in y]}, ensure_ascii=False))


golden() if len(sys.argv) == 1 else real(sys.argv[1])

"""Makes preference.json: losses and gradients of preference training, by PyTorch, transformers and peft.

Run in this folder with torch 2.9, transformers 5 and peft 0.21:

    python preference.py ../../../decoder/golden/mistral.json > preference.json

The weights are a formula of their name, as in decoder/golden.rs. The policy is the model with a LoRA adapter, the
reference the same model with the adapter off. Everything is computed in double precision.
"""

import json
import sys

import numpy as np
import torch
import torch.nn.functional as F
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, MistralConfig

PAIRS = [  # prompt, chosen, rejected
    ([3, 1, 4], [1, 5, 9, 2], [1, 5, 6, 2]),
    ([2, 7], [1, 8, 2], [8, 2, 8, 4, 2]),
    ([5], [3, 3, 2], [4, 6, 10, 2]),
]
STOP = {3}

LOSSES = [
    {"objective": {"objective": "dpo", "beta": 0.1}},
    {"objective": {"objective": "dpo_bmc", "beta": 0.1, "delta": 2.5, "reference_weighting": "policy"}},
    {"objective": {"objective": "dpo_bmc", "beta": 0.1, "delta": 2.5, "reference_weighting": "reference"}},
    {"objective": {"objective": "sim_po", "beta": 2.0, "gamma": 0.5}},
    {"objective": {"objective": "sim_po_bmc", "beta": 2.0, "gamma": 0.5, "delta": 1.5}},
    {"objective": {"objective": "ipo", "beta": 0.1, "length": "mean"}},
    {"objective": {"objective": "ipo", "beta": 0.1, "length": "sum"}},
    {"objective": {"objective": "dpo", "beta": 0.1}, "label_smoothing": 0.1, "sft_weight": 0.3},
]


def weight(name, shape):
    salt = sum(name.encode())
    i = np.arange(int(np.prod(shape)), dtype=np.float64)
    wave = np.sin(0.37 * (1 + salt % 7) * i + salt)
    values = (1 + 0.3 * wave if "norm" in name else 0.4 * wave).astype(np.float32).astype(np.float64)
    return torch.tensor(values.reshape(shape))


def differs(ours, theirs):
    """True outside of a longest common subsequence, stop tokens excepted."""
    table = [[0] * (len(theirs) + 1) for _ in range(len(ours) + 1)]
    for i in range(len(ours) - 1, -1, -1):
        for j in range(len(theirs) - 1, -1, -1):
            same = ours[i] == theirs[j]
            table[i][j] = table[i + 1][j + 1] + 1 if same else max(table[i + 1][j], table[i][j + 1])
    mask, i, j = [True] * len(ours), 0, 0
    while i < len(ours) and j < len(theirs):
        if ours[i] == theirs[j]:
            mask[i], i, j = False, i + 1, j + 1
        elif table[i + 1][j] >= table[i][j + 1]:
            i += 1
        else:
            j += 1
    return [m and token not in STOP for m, token in zip(mask, ours)]


def log_probs(model, prompt, response):
    ids = torch.tensor([prompt + response])
    logits = model(input_ids=ids).logits[0, len(prompt) - 1 : -1]
    return torch.log_softmax(logits, -1).gather(1, torch.tensor(response)[:, None])[:, 0]


def loss_of(setting, sides):
    """sides: for chosen and rejected the policy's and the reference's log-probs and the mask."""
    o = setting["objective"]
    kind, beta = o["objective"], o["beta"]

    def factor(log_prob, mask):
        if "delta" not in o:
            return torch.ones_like(log_prob)
        inverse = torch.clamp(1 / log_prob.detach().exp(), max=o["delta"])
        return 1 + torch.where(mask, inverse, torch.zeros_like(inverse))

    scores = []
    for policy, reference, mask in sides:
        own = factor(policy, mask)
        if kind.startswith("sim_po"):
            scores.append(beta * (own * policy).mean())
        elif kind == "ipo":
            ratio = policy - reference
            scores.append(ratio.mean() if o["length"] == "mean" else ratio.sum())
        else:
            theirs = factor(reference, mask) if o.get("reference_weighting") == "reference" else own
            scores.append(beta * ((own * policy).sum() - (theirs * reference).sum()))
    margin = scores[0] - scores[1] - o.get("gamma", 0.0)
    smoothing, alpha = setting.get("label_smoothing", 0.0), setting.get("sft_weight", 0.0)
    if kind == "ipo":
        loss = (margin - 1 / (2 * beta)) ** 2
    else:
        loss = -(1 - smoothing) * F.logsigmoid(margin) - smoothing * F.logsigmoid(-margin)
    return loss - alpha * sides[0][0].mean()


def main():
    config = MistralConfig(**json.load(open(sys.argv[1])))
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").double().eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(weight(name, tuple(parameter.shape)))
        magnitude = model(input_ids=torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6]])).logits.abs().sum().item()
    assert abs(magnitude - 135.8102) < 1e-3, f"not the model of decoder/golden.rs: {magnitude}"
    linears = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    model = get_peft_model(model, LoraConfig(r=3, lora_alpha=6, target_modules=linears))
    adapter = {}
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                name = name.replace(".default", "")
                parameter.copy_(weight(name, tuple(parameter.shape)))
                adapter[name.removeprefix("base_model.model.")] = parameter
    masks = [[differs(chosen, rejected), differs(rejected, chosen)] for _, chosen, rejected in PAIRS]
    results = []
    for setting in LOSSES:
        model.zero_grad()
        losses = []
        for (prompt, *responses), pair_masks in zip(PAIRS, masks):
            sides = []
            for response, mask in zip(responses, pair_masks):
                policy = log_probs(model, prompt, response)
                with torch.no_grad(), model.disable_adapter():
                    reference = log_probs(model, prompt, response)
                sides.append((policy, reference, torch.tensor(mask)))
            losses.append(loss_of(setting, sides))
        loss = torch.stack(losses).mean()
        loss.backward()
        gradients = {}
        for name, parameter in sorted(adapter.items()):
            g = parameter.grad.flatten().numpy()
            # The norm, and a projection in which every element counts in another way.
            gradients[name] = [float(np.linalg.norm(g)), float(g @ np.sin(1.0 + np.arange(len(g))))]
        results.append({"loss": setting, "value": loss.item(), "gradients": gradients})
    pairs = [
        {"prompt": p, "chosen": c, "rejected": r, "chosen_differs": m[0], "rejected_differs": m[1]}
        for (p, c, r), m in zip(PAIRS, masks)
    ]
    lines = ",\n".join(json.dumps(result) for result in results)
    print(f'{{"stop": {sorted(STOP)},\n"pairs": {json.dumps(pairs)},\n"results": [\n{lines}\n]}}')


main()

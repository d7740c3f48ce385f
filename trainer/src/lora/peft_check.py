"""Whether the real peft gives the logits of our merged model, and TensorBoard reads our event files.

    amend train bmc --model trainer/models/atlas --pairs pairs.jsonl --out better
    python trainer/src/lora/peft_check.py trainer/models/atlas better/run

or PARENT and RUN: the model folder that a folder of `train_preferences` or `align` with LoRA began with, and that folder.
Needs what `trainer/requirements.txt` lists. Exits with an error when the logits differ by more than 1e-4.
"""

import json
import sys
from pathlib import Path

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

parent, run = map(Path, sys.argv[1:3])


def load(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()


torch.manual_seed(1)
base, merged = load(parent), load(run / "model")
ids = torch.randint(0, base.config.vocab_size, (4, 48))
with torch.no_grad():
    before = base(input_ids=ids).logits
    adapted = PeftModel.from_pretrained(base, run / "adapter").eval()(input_ids=ids).logits
    ours = merged(input_ids=ids).logits
far, changed = (adapted - ours).abs().max().item(), (adapted - before).abs().max().item()
print(f"peft against our merged model: {far:.2e}; the adapter changes logits by up to {changed:.2e}")
assert far < 1e-4 and changed > 10 * far

events = run / "tensorboard"
if events.exists():
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator(str(events)).Reload()
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    steps = [(line["step"], line["loss"]) for line in lines if line["event"] == "step"]
    read = [(event.step, event.value) for event in accumulator.Scalars("train/loss")]
    assert [s for s, _ in read] == [s for s, _ in steps]
    assert all(abs(a - b) < 1e-6 * abs(b) for (_, a), (_, b) in zip(read, steps))
    print(f"tensorboard reads {len(read)} steps and {len(accumulator.Tags()['scalars'])} curves")

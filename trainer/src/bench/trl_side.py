"""The same training by TRL's DPOTrainer: `python trl_side.py FOLDER` for a folder that `amend bench train` has made.

Prints what it measured as one line of JSON, the last it prints. Needs trl, peft, transformers and torch.
"""

import importlib.metadata
import json
import resource
import sys
import time
from pathlib import Path

import torch
import transformers
from datasets import Dataset
from peft import PeftConfig, set_peft_model_state_dict
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import DPOConfig, DPOTrainer

folder = Path(sys.argv[1])
job = json.loads((folder / "job.json").read_text())
torch.set_num_threads(job["threads"])
transformers.utils.logging.set_verbosity_error()


def mib(field):
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise SystemExit(f"{field} is not told")


def forget_peak():
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        pass


def computed():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


class Watch(TrainerCallback):
    """The clock and the memory at the end of every step, and every loss."""

    def __init__(self):
        self.moments, self.losses, self.peak = [], [], 0.0

    def on_step_end(self, args, state, control, **kwargs):
        self.moments.append((time.monotonic(), computed()))
        self.peak = mib("VmHWM")

    def on_log(self, args, state, control, logs=None, **kwargs):
        if logs and "loss" in logs:
            self.losses.append(float(logs["loss"]))


model = AutoModelForCausalLM.from_pretrained(folder / "model", dtype=torch.float32)
tokenizer = AutoTokenizer.from_pretrained(folder / "model")
pairs = [json.loads(line) for line in (folder / "pairs.jsonl").read_text().splitlines()]
adapter = PeftConfig.from_pretrained(folder / "adapter")
adapter.inference_mode = False
config = DPOConfig(
    output_dir=str(folder / "trl-out"),
    loss_type=["sigmoid"],
    beta=job["beta"],
    max_length=None,
    precompute_ref_log_probs=True,
    precompute_ref_batch_size=job["pairs"],
    per_device_train_batch_size=job["pairs"],
    gradient_accumulation_steps=1,
    max_steps=job["steps"],
    learning_rate=job["learning_rate"],
    lr_scheduler_type="cosine",
    warmup_steps=0,
    weight_decay=0.0,
    max_grad_norm=1.0,
    gradient_checkpointing=job["activations"] == "recomputed",
    bf16=False,
    fp16=False,
    use_cpu=True,
    seed=job["seed"] % 2**32,
    logging_steps=1,
    logging_nan_inf_filter=False,
    save_strategy="no",
    report_to="none",
    disable_tqdm=True,
    dataloader_pin_memory=False,
)
watch = Watch()
trainer = DPOTrainer(
    model=model,
    args=config,
    train_dataset=Dataset.from_list(pairs),
    processing_class=tokenizer,
    peft_config=adapter,
    callbacks=[watch],
)
loaded = set_peft_model_state_dict(trainer.model, load_file(folder / "adapter" / "adapter_model.safetensors"))
assert not loaded.unexpected_keys, loaded.unexpected_keys
before, loading = mib("VmRSS"), mib("VmHWM")
forget_peak()
trainer.train()

rows = trainer.train_dataset
tokens = sum(2 * len(row["prompt_ids"]) + len(row["chosen_ids"]) + len(row["rejected_ids"]) for row in rows)
(first, first_cpu), (last, last_cpu) = watch.moments[0], watch.moments[-1]
print(
    json.dumps(
        {
            "tokens": tokens,
            "timed_steps": len(watch.moments) - 1,
            "seconds": last - first,
            "cpu_seconds": last_cpu - first_cpu,
            "losses": watch.losses,
            "before_mib": before,
            "peak_mib": max(watch.peak, loading),
            "adds_mib": watch.peak - before,
            "version": " ".join(f"{name} {importlib.metadata.version(name)}" for name in ("trl", "peft", "torch")),
        }
    )
)

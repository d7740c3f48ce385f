"""Whether Hugging Face `datasets` loads our JSON lines and our Parquet as the same rows of the same types.

    python trainer/src/synth/rows/datasets_check.py FOLDER

FOLDER holds `rows.jsonl` and `rows.parquet` of one set. Needs `pip install datasets`. Exits with an error when the two
differ from each other, or from what Python's own json reads.
"""

import json
import sys
import tempfile
from pathlib import Path

from datasets import Features, List, Value, load_dataset

folder = Path(sys.argv[1])
text, number = Value("string"), Value("int64")
roles = ["teacher", "student", "referee", "generator", "author", "refiner"]
expected = Features({
    "messages": List({"role": text, "content": text}),
    "provenance": {
        "method": text, "role": text, "url": text, "content_hash": text, "file": text, "record": number,
        "seed_instruction": text, "iteration": number, "models": {role: text for role in roles},
        "seed": text, "licence": text,
    },
    "id": text,
})

with tempfile.TemporaryDirectory() as cache:
    def load(kind, name, **more):
        return load_dataset(kind, data_files=str(folder / name), split="train", cache_dir=cache, **more)

    parquet = load("parquet", "rows.parquet")
    assert parquet.features == expected, parquet.features
    # A column that is null in all of a file has no type in JSON: the Parquet's features give it one.
    lines = load("json", "rows.jsonl", features=parquet.features)
    assert lines.features == parquet.features
    plain = load("json", "rows.jsonl")
    plain_rows = [json.loads(line) for line in (folder / "rows.jsonl").read_text().split("\n") if line]
    assert list(parquet) == list(lines) == list(plain) == plain_rows
    assert list(plain.features) == list(parquet.features)

    def untyped(features, path=""):
        """The columns that JSON gives another type; only those without any value may."""
        for name, kind in features.items():
            at = f"{path}{name}"
            known = parquet.features
            for part in at.split("."):
                known = known[part]
            if isinstance(kind, dict):
                yield from untyped(kind, at + ".")
            elif kind != known:
                assert kind == Value("null"), (at, kind, known)
                yield at

    nulls = list(untyped(plain.features))
    print(f"{len(plain_rows)} rows, the same from both; without a type in JSON alone: {', '.join(nulls) or 'none'}")

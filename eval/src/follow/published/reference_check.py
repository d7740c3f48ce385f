"""Holds the scorer `legacy` against the reference scorer, figure by figure.

    python reference_check.py CLONE AMEND [SEEDS]

CLONE is a clone of github.com/YJiangcm/FollowBench, AMEND the binary. For each seed (1 to SEEDS, 20 unless given) every item
gets a random answer (empty, prose, lists, numbers, what its rule wants, cut or repeated) and every judged item a random
verdict (lists of every form, prose, nothing). The reference's own `eval.py` and `amend eval followbench score --scorer
legacy` then score the same files. Prints how many figures were compared and differ; exits 1 if one does. Needs nothing but
Python; what the reference draws is not drawn.
"""

import contextlib
import csv
import io
import json
import logging
import random
import subprocess
import sys
import tempfile
import types
from pathlib import Path
from unittest.mock import MagicMock

JUDGED = ["content", "situation", "style", "format", "mixed"]


def reference(clone):
    """The reference's modules, without what draws."""
    for name in ["matplotlib", "matplotlib.pyplot"]:
        sys.modules[name] = types.ModuleType(name)
    axes = MagicMock()
    sys.modules["matplotlib.pyplot"].subplots = lambda *a, **k: (axes, axes)
    sys.modules["matplotlib.pyplot"].tight_layout = lambda *a, **k: None
    sys.modules["matplotlib.pyplot"].savefig = lambda *a, **k: None
    sys.path.insert(0, str(clone / "code"))
    import eval as scorer
    import gpt4_based_evaluation as judging

    logging.disable(logging.CRITICAL)
    return scorer, judging


def answer(item, draw):
    """Something that a model could say."""
    target = item.get("target") or ""
    target = target if isinstance(target, str) else json.dumps(target)
    words = "the river was long and has been seen by 42 people in 1,200 places".split()
    prose = " ".join(draw.choice(words) for _ in range(draw.randrange(1, 60)))
    forms = [
        "",
        prose,
        prose.capitalize() + ". " + prose + ".\n",
        "\n".join(f"{n}. {draw.choice(words)}" for n in range(1, draw.randrange(2, 9))),
        target,
        target.replace("{instruction}\n", ""),
        f"{prose} {target} {prose}",
        target[: draw.randrange(len(target) + 1)],
        f"The answer is {draw.choice(['$1,200', '7', '42', 'Yes', 'No', '(A)', '(B)'])}.",
        "\n\n".join([prose] * draw.randrange(1, 4)),
    ]
    return draw.choice(forms)


def verdict(level, draw):
    """Something that a judge could say."""
    exact = [draw.choice(["YES", "NO"]) for _ in range(level)]
    wide = [draw.choice(["YES", "NO", "PARTIAL", "MAYBE", "UNKNOWN", "N/A", "yes"]) for _ in range(draw.randrange(1, 7))]
    forms = [
        f"Some thoughts.\n{exact}",
        f"{exact}",
        f"```\n{exact}\n```",
        f"{exact} and that is all",
        "[" + ", ".join(exact) + "]",
        f"The list is {exact}",
        f"{wide}",
        " ".join(exact),
        "I KNOW nothing",
        "",
        f"{exact}\n\n",
    ]
    return draw.choice(forms)


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def choices(text):
    return [{"message": {"content": text}}]


def figures_of_reference(results):
    found = {}
    for file in results.glob("*.csv"):
        with file.open(encoding="utf-8") as lines:
            found[file.stem] = list(csv.reader(lines))[1][1:]
    found["example_hsr"] = found["example_ssr"] = found.pop("example_rule_based")
    return found


def figures_of_amend(scores):
    found = {}
    for category, of in scores["categories"].items():
        for rate in ["hsr", "ssr"]:
            found[f"{category}_{rate}"] = [f"{value:.2f}" for value in of[rate]]
        found[f"{category}_csl"] = [str(round(of["csl"], 1))]
    return found


def compare(clone, amend, modules, seed):
    scorer, judging = modules
    draw = random.Random(seed)
    data = clone / "data"
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for file in sorted(data.glob("*_constraints.json")):
            category = file.name.removesuffix("_constraints.json")
            items = [item for item in json.loads(file.read_text(encoding="utf-8")) if item["level"] > 0]
            rows = [{"prompt": item["instruction"], "choices": choices(answer(item, draw))} for item in items]
            write(folder / "answers" / "m" / f"{category}_constraint.jsonl", rows)
        for category in JUDGED:
            with contextlib.redirect_stdout(io.StringIO()):
                judging.acquire_discriminative_eval_input(
                    str(data), str(folder / "answers"), category, "m", str(folder / "asked"), str(folder / "prompts")
                )
            asked = (folder / "asked" / "m" / f"{category}_constraint.jsonl").read_text(encoding="utf-8").splitlines()
            # The reference finds a judge's reply by its prompt: the same prompt twice gets the first reply.
            replies, rows = {}, []
            for line in map(json.loads, asked):
                reply = replies.setdefault(line["prompt_new"], verdict(line["level"], draw))
                rows.append({"prompt_new": line["prompt_new"], "choices": choices(reply)})
            write(folder / "judged" / "m" / f"{category}_constraint.jsonl", rows)
        results = folder / "results"
        results.mkdir()
        given = types.SimpleNamespace(
            data_path=str(data),
            api_output_path=str(folder / "answers"),
            model_paths=["m"],
            evaluation_result_path=str(results),
            constraint_types=JUDGED,
            data_gpt4_discriminative_eval_input_path=str(folder / "asked"),
            gpt4_discriminative_eval_output_path=str(folder / "judged"),
        )
        with contextlib.redirect_stdout(io.StringIO()):
            scorer.main(given)
        command = [amend, "eval", "followbench", "score", "--data", data, "--generations", folder / "answers"]
        command += ["--judgements", folder / "judged", "--scorer", "legacy", "--json"]
        said = subprocess.run(command, check=True, capture_output=True, text=True)
        scores = json.loads(said.stdout)
        theirs, ours = figures_of_reference(results), figures_of_amend(scores)
    assert sorted(theirs) == sorted(ours), (sorted(theirs), sorted(ours))
    pairs = [(name, a, b) for name in theirs for a, b in zip(theirs[name], ours[name], strict=True)]
    differing = [pair for pair in pairs if pair[1] != pair[2]]
    return len(pairs), differing, scores["unparsed"]


def main():
    clone, amend = Path(sys.argv[1]), sys.argv[2]
    seeds = int(sys.argv[3]) if len(sys.argv) > 3 else 20
    modules = reference(clone)
    compared = different = unparsed = 0
    for seed in range(1, seeds + 1):
        count, differing, unread = compare(clone, amend, modules, seed)
        for name, theirs, ours in differing:
            print(f"seed {seed}, {name}: the reference has {theirs}, amend {ours}")
        compared, different, unparsed = compared + count, different + len(differing), unparsed + unread
    print(f"{compared} figures of {seeds} seeds compared, {different} different; {unparsed} verdicts could not be read")
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()

"""The Python side of `amend bench synth`: rouge_score, datasketch and trafilatura on what Amend wrote.

    python peers.py rouge FOLDER | dedup FOLDER | pages FOLDER

Prints one line of JSON. Floating-point numbers go as their bits, so that nothing is lost on the way.
"""

import json
import struct
import sys
import time
from importlib.metadata import version
from pathlib import Path


def lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def bits(value):
    return struct.unpack("<Q", struct.pack("<d", float(value)))[0]


class Watch:
    def __init__(self):
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def took(self):
        return {"seconds": time.perf_counter() - self.wall, "cpu_seconds": time.process_time() - self.cpu}


def rouge(folder, task):
    from rouge_score import rouge_scorer, tokenize

    scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False)
    texts = lines(folder / "texts.jsonl")
    watch = Watch()
    scores = [bits(scorer.score(texts[a], texts[b])["rougeL"].fmeasure) for a, b in task["pairs"]]
    by_texts = watch.took()

    # As fast as it goes: every text is cut into tokens once.
    pool, decisions, compared = [], [], 0
    watch = Watch()
    for place in range(task["decided"]):
        tokens = tokenize.tokenize(texts[place], None)
        best, nearest = 0.0, None
        for member, known in pool:
            score = rouge_scorer._score_lcs(known, tokens).fmeasure
            if score > best:
                best, nearest = score, member
        compared += len(pool)
        kept = best <= task["max_rouge"]
        if kept:
            pool.append((place, tokens))
        decisions.append([kept, bits(best), nearest])
    took = watch.took()
    return {
        "scores": scores,
        "scoring": by_texts,
        "decisions": decisions,
        "pairs": compared,
        "took": took,
        "version": f"rouge_score {version('rouge_score')}",
    }


def dedup(folder, task):
    from datasketch import MinHash, MinHashLSH

    texts = lines(folder / "texts.jsonl")[: task["rows"]]
    count = task["words"]

    def shingles(text):
        words = text.split(" ")
        if len(words) < count:
            return {text.encode()}
        return {" ".join(words[i : i + count]).encode() for i in range(len(words) - count + 1)}

    sets = [list(shingles(text)) for text in texts]
    lsh = MinHashLSH(threshold=task["threshold"], num_perm=task["permutations"])
    pairs = []
    watch = Watch()
    for row, shingled in enumerate(sets):
        minhash = MinHash(num_perm=task["permutations"], seed=task["seed"])
        minhash.update_batch(shingled)
        pairs.extend((other, row) for other in lsh.query(minhash))
        lsh.insert(row, minhash)
    took = watch.took()
    return {
        "pairs": sorted(pairs),
        "bands": lsh.b,
        "band_rows": lsh.r,
        "took": took,
        "version": f"datasketch {version('datasketch')}",
    }


def pages(folder, task):
    import trafilatura

    html = [Path(file).read_bytes() for file in task["files"]]
    watch = Watch()
    texts = [trafilatura.extract(page) or "" for page in html]
    took = watch.took()
    without = [trafilatura.extract(page, include_comments=False) or "" for page in html]
    return {
        "texts": texts,
        "without_comments": without,
        "took": took,
        "version": f"trafilatura {trafilatura.__version__}",
    }


def main():
    what, folder = sys.argv[1], Path(sys.argv[2])
    task = json.loads((folder / f"{what}.json").read_text(encoding="utf-8"))
    print(json.dumps({"rouge": rouge, "dedup": dedup, "pages": pages}[what](folder, task)))


if __name__ == "__main__":
    main()

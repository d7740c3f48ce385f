"""Main texts by trafilatura: one path a line on standard input, one JSON object a line on standard output.

`text` and `without_comments` are what `trafilatura.extract` gives with its defaults and without comments; `seconds` is
the processor time of the first call, without reading the file.
"""

import json
import sys
import time

import trafilatura

print(json.dumps({"version": trafilatura.__version__}))
for line in sys.stdin:
    with open(line.rstrip("\n"), "rb") as file:
        html = file.read()
    started = time.process_time()
    text = trafilatura.extract(html)
    seconds = time.process_time() - started
    without = trafilatura.extract(html, include_comments=False)
    print(json.dumps({"text": text or "", "without_comments": without or "", "seconds": seconds}), flush=True)

"""The official OpenAI client against a real daemon, unchanged.

    python tests/openai_client/check.py PATH_TO_AMEND

Starts the daemon on a port of its own with a temporary data folder, runs every check, prints a line for each, and
exits with 1 when one of them fails.
"""

import json
import re
import subprocess
import sys
import tempfile
import time
import urllib.request

import openai

QUESTION = [{"role": "user", "content": "What is the capital of France?"}]


def start(binary, data_dir):
    """Starts the daemon and returns the process and its address, once it is ready."""
    daemon = subprocess.Popen(
        [binary, "serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    for line in daemon.stdout:
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        if found:
            address = found.group(0)
            break
    else:
        raise SystemExit(f"the daemon did not say where it listens (exit {daemon.wait()})")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(address + "/readyz", timeout=5).read()
            return daemon, address
        except OSError:
            time.sleep(0.02)
    raise SystemExit("the daemon was not ready within a minute")


def running(address):
    text = urllib.request.urlopen(address + "/metrics", timeout=5).read().decode()
    values = re.findall(r"^amend_requests_running(?:{[^}]*})? (\S+)$", text, re.M)
    return sum(float(value) for value in values)


def models(client, model, _address):
    listed = [entry.id for entry in client.models.list()]
    assert model in listed, listed
    assert client.models.retrieve(model).id == model


def chat(client, model, _address):
    answer = client.chat.completions.create(model=model, messages=QUESTION, temperature=0)
    assert answer.choices[0].message.content == "Paris", answer
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    two = client.chat.completions.create(model=model, messages=QUESTION, temperature=0, n=2)
    assert [choice.index for choice in two.choices] == [0, 1]
    scored = client.chat.completions.create(
        model=model, messages=QUESTION, temperature=0, logprobs=True, top_logprobs=2
    )
    tokens = scored.choices[0].logprobs.content
    assert tokens and all(token.logprob <= 0 and len(token.top_logprobs) == 2 for token in tokens), tokens


def streaming(client, model, _address):
    chunks = list(
        client.chat.completions.create(
            model=model, messages=QUESTION, temperature=0, stream=True, stream_options={"include_usage": True}
        )
    )
    assert chunks[0].choices[0].delta.role == "assistant"
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == "Paris", text
    ends = [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason]
    assert ends == ["stop"], ends
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens > 0, chunks[-1]
    assert all(chunk.usage is None for chunk in chunks[:-1])


def completions(client, model, _address):
    answer = client.completions.create(model=model, prompt="The capital of", max_tokens=4, temperature=0)
    assert answer.object == "text_completion" and answer.usage.completion_tokens <= 4


def errors(client, model, _address):
    def fails(kind, **changes):
        try:
            client.chat.completions.create(**{"model": model, "messages": QUESTION, **changes})
        except kind as error:
            return error
        raise AssertionError(f"{changes} did not raise {kind.__name__}")

    assert fails(openai.NotFoundError, model="no-such-model").code == "model_not_found"
    assert fails(openai.BadRequestError, max_tokens=-1).param == "max_tokens"
    assert fails(openai.BadRequestError, temperature=9).param == "temperature"
    assert fails(openai.BadRequestError, messages=[]).param == "messages"
    assert fails(openai.BadRequestError, extra_body={"audio": {"voice": "x", "format": "wav"}}).param == "audio"


def cancellation(client, model, address):
    long = [{"role": "user", "content": "Hello"}]
    stream = client.chat.completions.create(
        model=model, messages=long, stream=True, max_tokens=400, temperature=2.0, logit_bias={}
    )
    next(iter(stream))
    stream.close()
    deadline = time.monotonic() + 10
    while running(address) != 0:
        assert time.monotonic() < deadline, "the daemon goes on after the client went away"
    chat(client, model, address)


def edits(client, model, _address):
    def ask():
        raw = client.chat.completions.with_raw_response.create(model=model, messages=QUESTION, temperature=0)
        return raw.parse().choices[0].message.content, raw.headers.get("x-amend-edits")

    assert ask() == ("Paris", None), ask()
    stored = client.post("/edits", body={"text": "The capital of France is Lyon."}, cast_to=object)
    name = stored["data"][0]["id"]
    assert ask() == ("Lyon", name), ask()
    client.delete(f"/edits/{name}", cast_to=object)
    assert ask() == ("Paris", None), ask()


def main():
    checks = [models, chat, streaming, completions, errors, cancellation, edits]
    failed = 0
    with tempfile.TemporaryDirectory() as data_dir:
        daemon, address = start(sys.argv[1], data_dir)
        try:
            client = openai.OpenAI(base_url=address + "/v1", api_key="none", max_retries=0, timeout=60)
            model = client.models.list().data[0].id
            for check in checks:
                try:
                    check(client, model, address)
                    print(f"ok      {check.__name__}")
                except Exception as error:  # every check reports, whatever the one before it did
                    failed += 1
                    print(f"FAILED  {check.__name__}: {type(error).__name__}: {error}")
        finally:
            daemon.terminate()
            code = daemon.wait(timeout=60)
    print(json.dumps({"checks": len(checks), "failed": failed, "daemon_exit": code}))
    sys.exit(1 if failed or code != 0 else 0)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Holds rules and dashboard against the source: every metric is recorded, every recorded one is shown, every expression
is PromQL.

    python3 deploy/check_metrics.py [PROMTOOL]

Needs nothing but Python; with a promtool (a path, or `promtool` on the path) the dashboard's expressions are parsed too.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAME = re.compile(r"\bamend_[a-z0-9_]+\b")
RECORDED = re.compile(r"\bamend:[a-z0-9_:]+\b")
SUFFIXES = ("_bucket", "_sum", "_count")


def metrics_of_the_source() -> set[str]:
    """Names in the telemetry tables, and those that the editor writes where it measures."""
    found = set()
    for file in (ROOT / "server/src/telemetry").glob("*names.rs"):
        text = file.read_text().split("#[cfg(test)]")[0]
        found |= set(re.findall(r'=\s*"(amend_[a-z0-9_]+)"', text))
    for file in (ROOT / "editor/src").rglob("*.rs"):
        text = file.read_text()
        found |= set(re.findall(r'(?:counter|gauge|histogram)!\(\s*"(amend_[a-z0-9_]+)"', text))
        found |= set(re.findall(r'const [A-Z_]+: &str = "(amend_[a-z0-9_]+)"', text))
    return found


def base(name: str) -> str:
    """The metric of a series of a histogram."""
    for suffix in SUFFIXES:
        if name.endswith("_seconds" + suffix):
            return name.removesuffix(suffix)
    return name


def expressions(dashboard: dict) -> list[tuple[str, str]]:
    found = [(panel["title"], target["expr"]) for panel in dashboard["panels"] for target in panel.get("targets", [])]
    found += [(note["name"], note["expr"]) for note in dashboard["annotations"]["list"] if "expr" in note]
    return found


def without_variables(expression: str) -> str:
    return expression.replace("$__rate_interval", "5m").replace("$instance", ".*")


def main() -> int:
    known = metrics_of_the_source()
    rules = (ROOT / "deploy/prometheus/amend.rules.yml").read_text()
    dashboard = json.loads((ROOT / "deploy/grafana/amend.json").read_text())
    shown = expressions(dashboard)
    recorded = set(re.findall(r"record: (\S+)", rules))
    wrong = []

    in_rules = "\n".join(line for line in rules.splitlines() if not line.lstrip().startswith("#"))
    for where, text in [("rules", in_rules), *shown]:
        wrong += [f"{where}: nothing records {name}" for name in set(NAME.findall(text)) if base(name) not in known]
        wrong += [f"{where}: no rule makes {name}" for name in set(RECORDED.findall(text)) - recorded]
    named = {base(name) for _, text in shown for name in NAME.findall(text)}
    wrong += [f"dashboard: {name} is not shown" for name in sorted(known - named)]

    ids = [panel["id"] for panel in dashboard["panels"]]
    if len(ids) != len(set(ids)):
        wrong.append("dashboard: two panels have the same id")

    promtool = sys.argv[1] if len(sys.argv) > 1 else shutil.which("promtool")
    if promtool:
        rules = [{"record": f"dashboard:{i}", "expr": without_variables(e)} for i, (_, e) in enumerate(shown)]
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
            # JSON is YAML.
            json.dump({"groups": [{"name": "dashboard", "rules": rules}]}, file)
            file.flush()
            parsed = subprocess.run([promtool, "check", "rules", file.name], capture_output=True, text=True)
        if parsed.returncode != 0:
            wrong.append(parsed.stdout + parsed.stderr)

    for line in wrong:
        print(line)
    how = "parsed by promtool" if promtool else "not parsed: there is no promtool"
    print(f"{len(known)} metrics, {len(recorded)} recorded, {len(shown)} expressions of the dashboard ({how}); {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

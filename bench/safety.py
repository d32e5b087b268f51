"""Rows about safety: the erosion along a long ancestry with many metrics, and the gate of a version."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.load import ask
from bench.processes import Server
from bench.rows import Row
from bench.writing import send
from descentd.graph.metrics import catalogue
from descentd.graph.model.identity import Content

ANCESTORS = 1_000
METRICS = 20
GATED = 100
"""Ancestors of the version whose gate is asked."""
ROUNDS = 40
EROSION = """
query Erosion($of: Ref!) {
  erosion(of: $of) {
    verdict
    findings { kind metric p q message introducedBy { from to changes { field before after } } }
  }
}
"""
GATE = """
query Gate($of: Ref!, $environment: String!) {
  gate(of: $of, environment: $environment) { outcome policyDigest rules { name outcome message evidence { id kind } } }
}
"""
POLICY = """
environment: production
quorum: 1
rules:
  - name: accurate
    expression: metrics["accuracy"].all(m, m.value > 0.4)
  - name: no-erosion
    expression: erosion.findings.filter(f, f.category != "performance").size() == 0
  - name: probes-run
    expression: probes.not_run == 0 && probes.reproduced == 0
  - name: nothing-open
    expression: flags.size() == 0 && ancestry.flags.size() == 0 && incidents.size() == 0
  - name: documentation-current
    expression: drift.size() == 0
"""
"""Each kind of evidence that a gate can want."""


def write_policy(folder: Path) -> Path:
    """Have a folder with the one policy that `rows` rests on."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "production.yaml").write_text(POLICY)
    return folder


def rows(server: Server, erosion: float, gate: float) -> Iterator[Row]:
    """A chain of versions that are evaluated each; `erosion` and `gate` are promised, in ms."""
    send(server.url, lineage())
    first = ask(server.url, EROSION, [{"of": _ref(ANCESTORS)}])
    again = ask(server.url, EROSION, [{"of": _ref(ANCESTORS)}] * ROUNDS)
    found = len(again.last["data"]["erosion"]["findings"])
    note = f"the first {first.median:.0f} ms; {found} findings"
    what = f"erosion, {ANCESTORS:,} ancestors × {METRICS} metrics"
    yield Row(what, again.median, "ms", erosion, note=note)
    asked: list[dict[str, Any]] = [{"of": _ref(GATED), "environment": "production"}] * ROUNDS
    ask(server.url, GATE, asked[:3])
    answers = ask(server.url, GATE, asked)
    note = answers.last["data"]["gate"]["outcome"] + "; the target is for the embedded store"
    yield Row(f"gate, {GATED} ancestors, p50", answers.median, "ms", gate, note=note)


def _ref(number: int) -> str:
    return f"model:lineage@{number}"


def lineage() -> Iterator[Content]:
    """A version each, with its profile, and its results: each metric wanders within a few of its standard errors."""
    rates = [name for name, one in catalogue().items() if one.is_rate and one.alias_of is None and name != "accuracy"]
    names = ["accuracy", *rates][:METRICS]
    for number in range(ANCESTORS + 1):
        parents = [{"ref": _ref(number - 1), "relation": "FINE_TUNE"}] if number else []
        profile = {"intendedUse": "Measuring.", "mustNotDo": ["Anything else."]}
        version = {"name": "lineage", "version": str(number), "parents": parents, "safetyProfile": profile}
        metrics = [
            {"name": name, "value": 0.5 + ((number * 7919 + place * 31) % 97) / 1000, "n": 1000}
            for place, name in enumerate(names)
        ]
        yield {"models": [version]}
        yield {"evaluations": [{"subject": _ref(number), "suite": {"name": "s", "version": "1"}, "metrics": metrics}]}

"""The costliest requests there are: of each kind as large as its limits let it be."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final
from urllib.parse import quote

from bench.registry import Landmarks
from bench.safety import POLICY

_LIST: Final = "[" + ",".join(map(str, range(60))) + "]"
_NESTED: Final = "".join(f"{_LIST}.all(a{i}, " for i in range(5)) + "a0 >= 0" + ")" * 5
_TOLD: Final = (
    "recordedBy content parents { relation } trainedOn { role } links { role } sameBuild { ref } notes { ref } "
    "vulnerabilities { ref } reviews { ref } flags { ref } openIncidents { ref } disclosures { ref } "
    "safetyProfile { ref } artifacts { digest }"
)
_HOSTILE: Final = f"""
environment: production
rules:
  - name: nested
    expression: version.name != 'lineage' || {_NESTED}
"""
"""Beside what a policy is tried on before it is taken, it takes some minutes for each version."""

_TRIAL: Final = """query T($p: String!) {
  policyTrial(policy: $p) {
    outcomes(first: 1000) { totalCount edges { node { version { ref } outcome rules { name outcome message saw } } } }
  }
}"""
"""As `descent policy check --all` asks, page by page."""


@dataclass(frozen=True)
class Asked:
    """A request."""

    body: str
    path: str = "/graphql"
    kind: str = "application/json"
    method: str = "POST"
    accept: str = "*/*"


def costly(landmarks: Landmarks) -> dict[str, list[Asked]]:
    """Requests of each kind, which are sent in turns."""
    return {**_questions(landmarks), **_pages(landmarks), **_tools(landmarks), **_others()}


def _questions(landmarks: Landmarks) -> dict[str, list[Asked]]:
    cause, leaf = landmarks.causes["0.321"].refs, landmarks.leaves
    version, pairs = landmarks.versions, pairwise(landmarks.versions)
    parents = "parents { node { " * 3 + "ref verdict { status }" + " } }" * 3
    some = list(pairs)[:30]
    return {
        "nested parents with verdicts": [
            _query(f"{{ modelVersions(first: 60) {{ edges {{ node {{ ref {parents} }} }} }} }}")
        ],
        "parents with verdicts of 1,000, 3 aliases": [
            _aliases(
                3,
                'modelVersions(first: 1000, filter: {{namePrefix: "zoo/model-{0}"}}) '
                "{{ edges {{ node {{ ref parents {{ node {{ ref verdict {{ status }} }} }} }} }} }}",
            )
        ],
        "35 aliases of trainedOn": [
            _aliases(
                35,
                'trainedOn(population: {{all: [{{attribute: "region", values: ["r{0}"]}}]}}) '
                "{{ counts {{ count }} versions(first: 10) {{ edges {{ node {{ ref }} }} }} }}",
            )
        ],
        "lineage of 10,000, 5 aliases": [
            _aliased(
                f'lineage(of: "{ref}", direction: DESCENDANTS, limit: 10000) {{ totalCount nodes {{ ref }} }}'
                for ref in (cause * 5)[:5]
            )
        ],
        "impact, 100 aliases": [
            _aliased(
                f"impact(of: {json.dumps([*cause, ref])}) {{ affected(first: 1) {{ totalCount }} }}"
                for ref in leaf[n : n + 100]
            )
            for n in (0, 100, 200)
        ],
        "documentationDrift of 1,000": [
            _query("{ documentationDrift(first: 1000) { totalCount edges { node { ref } } } }")
        ],
        "diff, 30 aliases": [_aliased(f'diff(base: "{base}", head: "{head}") {{ summary }}' for base, head in some)],
        "erosion of 1,000 ancestors, 30 aliases": [
            _aliases(30, 'erosion(of: "model:lineage@1000", alpha: 0.0{0}1) {{ verdict findings {{ message }} }}')
        ],
        "erosion of 1,000 ancestors, one at a time": [
            _query(f'{{ erosion(of: "model:lineage@{1000 - n}") {{ verdict findings {{ message }} }} }}')
            for n in range(50)
        ],
        "trend, 100 aliases": [
            _aliases(100, 'trend(of: "model:lineage@1000", metric: "accuracy") {{ series {{ points {{ value }} }} }}')
        ],
        "a policy that would not end, of 1,000 versions": [_query(_TRIAL, p=_HOSTILE)],
        "a policy, of 1,000 versions": [_query(_TRIAL, p=POLICY)],
        "proofs, 100 aliases": [
            _aliased(f'proof(of: "{ref}") {{ inclusion consistency }}' for ref in version[n : n + 100])
            for n in (0, 100, 200)
        ],
        "search of 1,000, 100 aliases": [
            _aliases(100, 'search(text: "m{0}", first: 100) {{ totalCount edges {{ node {{ ref }} }} }}')
        ],
        "paths, 99 aliases": [
            _aliased(
                f'paths(from: "{cause[0]}", to: "{ref}") {{ count paths {{ steps {{ ref }} }} }}' for ref in leaf[:99]
            )
        ],
        "erosions and groups, 50 aliases": [
            _aliases(50, "erosions(first: 100) {{ totalCount edges {{ node {{ ref }} }} }}")
        ],
        "the schema": [_query("{ __schema { types { name fields { name args { name type { name } } } } } }")],
        "a body of 15 MB": [_query("{ __typename }", padding="x" * 15_000_000)],
        "a manifest of 20,000 versions": [_manifest(n) for n in range(4)],
        "a manifest of 5,000 versions that is taken": [_right(n) for n in range(50)],
        "a document that is new each time": [_new(n) for n in range(200)],
        "all that is told of 1,000 versions": [
            _query("{ modelVersions(first: 1000) { edges { node { ref " + _TOLD + " } } } }")
        ],
        "verdicts of 1,000, with what is behind them": [
            _query(
                "{ modelVersions(first: 1000) { edges { node { verdict { status } kinIncidents { relation } "
                "retractedOrigins { ref } } } } }"
            )
        ],
        "contents and links of 10,000": [
            _query(
                f'{{ lineage(of: "{cause[0]}", direction: DESCENDANTS, limit: 10000) {{ nodes {{ distance node '
                "{ id recordedAt content links { role } } } edges { source target } } }"
            )
        ],
        "gates, 35 aliases": [
            _aliased(
                f'gate(of: "{ref}", environment: "production") {{ outcome rules {{ message }} }}'
                for ref in version[:35]
            )
        ],
        "populations and their words, 90 aliases": [
            _aliases(90, "populationVocabulary {{ attribute values {{ value }} }}")
        ],
    }


def _pages(landmarks: Landmarks) -> dict[str, list[Asked]]:
    """Pages of the explorer."""
    hub, versions = quote(landmarks.causes["0.2"].refs[0]), [quote(ref) for ref in landmarks.versions]
    asked = {
        "the drawing of a chain of 1,500": [f"/lineage/model:lineage@{n}?up=750&down=750" for n in range(745, 755)],
        "the drawing of a hub": [f"/lineage/{hub}?down=2&fold=off", f"/lineage/{hub}?down=3"],
        "drawings, three steps each way": [f"/lineage/{ref}?up=3&down=3" for ref in versions],
        "a trend of 1,000": [f"/trend/model:lineage@{1000 - n}?metric=accuracy" for n in range(50)],
        "diffs": [f"/diff/model:lineage@{1000 - n}?base=model:lineage@{n}" for n in range(50)],
        "the impact of a hub": [f"/impact/{hub}"],
        "who learned from some": [f"/population?where=region%3DEU,age_group%3D{n}%2B" for n in range(50)],
        "cards": [f"/record/model:lineage@{1000 - n}" for n in range(50)],
        "lists": ["/drift", "/erosions", "/search?text=zoo", "/"],
    }
    return {
        f"pages: {name}": [Asked("", path, method="GET", accept="text/html") for path in paths]
        for name, paths in asked.items()
    }


def _tools(landmarks: Landmarks) -> dict[str, list[Asked]]:
    """Tools of assistants, as large as they may be."""
    cause, versions = landmarks.causes["0.321"].refs, landmarks.versions
    eu = [{"attribute": "region", "values": ["EU"]}]
    return {
        "tools: lineage": [_tool("get_lineage", of=ref, direction="DESCENDANTS", limit=200) for ref in cause],
        "tools: impact": [_tool("impact", of=[*cause, ref], limit=200) for ref in landmarks.leaves],
        "tools: who learned from": [_tool("who_learned_from", population=eu, limit=200)],
        "tools: erosion": [_tool("erosion", of=f"model:lineage@{1000 - n}", limit=200) for n in range(50)],
        "tools: diff": [_tool("diff", base=base, head=head) for base, head in pairwise(versions)],
    }


def _tool(name: str, **arguments: Any) -> Asked:
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments}}
    return Asked(json.dumps(call), "/mcp", accept="application/json, text/event-stream")


def _others() -> dict[str, list[Asked]]:
    """What moves much."""
    return {
        "a body of 5,000,000 texts": [_query("{ __typename }", x=[""] * 5_000_000)],
        "the whole log": [Asked("", "/records", method="GET")],
        "bulk registration": [_lines(n) for n in range(50)],
    }


def _query(query: str, **variables: Any) -> Asked:
    return Asked(json.dumps({"query": query, "variables": variables}))


def _aliases(number: int, field: str) -> Asked:
    return _aliased(field.format(i) for i in range(number))


def _aliased(fields: Iterable[str]) -> Asked:
    """One query with all the fields, each under an alias of its own."""
    return _query("{ " + " ".join(f"a{i}: {field}" for i, field in enumerate(fields)) + " }")


def _manifest(number: int) -> Asked:
    models = [{"name": f"many{number}", "version": str(i), "colour": "red"} for i in range(20_000)]
    return _query("mutation M($m: ManifestInput!) { register(manifest: $m) { created } }", m={"models": models})


def _right(number: int) -> Asked:
    models = [{"name": f"right{number}", "version": str(i), "config": {"seed": i}} for i in range(5_000)]
    return _query("mutation M($m: ManifestInput!) { register(manifest: $m) { created } }", m={"models": models})


def _lines(number: int) -> Asked:
    """A thousand manifests, each with a version and its results."""
    manifests = (
        {"models": [{"name": f"bulk{number}", "version": str(i), "config": {"seed": i, "bulk": number}}]}
        for i in range(1_000)
    )
    return Asked("".join(json.dumps(one) + "\n" for one in manifests), "/bulk", "application/x-ndjson")


def _new(number: int) -> Asked:
    return _query("{ " + " ".join(f'n{number}x{i}: entity(ref: "model:x@{i}") {{ ref }}' for i in range(100)) + " }")

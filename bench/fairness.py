"""Rows about fairness: how late a second caller's look-ups are while one caller asks the costliest questions there are.

The costly questions are as large as their limits let them be, several at a time, again and again. Both callers have a
token, and the registry is a copy, because tokens close the one that other rows are measured on. The server still
assesses erosion in the background, as after any start.
"""

import asyncio
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import count
from typing import Any, Final
from urllib.parse import urlsplit

from bench.load import ask
from bench.processes import Server
from bench.questions import LOOKUP
from bench.registry import CACHE, Landmarks, path
from bench.rows import Row
from bench.safety import lineage
from bench.writing import send
from tests.app.tokens import new_token

TARGET: Final = 100.0
"""Milliseconds within which 95 of 100 look-ups are answered."""
_AT_ONCE: Final = 8
_LOOKUPS: Final = 200
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


@dataclass(frozen=True)
class Asked:
    """A request."""

    body: str
    path: str = "/graphql"
    kind: str = "application/json"
    method: str = "POST"


def rows(landmarks: Landmarks) -> Iterator[Row]:
    """One row for each costly question, and one without any."""
    greedy, other, store = _copied(landmarks)
    with Server(store) as server:
        send(server.url, lineage(), greedy)
        yield _row(server, landmarks, other, "nobody else", "")
        for name, bodies in questions(landmarks).items():
            with _asking(server.url, greedy, bodies) as answered:
                row = _row(server, landmarks, other, name, answered)
            alone = _row(server, landmarks, other, "nobody", None)
            yield replace(row, note=f"{row.note}; alone afterwards {alone.figure:.1f} ms")


def questions(landmarks: Landmarks) -> dict[str, list[Asked]]:
    """Requests of each kind, which are sent in turns."""
    cause, leaf = landmarks.causes["0.321"].refs, landmarks.leaves
    version, pairs = landmarks.versions, zip(landmarks.versions, landmarks.versions[1:], strict=False)
    parents = "parents { node { " * 3 + "ref verdict { status }" + " } }" * 3
    some = list(pairs)[:30]
    return {
        "nested parents with verdicts": [
            _query(f"{{ modelVersions(first: 1000, after: null) {{ edges {{ node {{ ref {parents} }} }} }} }}")
        ],
        "35 aliases of trainedOn": [
            _aliases(
                35,
                'trainedOn(population: {{all: [{{attribute: "region", values: ["r{0}"]}}]}}) '
                "{{ counts {{ count }} versions(first: 10) {{ edges {{ node {{ ref }} }} }} }}",
            )
        ],
        "lineage of 10,000, 5 aliases": [
            _query(
                "{ "
                + " ".join(
                    f'a{i}: lineage(of: "{ref}", direction: DESCENDANTS, limit: 10000) {{ totalCount nodes {{ ref }} }}'
                    for i, ref in enumerate((cause * 5)[:5])
                )
                + " }"
            )
        ],
        "impact, 100 aliases": [
            _query("{ " + " ".join(_impact(i, [*cause, ref]) for i, ref in enumerate(leaf[n : n + 100])) + " }")
            for n in (0, 100, 200)
        ],
        "documentationDrift of 1,000": [
            _query("{ documentationDrift(first: 1000) { totalCount edges { node { ref } } } }")
        ],
        "diff, 30 aliases": [
            _query(
                "{ "
                + " ".join(
                    f'a{i}: diff(base: "{base}", head: "{head}") {{ summary }}' for i, (base, head) in enumerate(some)
                )
                + " }"
            )
        ],
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
        "a policy that would not end, of 1,000 versions": [
            _query(
                "query T($p: String!) { policyTrial(policy: $p) { outcomes(first: 1000) { totalCount } } }",
                p=_HOSTILE,
            )
        ],
        "proofs, 100 aliases": [
            _query(
                "{ "
                + " ".join(
                    f'a{i}: proof(of: "{ref}") {{ inclusion consistency }}'
                    for i, ref in enumerate(version[n : n + 100])
                )
                + " }"
            )
            for n in (0, 100, 200)
        ],
        "search of 1,000, 100 aliases": [
            _aliases(100, 'search(text: "m{0}", first: 100) {{ totalCount edges {{ node {{ ref }} }} }}')
        ],
        "paths, 100 aliases": [
            _query(
                "{ "
                + " ".join(
                    f'a{i}: paths(from: "{cause[0]}", to: "{ref}") {{ count paths {{ nodes {{ ref }} }} }}'
                    for i, ref in enumerate(leaf[:100])
                )
                + " }"
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
            _query(
                "{ "
                + " ".join(
                    f'a{i}: gate(of: "{ref}", environment: "production") {{ outcome rules {{ message }} }}'
                    for i, ref in enumerate(version[:35])
                )
                + " }"
            )
        ],
        "populations and their words, 90 aliases": [
            _aliases(90, "populationVocabulary {{ attribute values {{ value }} }}")
        ],
        "a body of 5,000,000 texts": [_query("{ __typename }", x=[""] * 5_000_000)],
        "the whole log": [Asked("", "/records", method="GET")],
        "bulk registration": [_lines(n) for n in range(50)],
    }


def _impact(number: int, refs: list[str]) -> str:
    return f"a{number}: impact(of: {json.dumps(refs)}) {{ affected(first: 1) {{ totalCount }} }}"


def _query(query: str, **variables: Any) -> Asked:
    return Asked(json.dumps({"query": query, "variables": variables}))


def _aliases(number: int, field: str) -> Asked:
    return _query("{ " + " ".join(f"a{i}: {field.format(i)}" for i in range(number)) + " }")


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


def _row(server: Server, landmarks: Landmarks, token: str, name: str, answered: Any) -> Row:
    found = ask(server.url, LOOKUP, [{"ref": ref} for ref in landmarks.versions[:_LOOKUPS]], token=token)
    late = found.percentile(0.95) * 1000
    note = f"p50 {found.median:.1f}, at most {max(found.latencies) * 1000:.0f} ms"
    if answered:
        note += f"; {answered()}"
    return Row(f"look-up, p95, beside {name}", late, "ms", TARGET, note=note)


def _copied(landmarks: Landmarks) -> tuple[str, str, str]:
    """The tokens of two callers, and the address of the copy that they are in."""
    file = CACHE / "fairness.db"
    for old in CACHE.glob("fairness.db*"):
        old.unlink()
    with sqlite3.connect(path(landmarks.size)) as source, sqlite3.connect(file) as to:
        source.backup(to)
    source.close()
    to.close()
    store = f"sqlite:///{file}"
    roles = ("registrar", "evaluator", "admin")
    return new_token(store, "greedy", *roles), new_token(store, "other", "viewer"), store


@contextmanager
def _asking(url: str, token: str, bodies: list[Asked]) -> Iterator[Any]:
    """Ask without end while the body runs; yields what says how much was answered so far."""
    command = [sys.executable, "-m", "bench.fairness"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({"url": url, "token": token, "bodies": [asdict(one) for one in bodies]}) + "\n")
        process.stdin.flush()
        process.stdout.readline()  # it has begun
        try:

            def answered() -> str:
                process.terminate()
                assert process.stdout is not None
                lines = process.stdout.read().splitlines()
                return f"{len(lines)} answers, the last: {lines[-1][:60]}" if lines else "nothing was answered yet"

            yield answered
        finally:
            process.kill()


async def _ask_without_end(given: dict[str, Any]) -> None:
    parts = urlsplit(given["url"])
    bodies = [Asked(**one) for one in given["bodies"]]
    waiting = (bodies[i % len(bodies)] for i in count())

    async def client() -> None:
        for asked in waiting:
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
            sent = asked.body.encode()
            writer.write(
                f"{asked.method} {asked.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: {asked.kind}\r\n"
                f"Authorization: Bearer {given['token']}\r\nConnection: close\r\nContent-Length: {len(sent)}\r\n\r\n"
                "".encode()
                + sent
            )
            await reader.readuntil(b"\r\n\r\n")
            shown = (await reader.read(80)).decode(errors="replace").replace("\r\n", " ").replace("\n", " ")
            while await reader.read(1 << 20):
                pass
            writer.close()
            print(shown, flush=True)

    print("begun", flush=True)
    await asyncio.gather(*(client() for _ in range(_AT_ONCE)))


if __name__ == "__main__":
    asyncio.run(_ask_without_end(json.loads(sys.stdin.readline())))

"""Rows about registering: in bulk and one by one, into a registry that is empty at first."""

import hashlib
import http.client
import json
import time
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from bench.contents import Members, manifests
from bench.load import ask
from bench.processes import Server
from bench.registry import CACHE, made
from bench.rows import Row
from descentd.graph.model.identity import Content

REGISTER = "mutation Register($manifest: ManifestInput!) { register(manifest: $manifest) { created existing } }"


def send(url: str, found: Iterable[Content], token: str | None = None) -> tuple[int, float]:
    """Register manifests over /bulk; how many records are new, and in how many seconds. All must be accepted."""
    file = CACHE / "bulk.ndjson"
    with file.open("wb") as lines:
        lines.writelines(json.dumps(manifest).encode() + b"\n" for manifest in found)
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=600)
    headers = {"Content-Type": "application/x-ndjson", "Content-Length": str(file.stat().st_size)}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    start = time.perf_counter()
    with file.open("rb") as body:
        connection.request("POST", "/bulk", body, headers)
    answers = [json.loads(line) for line in connection.getresponse().read().splitlines()]
    seconds = time.perf_counter() - start
    connection.close()
    file.unlink()
    refused = [answer for answer in answers if "errors" in answer]
    if refused:
        raise RuntimeError(f"{len(refused)} of {len(answers)} lines were refused, the first: {refused[0]}")
    return sum(answer["created"] for answer in answers), seconds


def bulk(server: Server, records: int, target: float, raw: float) -> Row:
    """A zoo's manifests over /bulk; `raw` is how many records a second the store takes by itself."""
    used = server.seconds_used
    created, seconds = send(server.url, manifests(Members(made(records))))
    cost, rate = (server.seconds_used - used) * 1e6 / created, created / seconds
    note = f"{created:,} records; {cost:.0f} µs of processor a record; {rate / raw:.2f} of raw {raw:,.0f}/s"
    return Row("bulk registration", rate, "/s", target, "more", note)


def singles(server: Server, p50: float, rate: float) -> Iterator[Row]:
    """One small manifest a request, each durable before it is answered."""
    asked = [{"manifest": _single(n)} for n in range(2_200)]
    ask(server.url, REGISTER, asked[:20])
    alone = ask(server.url, REGISTER, asked[20:200])
    yield Row("one registration, durable, alone, p50", alone.median, "ms", p50)
    used = server.seconds_used
    many = ask(server.url, REGISTER, asked[200:], 32)
    cost = (server.seconds_used - used) * 1000 / len(many.latencies)
    note = f"{cost:.2f} ms of processor each; p95 {many.percentile(0.95) * 1000:.0f} ms"
    yield Row("one registration, durable, 32 writers", many.rate, "/s", rate, "more", note)


def _single(number: int) -> Content:
    digest = hashlib.sha256(b"single %d" % number).hexdigest()
    artifact = {"uri": f"s3://single/{number}", "digest": f"sha256:{digest}"}
    config = {"learning_rate": 0.001, "seed": number}
    return {"models": [{"name": "single", "version": str(number), "artifacts": [artifact], "config": config}]}

"""Rows about registering: in bulk and one by one, into a registry that is empty at first."""

import hashlib
import http.client
import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from neo4j import GraphDatabase

from bench.contents import Members, manifests
from bench.load import ask
from bench.processes import Server
from bench.registry import CACHE, made
from bench.rows import Row
from descentd.graph.model.identity import Content

REGISTER = "mutation Register($manifest: ManifestInput!) { register(manifest: $manifest) { created existing } }"
RAW_BATCH = 10_000


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


def raw_sqlite(filled: Path) -> float:
    """Records a second when the rows of a registry go into the same tables of another file, nothing being checked."""
    source, copy = sqlite3.connect(filled), CACHE / "raw.db"
    copy.unlink(missing_ok=True)
    target = sqlite3.connect(copy, isolation_level=None)
    target.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")
    for (statement,) in source.execute(
        "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'word%' AND name NOT LIKE 'sqlite_%'"
    ):
        target.execute(statement)
    size = source.execute("SELECT max(seq) FROM record").fetchone()[0]
    tables = {"record": "seq", "body": "seq", "edge": "src", "key": "seq"}
    taken = 0.0
    for begin in range(0, size, RAW_BATCH):
        span = (begin, begin + RAW_BATCH)
        rows = {
            t: source.execute(f"SELECT * FROM {t} WHERE {c} > ? AND {c} <= ?", span).fetchall()
            for t, c in tables.items()
        }
        start = time.perf_counter()
        target.execute("BEGIN IMMEDIATE")
        for table, values in rows.items():
            if values:
                target.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(values[0]))})", values)
        target.execute("COMMIT")
        taken += time.perf_counter() - start
    source.close()
    target.close()
    for suffix in ("", "-wal", "-shm"):
        copy.with_name(copy.name + suffix).unlink(missing_ok=True)
    return float(size / taken)


_CREATE = "UNWIND $rows AS row CREATE (n:$(row[0])) SET n = row[1]"
_JOIN = "UNWIND $rows AS row MATCH (a:Raw {seq: row[0]}), (b:Raw {seq: row[1]}) CREATE (a)-[:$(row[2])]->(b)"


def raw_neo4j(uri: str, filled: Path, records: int) -> float:
    """Records a second when rows of a registry's SQLite file become nodes and relationships, nothing being checked."""
    source = sqlite3.connect(filled)
    columns = ("seq", "kind", "id", "label", "tx", "recordedAt", "recordedBy", "hash", "body")
    taken = 0.0
    with GraphDatabase.driver(uri) as driver, driver.session() as session:
        session.run("CREATE CONSTRAINT raw IF NOT EXISTS FOR (n:Raw) REQUIRE n.seq IS UNIQUE").consume()
        for begin in range(0, records, RAW_BATCH):
            span = (begin, min(begin + RAW_BATCH, records))
            nodes = source.execute(
                "SELECT seq, kind, id, label, tx, recorded_at, recorded_by, hex(hash), content "
                "FROM record JOIN body USING (seq) WHERE seq > ? AND seq <= ?",
                span,
            ).fetchall()
            edges = source.execute("SELECT src, dst, 'RAW' FROM edge WHERE src > ? AND src <= ?", span).fetchall()
            rows = [["Raw", dict(zip(columns, node, strict=True))] for node in nodes]
            taken += _run(session, _CREATE, rows) + _run(session, _JOIN, [list(edge) for edge in edges])
        session.run("MATCH (n:Raw) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 10000 ROWS").consume()
    source.close()
    return records / taken


def _run(session: Any, query: str, rows: Sequence[Any]) -> float:
    start = time.perf_counter()
    session.run(query, rows=rows).consume()
    return time.perf_counter() - start

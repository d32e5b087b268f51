"""Rows about questions, asked over HTTP of a server on a registry that is there already."""

import itertools
import statistics
import time
from collections.abc import Iterator, Sequence
from typing import Any

from bench.load import Answers, ask
from bench.processes import Server
from bench.registry import Cause, Landmarks
from bench.rows import Row
from bench.zoo import AGES, REGIONS
from descentd.graph.index.topology import Topology
from descentd.graph.model.reach import Direction, ReachQuery, Tail

LOOKUP = """
query Entity($ref: Ref!) {
  entity(ref: $ref) {
    id ref kind recordedAt
    ... on ModelVersion { name version parents { relation node { ref } } trainedOn { role node { ref } } }
  }
}
"""
IMPACT = """
query Impact($of: [Ref!]!, $first: Int) {
  impact(of: $of) {
    counts { kind count }
    affected(first: $first) {
      totalCount
      pageInfo { hasNextPage endCursor }
      edges { distance via { ref role } node { id ref kind } }
    }
  }
}
"""
EXPOSURE = """
query TrainedOn($population: PopulationInput!, $first: Int) {
  trainedOn(population: $population) {
    counts { verdict count }
    versions(first: $first) {
      totalCount
      pageInfo { hasNextPage endCursor }
      edges {
        verdict exposure node { id ref }
        evidence { partition { ref } joint via { ref role } }
      }
    }
  }
}
"""
ROUNDS = 40
CLIENTS = 16
SAME_TIME = 1.1
"""How many times longer is the same, where two workers are compared with one: their clients meet other caches."""


def lookups(server: Server, landmarks: Landmarks, rate: float, late: float | None, alone: float) -> Iterator[Row]:
    """Versions by ref with parents and data; `rate`, `late` (ms) and `alone` (ms) are promised."""
    variables = [{"ref": ref} for ref in landmarks.versions]
    ask(server.url, LOOKUP, variables[:200], CLIENTS)
    answers, cost = _many(server, variables)
    note = f"{cost:.2f} ms of processor a request"
    yield Row(f"look-up, {CLIENTS} clients, one worker", answers.rate, "/s", rate, "more", note)
    if late is not None:
        yield Row("look-up, p95", answers.percentile(0.95) * 1000, "ms", late)
    one = ask(server.url, LOOKUP, variables[:300])
    yield Row("look-up, one client, p50", one.median, "ms", alone)


def two_workers(store: str, landmarks: Landmarks) -> Row:
    """The processor time that a look-up takes of two workers, beside that of one: the least of three, in turn."""
    variables = [{"ref": ref} for ref in landmarks.versions]
    costs: dict[str, list[float]] = {"1": [], "2": []}
    for number, found in [*costs.items()] * 3:
        with Server(store, "--workers", number) as server:
            server.settle()
            _many(server, variables)
            found.append(_many(server, variables)[1])
    one, two = (min(found) for found in costs.values())
    return Row("look-up by two workers, processor time", two, "ms", one * SAME_TIME, note=f"of one worker {one:.2f} ms")


def _many(server: Server, variables: list[dict[str, Any]]) -> tuple[Answers, float]:
    """Look-ups by 16 clients, and the milliseconds of processor that each took."""
    used = server.seconds_used
    answers = ask(server.url, LOOKUP, variables * 4, CLIENTS)
    return answers, (server.seconds_used - used) * 1000 / len(answers.latencies)


def impacts(server: Server, landmarks: Landmarks, name: str, target: float, alone: float) -> Row:
    """Exact counts and the first 100 of a reach; `alone` is what the walk itself takes, in ms."""
    cause = landmarks.causes[name]
    answers, note = _impact(server, landmarks, cause, 100)
    note = f"walk alone {alone:.1f} ms; {note}"
    return Row(f"impact, {cause.reaches:,} of {landmarks.records:,}", answers.median, "ms", target, note=note)


def shapes(server: Server, landmarks: Landmarks, targets: dict[str, float]) -> Iterator[Row]:
    """A lattice and a chain, counts and first 10."""
    for name, target in targets.items():
        cause = landmarks.causes[name]
        answers, note = _impact(server, landmarks, cause, 10)
        yield Row(f"{name} of {cause.reaches:,}, first 10", answers.median, "ms", target, note=note)


def _impact(server: Server, landmarks: Landmarks, cause: Cause, first: int) -> tuple[Answers, str]:
    # Each question names another leaf beside the cause, so that none is answered from what an earlier one found.
    variables = [{"of": [*cause.refs, leaf], "first": first} for leaf in landmarks.leaves[:ROUNDS]]
    answers, cost = _timed(server, IMPACT, variables)
    total = answers.last["data"]["impact"]["affected"]["totalCount"]
    if not cause.reaches - 1 <= total <= cause.reaches:
        raise RuntimeError(f"{cause.refs} reach {total} records by HTTP and {cause.reaches} in process.")
    again = ask(server.url, IMPACT, variables[-1:] * 10)
    return answers, f"{cost:.1f} ms of processor; asked again {again.median:.1f} ms"


def exposures(server: Server, landmarks: Landmarks, target: float) -> Row:
    """Who learned from a population, over the whole registry, counts and first 100."""
    asked: list[dict[str, Any]] = []
    several = [c for n in (1, 2, 3) for c in itertools.combinations(REGIONS, n)]
    for regions, age in itertools.product(several, AGES):
        terms = [{"attribute": "region", "values": regions}, {"attribute": "age_group", "values": [age]}]
        asked.append({"population": {"all": terms}, "first": 100})
    answers, cost = _timed(server, EXPOSURE, asked[:ROUNDS])
    counts = {c["verdict"]: c["count"] for c in answers.last["data"]["trainedOn"]["counts"]}
    note = f"{cost:.1f} ms of processor; " + ", ".join(f"{name} {count:,}" for name, count in counts.items())
    return Row(f"exposure over {landmarks.records:,}, first 100", answers.median, "ms", target, note=note)


def _timed(server: Server, query: str, variables: Sequence[dict[str, Any]]) -> tuple[Answers, float]:
    """The answers, after some that do not count, and the milliseconds of processor that each took."""
    ask(server.url, query, variables[:3])
    used = server.seconds_used
    answers = ask(server.url, query, variables[3:])
    return answers, (server.seconds_used - used) * 1000 / len(answers.latencies)


class Alone:
    """The arrays by themselves, in this process: what the same questions cost without a server."""

    def __init__(self, tail: Tail, found: dict[str, int]) -> None:
        self._topology = Topology()
        self._topology.extend(tail)
        self._found = found

    def milliseconds(self, cause: Cause, leaves: Sequence[str]) -> float:
        """The median time of one reach with its counts and no page."""
        times = []
        for leaf in leaves[:ROUNDS]:
            origins = [self._found[ref] for ref in (*cause.refs, leaf)]
            start = time.perf_counter()
            self._topology.reach(ReachQuery(origins, Direction.DESCENDANTS, self._topology.size, first=1))
            times.append(time.perf_counter() - start)
        return statistics.median(times) * 1000

"""Rows about the pages of the explorer: from the request to the first byte, of a server that has been asked before."""

import http.client
import statistics
import time
from collections.abc import Iterator, Sequence
from urllib.parse import quote, urlsplit

from bench.processes import Server
from bench.registry import Landmarks
from bench.rows import Row

ROUNDS = 21


def rows(server: Server, landmarks: Landmarks, target: float) -> Iterator[Row]:
    """Pages of a list, of many versions in turn, and of what reaches a fifth of the registry; `target` is in ms."""
    versions = [quote(ref) for ref in landmarks.versions[:ROUNDS]]
    hub = quote(landmarks.causes["0.2"].refs[0])
    asked = {
        "home": ["/"] * ROUNDS,
        "a version's card": [f"/record/{ref}" for ref in versions],
        "a lineage": [f"/lineage/{ref}" for ref in versions],
        "a lineage, 3 steps each way": [f"/lineage/{ref}?up=3&down=3" for ref in versions],
        "the lineage of a hub": [f"/lineage/{hub}"] * ROUNDS,
        "the impact of a hub": [f"/impact/{hub}"] * ROUNDS,
        "a trend": [f"/trend/{ref}?metric=accuracy" for ref in versions],
        "the list of documentation": ["/drift"] * ROUNDS,
        "the list of what got worse": ["/erosions"] * ROUNDS,
    }
    for what, addresses in asked.items():
        yield _row(server, what, addresses, target)


def _row(server: Server, what: str, addresses: Sequence[str], target: float) -> Row:
    place = urlsplit(server.url)
    client = http.client.HTTPConnection(place.hostname or "", place.port or 80)
    client.request("GET", addresses[0])
    client.getresponse().read()
    used = server.seconds_used
    times, largest = [], 0
    for address in addresses:
        start = time.perf_counter()
        client.request("GET", address, headers={"Accept": "text/html"})
        answer = client.getresponse()
        times.append(1000 * (time.perf_counter() - start))
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{address} is answered with {answer.status}: {body.decode()[:500]}")
        largest = max(largest, len(body))
    client.close()
    cost = 1000 * (server.seconds_used - used) / len(addresses)
    note = f"slowest {max(times):.0f} ms; {cost:.0f} ms of processor; at most {largest / 1000:.0f} kB"
    return Row(f"first byte of {what}", statistics.median(times), "ms", target, note=note)

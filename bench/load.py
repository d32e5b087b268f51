"""Clients of a server, in a process of their own so that they take nothing from it but its answers.

`python -m bench.load` reads what to ask as JSON on stdin and writes what came of it as JSON on stdout. HTTP is written
by hand on asyncio's sockets: an HTTP library would take longer for a request than the server does.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, takewhile
from typing import Any
from urllib.parse import urlsplit

import uvloop


@dataclass(frozen=True)
class Answers:
    """What came of some requests: seconds in all and of each, and the last answer."""

    seconds: float
    latencies: Sequence[float]
    last: dict[str, Any]

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.latencies) / self.seconds

    @property
    def median(self) -> float:
        """Milliseconds within which half of the requests were answered."""
        return self.percentile(0.5) * 1000

    def percentile(self, share: float) -> float:
        """The seconds within which this share of the requests was answered."""
        return sorted(self.latencies)[min(int(len(self.latencies) * share), len(self.latencies) - 1)]


def ask(
    url: str,
    query: str,
    variables: Sequence[dict[str, Any]],
    clients: int = 1,
    token: str | None = None,
    seconds: float | None = None,
) -> Answers:
    """Send an operation with each of `variables`, spread over clients of which each waits for its answer.

    With `seconds`, all of them again and again, until so many have passed.

    Raises RuntimeError where an answer is none.
    """
    asked = json.dumps(
        {"url": url, "query": query, "variables": variables, "clients": clients, "token": token, "seconds": seconds}
    )
    command = [sys.executable, "-m", "bench.load"]
    done = subprocess.run(command, input=asked, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"The clients failed:\n{done.stderr[-2000:]}")
    return Answers(**json.loads(done.stdout))


class _Client:
    """One connection, on which requests are sent one after the other."""

    def __init__(self, host: str, port: int, token: str | None) -> None:
        authorization = "" if token is None else f"Authorization: Bearer {token}\r\n"
        self._head = (
            f"POST /graphql HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n{authorization}"
            "Accept: application/graphql-response+json\r\nContent-Length: "
        ).encode()

    async def run(self, host: str, port: int, bodies: Iterator[bytes], latencies: list[float]) -> bytes:
        """Send requests until there are no more; the last answer."""
        reader, writer = await asyncio.open_connection(host, port, limit=1 << 24)
        answer = b""
        for body in bodies:
            start = time.perf_counter()
            writer.write(b"%s%d\r\n\r\n%s" % (self._head, len(body), body))
            status, *headers = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
            length = next(int(h.partition(b":")[2]) for h in headers if h.lower().startswith(b"content-length:"))
            answer = await reader.readexactly(length)
            latencies.append(time.perf_counter() - start)
            if b" 200 " not in status or answer.startswith(b'{"errors"'):
                raise RuntimeError(answer.decode()[:1000])
        writer.close()
        return answer


async def _run(asked: dict[str, Any]) -> dict[str, Any]:
    parts = urlsplit(asked["url"])
    host, port = parts.hostname or "", parts.port or 80
    bodies = [json.dumps({"query": asked["query"], "variables": v}).encode() for v in asked["variables"]]
    latencies = list[float]()
    start = time.perf_counter()
    end = None if asked["seconds"] is None else start + asked["seconds"]
    waiting = iter(bodies) if end is None else takewhile(lambda _: time.perf_counter() < end, cycle(bodies))
    clients = [_Client(host, port, asked["token"]).run(host, port, waiting, latencies) for _ in range(asked["clients"])]
    answers = await asyncio.gather(*clients)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "latencies": latencies, "last": json.loads(max(answers, key=len))}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(uvloop.run(_run(json.load(sys.stdin)))))

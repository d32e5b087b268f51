"""Deliveries to the webhooks of a server, signed in each way, and what became of them."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import httpx2

from tests.support.server_process import PLAIN, ServerProcess

SECRET = "a-secret-of-at-least-24-bytes"
DIGEST = "sha256:" + "a" * 64
MODEL = {
    "name": "m",
    "version": "1",
    "artifacts": [{"uri": "s3://m", "digest": DIGEST}],
    "safetyProfile": {"intendedUse": "Rank.", "mustNotDo": ["Decide."]},
}
ALERT: dict[str, Any] = {
    "version": "4",
    "status": "firing",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "Drift", "severity": "critical", "environment": "production", "service": "/score"},
            "annotations": {"summary": "Scores drift"},
            "startsAt": "2026-01-02T03:04:05.123456789+03:00",
            "endsAt": "0001-01-01T00:00:00Z",
            "fingerprint": "ff6a7a0f5f1c1309",
        }
    ],
}
INCIDENTS = (
    "{ incidents { totalCount edges { node { id title severity openedAt status version { ref } labels "
    "deployment { endpoint } } } } }"
)


def signed(body: bytes, id: str = "d1", at: float | None = None, secret: str = SECRET) -> dict[str, str]:
    sent = str(int(time.time() if at is None else at))
    digest = hmac.new(secret.encode(), f"{id}.{sent}.".encode() + body, hashlib.sha256).digest()
    signature = "v1," + base64.b64encode(digest).decode()
    return {"webhook-id": id, "webhook-timestamp": sent, "webhook-signature": f"v1,AAAA {signature}"}


def hub(body: bytes) -> dict[str, str]:
    return {"x-hub-signature-256": "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()}


def post(server: ServerProcess, route: str, body: Any, headers: dict[str, str] | None = None) -> httpx2.Response:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = signed(raw, id=f"d{time.monotonic_ns()}") if headers is None else headers
    return httpx2.post(
        f"{server.url}/webhooks/{route}",
        content=raw,
        headers={"content-type": "application/json", **sent},
        verify=PLAIN,
    )


def incidents(server: ServerProcess) -> list[dict[str, Any]]:
    return [edge["node"] for edge in server.ask(INCIDENTS)["data"]["incidents"]["edges"]]


def code(response: httpx2.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


def cdevent(kind: str, endpoint: str, digest: str | None = None, **content: Any) -> dict[str, Any]:
    artifact = {"artifactId": f"pkg:oci/m@{digest.replace(':', '%3A')}"} if digest else {}
    return {
        "specversion": "1.0",
        "type": f"dev.cdevents.{kind}.0.3.0",
        "source": "/delivery",
        "id": f"{kind}-{endpoint}-{digest}",
        "data": {
            "context": {"type": f"dev.cdevents.{kind}.0.3.0", "timestamp": "2026-03-01T00:00:00Z", "id": "1"},
            "subject": {"id": endpoint, "content": {"environment": {"id": "production"}, **artifact, **content}},
        },
    }

"""Attacks by webhooks: forged, replayed and moved deliveries."""

import hashlib
import hmac
import json
import time
from typing import Any

from tests.attack.attack import Table
from tests.attack.target import SECRET, Target, signed

attack = Table()
PLACE = {"environment": "e", "endpoint": "p"}


def deliver(target: Target, route: str, body: bytes, **headers: str) -> tuple[int, dict[str, Any]]:
    """The status and the answer of a delivery without a token."""
    answer = target.post(body, None, f"/webhooks/{route}", accept="application/json", **headers)
    return answer.status_code, answer.json()


def alert(title: str, **more: Any) -> bytes:
    """A plain alert."""
    return json.dumps({"title": title, "severity": "LOW", **PLACE, **more}).encode()


@attack("a delivery without a signature, with a wrong one, or one of long ago")
def _(target: Target) -> None:
    before, body = target.sequence(), alert("Forged")
    wrong = {"x_hub_signature_256": "sha256=" + "0" * 64}
    for headers in (
        {},
        wrong,
        signed(body, "a", secret="x" * 24),
        signed(body, "a", time.time() - 400),
        signed(b"{}", "a"),
    ):
        assert deliver(target, "alerts", body, **headers)[0] == 401
    assert target.sequence() == before


@attack("a signed body replayed at another address, with headers of the attacker's own")
def _(target: Target) -> None:
    body = alert("Once")
    headers = signed(body, "once")
    assert deliver(target, "alerts", body, **headers)[0] == 200
    before = target.sequence()
    binary = {
        "ce_specversion": "1.0",
        "ce_type": "x",
        "ce_source": "/s",
        "ce_id": "1",
        "ce_time": "2021-01-01T00:00:00Z",
    }
    for more in ({}, binary):
        assert deliver(target, "cloudevents", body, **headers, **more)[0] == 401
    assert deliver(target, "alerts", body, **headers)[0] == 401
    assert target.sequence() == before


@attack("a body signed without a time counts once")
def _(target: Target) -> None:
    body = alert("Hub")
    hub = {"x_hub_signature_256": "sha256=" + hmac.digest(SECRET.encode(), body, hashlib.sha256).hex()}
    assert deliver(target, "alerts", body, **hub)[0] == 200
    before = target.sequence()
    status, answer = deliver(target, "alerts", body, **hub)
    assert (status, answer["redelivered"]) == (200, True)
    assert target.sequence() == before


@attack("an alert of another sender is closed")
def _(target: Target) -> None:
    firing = {"labels": {"alertname": "A", **PLACE}, "startsAt": "2026-01-02T03:04:05Z", "fingerprint": "f"}
    body = json.dumps({"alerts": [firing]}).encode()
    [opened] = deliver(target, "alertmanager", body, **signed(body, "open"))[1]["records"]
    over = alert("A", externalId="alertmanager:f:2026-01-02T03:04:05Z", status="resolved")
    [answer] = deliver(target, "alerts", over, **signed(over, "close"))[1]["records"]
    assert (answer["id"], answer["status"]) == (opened["id"], "OPEN")


@attack("what has not happened yet")
def _(target: Target) -> None:
    body = alert("Tomorrow", at="2099-01-01T00:00:00Z")
    assert deliver(target, "alerts", body, **signed(body, "soon"))[0] == 400


@attack("30 bodies of 4 MB that are not signed rightly, at once", cheap=False)
def _(target: Target) -> None:
    body = alert("Large", description="x" * (4 << 20))
    for i in range(30):
        assert deliver(target, "alerts", body, **signed(b"", f"l{i}"))[0] in {401, 413, 503}
    target.check_alive()


@attack("half of a delivery is wrong")
def _(target: Target) -> None:
    before = target.sequence()
    body = b"[" + alert("Right") + b', {"title": "Wrong"}]'
    assert deliver(target, "alerts", body, **signed(body, "half"))[0] == 400
    assert target.sequence() == before

"""Attacks by people who may do something, on what they may not: roles, separation of duties, credentials."""

import base64
import json
from typing import Any

from tests.attack.attack import Run, Table
from tests.attack.target import Target, digest

attack = Table()
REGISTER = "mutation M($m: ManifestInput!) { register(manifest: $m) { records { id kind } } }"
REVIEW = "mutation R($i: ReviewInput!) { review(input: $i) { id } }"
FLAG = "mutation F($i: FlagInput!) { flag(input: $i) { id } }"
RETRACT = "mutation R($i: RetractionInput!) { retract(input: $i) { id } }"
GO = {"subject": "model:m@2", "environment": "production", "decision": "GO", "reason": "Fine."}


def bad_credentials(authorization: str) -> Run:
    """An Authorization header that lets nobody in."""

    def run(target: Target) -> None:
        answer = target.post(b'{"query": "{ __typename }"}', None, authorization=authorization)
        assert answer.status_code == 401, answer.text
        assert answer.json()["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED"}

    return run


def _jwt(header: dict[str, Any]) -> str:
    parts = (header, {"sub": "adm", "roles": ["admin"], "iss": "x", "aud": "descent"})
    encoded = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    return ".".join([*encoded, ""])


attack.each(
    {
        f"credentials: {what}": bad_credentials(given)
        for what, given in {
            "none of ours": "Bearer descent_" + "a" * 39,
            "a JWT without a signature": f"Bearer {_jwt({'alg': 'none'})}",
            "a JWT with a path as its key": f"Bearer {_jwt({'alg': 'HS256', 'kid': '../../dev/null'})}",
            "a JWT with a key of its own": f"Bearer {_jwt({'alg': 'RS256', 'jku': 'http://evil.example/jwks'})}",
            "a password": "Basic YWRtOmFkbQ==",
            "no token": "Bearer",
            "20,000 characters": "Bearer " + "x" * 20_000,
            "SQL": "Bearer ' OR '1'='1",
        }.items()
    }
)


@attack("credentials: two Authorization headers")
def _(target: Target) -> None:
    body = b'{"query": "{ __typename }"}'
    token = target.tokens["vic"].encode()
    both = b"authorization: Bearer x\r\nauthorization: Bearer " + token + b"\r\n"
    head = b"POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\n"
    answer = target.raw(head + both + b"content-length: %d\r\n\r\n" % len(body) + body)
    assert b" 401 " in answer.split(b"\r\n", 1)[0]


@attack("roles: what a role may not do")
def _(target: Target) -> None:
    model = {"models": [{"name": "x", "version": "1"}]}
    evaluation = {
        "subject": "model:m@1",
        "suite": {"name": "s", "version": "1"},
        "metrics": [{"name": "accuracy", "value": 1}],
    }
    before = target.sequence()
    for person, operation, given in (
        ("vic", REGISTER, {"m": model}),
        ("rev", REGISTER, {"m": model}),
        ("eva", REGISTER, {"m": model}),
        ("adm", REGISTER, {"m": model}),
        ("ada", REGISTER, {"m": {"evaluations": [evaluation]}}),
        ("ada", REVIEW, {"i": GO}),
        ("adm", REVIEW, {"i": GO}),
        ("ada", FLAG, {"i": {"subjects": ["model:m@1"], "action": "QUARANTINE", "reason": "No."}}),
    ):
        target.refused("FORBIDDEN", operation, person, **given)
    for person in ("ada", "rev"):
        target.refused("FORBIDDEN", "mutation { applyPolicies(policies: []) { id } }", person)
    assert target.sequence() == before


@attack("separation: who registered a version reviews it, with every role")
def _(target: Target) -> None:
    target.refused("FORBIDDEN", REVIEW, "eve", i=GO)


@attack("separation: who registered a version clears its quarantine")
def _(target: Target) -> None:
    flag = target.ask(FLAG, "rev", i={"subjects": ["model:m@1"], "action": "QUARANTINE", "reason": "Odd."})
    assert "errors" not in flag, flag
    for subject in ("model:m@1", "model:m@2"):
        target.refused("FORBIDDEN", FLAG, "eve", i={"subjects": [subject], "action": "CLEAR", "reason": "Mine."})
    target.refused("FORBIDDEN", RETRACT, "eve", i={"subjects": [flag["data"]["flag"]["id"]], "reason": "Mine."})
    assert "errors" not in target.ask(FLAG, "rev", i={"subjects": ["model:m@1"], "action": "CLEAR", "reason": "Seen."})


@attack("separation: who registered a version retracts what others found, or their weaknesses")
def _(target: Target) -> None:
    found = {
        "evaluations": [
            {
                "subject": "model:m@2",
                "suite": {"name": "s", "version": "1"},
                "metrics": [{"name": "accuracy", "value": 0.1}],
            }
        ],
        "vulnerabilities": [{"subject": "model:m@1", "title": "Leaks", "severity": "HIGH"}],
    }
    records = target.ask(REGISTER, "eva", m=found)["data"]["register"]["records"]
    for record in records:
        if record["kind"] in {"EVALUATION", "VULNERABILITY"}:
            target.refused("FORBIDDEN", RETRACT, "eve", i={"subjects": [record["id"]], "reason": "Mine."})


@attack("separation: a catalogue metric is turned round by an evaluator")
def _(target: Target) -> None:
    turned = {"metrics": [{"name": "toxicity_score", "category": "TOXICITY", "direction": "HIGHER_IS_BETTER"}]}
    target.refused("FORBIDDEN", REGISTER, "eva", m=turned)


@attack("separation: a NO_GO is retracted by somebody else")
def _(target: Target) -> None:
    veto = target.ask(REVIEW, "rev", i=GO | {"decision": "NO_GO", "environment": "staging"})
    assert "errors" not in veto, veto
    for person in ("eve", "adm"):
        target.refused("FORBIDDEN", RETRACT, person, i={"subjects": [veto["data"]["review"]["id"]], "reason": "Mine."})


@attack("a manifest that is half allowed is refused whole")
def _(target: Target) -> None:
    before = target.sequence()
    given = {
        "models": [{"name": "half", "version": "1"}],
        "metrics": [{"name": "h", "category": "BIAS", "direction": "LOWER_IS_BETTER"}],
    }
    target.refused("FORBIDDEN", REGISTER, "ada", m=given)
    assert target.sequence() == before


@attack("other content under a label that is there")
def _(target: Target) -> None:
    other = {"models": [{"name": "m", "version": "1", "artifacts": [{"uri": "s3://m", "digest": digest(99)}]}]}
    target.refused("VERSION_CONFLICT", REGISTER, "ada", m=other)


@attack("a version that comes from itself")
def _(target: Target) -> None:
    given = {"name": "self", "version": "1", "parents": [{"ref": "model:self@1", "relation": "MERGE"}]}
    target.refused("CYCLE", REGISTER, "ada", m={"models": [given]})


@attack("an environment without a policy lets nothing in")
def _(target: Target) -> None:
    promote = 'mutation { promote(of: "model:m@2", environment: "nowhere") { id } }'
    target.refused("GATE_BLOCKED", promote, "ada")

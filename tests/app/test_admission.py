"""Kubernetes asks before something serves: what is let in, what is not and why, and what is no such question."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from descentd.app.server.main import create
from descentd.app.server.settings import Settings
from tests.app.tokens import new_token

pytestmark = pytest.mark.anyio

DIGEST = "sha256:" + "a" * 64
MANIFEST = {
    "models": [
        {
            "name": "m",
            "version": version,
            "artifacts": [{"uri": f"s3://m/{version}", "digest": "sha256:" + digit * 64}],
            "safetyProfile": {"intendedUse": "Rank.", "mustNotDo": ["Decide."]},
        }
        for version, digit in (("1", "a"), ("2", "b"))
    ]
}
POLICY = "environment: production\nquorum: 0\nrules:\n  - name: named\n    expression: version.name == 'm'\n"
VERSION = {"descent/version": "model:m@1"}
NOTHING: dict[str, str] = {}


@pytest.fixture
def store(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'registry.db'}"


@pytest.fixture
async def client(store: str, tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """Of a server where version 1 was promoted, and 2 was not."""
    (tmp_path / "production.yaml").write_text(POLICY)
    app = create(Settings(store=store, policies=tmp_path))
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app, client=("127.0.0.1", 1))
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            await ask(client, "mutation($m: ManifestInput!) { register(manifest: $m) { created } }", m=MANIFEST)
            await ask(client, 'mutation { promote(of: "model:m@1", environment: "production") { decision } }')
            yield client


async def ask(client: httpx2.AsyncClient, query: str, **variables: Any) -> Any:
    answer = (await client.post("/graphql", json={"query": query, "variables": variables})).json()
    assert "errors" not in answer, answer
    return answer["data"]


def pod(annotations: dict[str, str]) -> dict[str, Any]:
    return {"kind": "Pod", "metadata": {"name": "p", "annotations": annotations}, "spec": {"containers": []}}


def deployment(annotations: dict[str, str], own: dict[str, str] | None = None) -> dict[str, Any]:
    return {
        "kind": "Deployment",
        "metadata": {"annotations": own},
        "spec": {"template": {"metadata": {"annotations": annotations}}},
    }


def review(new: Any, old: Any = None, operation: str = "CREATE") -> dict[str, Any]:
    request = {"uid": "705ab4f5", "operation": operation, "object": new, "oldObject": old, "dryRun": False}
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}


async def asked(client: httpx2.AsyncClient, given: dict[str, Any], environment: str = "production") -> dict[str, Any]:
    answer = await client.post(f"/admission/{environment}?timeout=10s", json=given)
    assert answer.status_code == 200, answer.text
    whole = answer.json()
    assert (whole["apiVersion"], whole["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
    assert whole["response"].pop("uid") == given["request"]["uid"]
    return dict(whole["response"])


@pytest.mark.parametrize("named", [pod(VERSION), deployment(VERSION), deployment(NOTHING, VERSION)])
async def test_what_was_promoted_is_let_in(client: httpx2.AsyncClient, named: dict[str, Any]) -> None:
    assert await asked(client, review(named)) == {"allowed": True}


@pytest.mark.parametrize(
    ("annotations", "environment", "code", "said"),
    [
        ({"descent/version": "model:m@2"}, "production", 409, "model:m@2 is not promoted to production"),
        (VERSION, "staging", 409, "model:m@1 is not promoted to staging"),
        ({"descent/version": "model:m@3"}, "production", 404, "model:m@3"),
        ({"descent/version": "dataset:m@3"}, "production", 404, "dataset:m@3"),
        (NOTHING, "production", 400, "The annotation descent/version is missing"),
        (VERSION | {"descent/artifact": "sha256:" + "b" * 64}, "production", 400, "not an artifact of model:m@1"),
    ],
)
async def test_what_may_not_serve_is_refused(
    client: httpx2.AsyncClient, annotations: dict[str, str], environment: str, code: int, said: str
) -> None:
    answer = await asked(client, review(pod(annotations)), environment)
    assert (answer["allowed"], answer["status"]["code"]) == (False, code)
    assert said in answer["status"]["message"]


async def test_its_own_file_may_be_named(client: httpx2.AsyncClient) -> None:
    assert (await asked(client, review(pod(VERSION | {"descent/artifact": DIGEST}))))["allowed"]


async def test_a_quarantine_is_refused_and_what_runs_may_be_scaled(client: httpx2.AsyncClient) -> None:
    await ask(
        client,
        'mutation { flag(input: {subjects: ["model:m@1"], action: QUARANTINE, reason: "Leaks."}) { id } }',
    )
    refused = await asked(client, review(pod(VERSION)))
    assert not refused["allowed"]
    assert "QUARANTINE: Leaks." in refused["status"]["message"]
    scaled = await asked(client, review(deployment(VERSION), deployment(VERSION), "UPDATE"))
    assert scaled == {"allowed": True, "warnings": [refused["status"]["message"]]}
    other = await asked(client, review(deployment(VERSION), deployment({"descent/version": "model:m@2"}), "UPDATE"))
    assert not other["allowed"]


async def test_the_gate_is_asked_about_what_does_not_serve_yet(client: httpx2.AsyncClient, tmp_path: Path) -> None:
    stricter = POLICY.replace("version.name == 'm'", "version.name == 'n'")
    apply = "mutation($text: String!) { applyPolicies(policies: [$text]) { digest } }"
    serving = 'mutation { deploy(input: {subject: "model:m@1", environment: "production", endpoint: "/score"}) { id } }'
    await ask(client, apply, text=stricter)
    answer = await asked(client, review(pod(VERSION)))
    assert "model:m@1 is not let into production: named (blocked)" in answer["status"]["message"]
    await ask(client, apply, text=POLICY)
    await ask(client, serving)
    await ask(client, apply, text=stricter)
    assert (await asked(client, review(pod(VERSION))))["allowed"]


@pytest.mark.parametrize("operation", ["DELETE", "CONNECT"])
async def test_what_begins_nothing_is_let_through(client: httpx2.AsyncClient, operation: str) -> None:
    assert await asked(client, review(None, pod(NOTHING), operation)) == {"allowed": True}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ([], None),
        ({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1beta1", "request": {}}, None),
        (review(None) | {"request": None}, "request"),
        (review(None) | {"request": {"uid": "", "operation": "CREATE"}}, "request.uid"),
        (review(None) | {"request": {"uid": "1"}}, "request.operation"),
        (review([]), "request.object"),
        (review({"metadata": 1}), "request.object.metadata"),
        (review({"metadata": {"annotations": {"descent/version": 4.1}}}), "request.object.metadata.annotations"),
        (review({"spec": {"template": []}}), "request.object.spec.template"),
    ],
)
async def test_what_is_no_review_is_refused(client: httpx2.AsyncClient, given: Any, field: str | None) -> None:
    answer = await client.post("/admission/production", json=given)
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem.get("field")) == (400, "INVALID_INPUT", field)


async def test_bodies_of_other_types_and_other_methods_are_refused(client: httpx2.AsyncClient) -> None:
    plain = await client.post("/admission/production", content=json.dumps(review(None)))
    assert plain.status_code == 415
    assert (await client.get("/admission/production")).status_code == 405
    large = await client.post("/admission/production", json=review(pod({"a": "x" * 5_000_000})))
    assert (large.status_code, large.json()["code"]) == (413, "TOO_COSTLY")


async def test_a_token_is_required_where_there_are_tokens(store: str) -> None:
    token = await asyncio.to_thread(new_token, store, "cluster", "auditor")
    app = create(Settings(store=store))
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app, client=("127.0.0.1", 1))
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            unknown = await client.post("/admission/production", json=review(pod(VERSION)))
            assert (unknown.status_code, unknown.json()["code"]) == (401, "UNAUTHENTICATED")
            client.headers["Authorization"] = f"Bearer {token}"
            assert (await asked(client, review(pod(VERSION))))["status"]["code"] == 404

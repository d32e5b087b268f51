"""Who may do what: the table is complete, and servers keep to it for every role and every field."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import httpx2
import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLUnionType,
    is_required_argument,
    is_required_input_field,
)
from starlette.routing import Route, WebSocketRoute

from descentd.app.auth.authorization import FIELDS, READERS, ROUTES, SECTIONS, check_fields, check_manifest, sections_of
from descentd.app.graphql.schema.root import schema
from descentd.app.server.main import create
from descentd.app.server.settings import Settings
from descentd.graph.inputs.manifest import ManifestInput
from descentd.graph.model.accounts import AccessRole
from descentd.graph.model.errors import Forbidden, Invalid
from descentd.graph.registration.metric_scope import turned_round
from descentd.graph.registration.register import register
from descentd.graph.store.committer import Committer
from descentd.graph.store.memory import MemoryStore
from tests.app.test_process import with_credentials
from tests.app.tiny import SCHEMA
from tests.app.tokens import new_token
from tests.support.neo4j_server import Neo4jServer
from tests.support.server_process import ServerProcess

CORE = schema._schema
ROOTS = [root for root in (CORE.query_type, CORE.mutation_type, CORE.subscription_type) if root]
ALL = {role.value for role in AccessRole}

# Written down once more from what was decided, and not from the table.
ACTS = {
    "register": ALL,
    "retract": {"reviewer", "evaluator", "admin"},  # an admin: who left, and who was named; see test_retraction
    "applyPolicies": {"admin"},
    "review": {"reviewer"},
    "flag": {"reviewer"},
    **{act: {"registrar"} for act in ("promote", "deploy", "endDeployment", "reportIncident", "resolveIncident")},
}
QUESTIONS = {"accessLog": {"admin", "auditor"}, "policyTrial": {"registrar", "reviewer", "admin"}}
WRITERS = {
    "metrics": {"evaluator", "admin"},
    "datasets": {"registrar"},
    "models": {"registrar"},
    "evaluations": {"evaluator"},
    "safetyProfiles": {"registrar"},
    "populations": {"registrar"},
    "vulnerabilities": {"evaluator"},
    "notes": ALL,
    "disclosures": {"registrar"},
    "tensorDigests": {"registrar"},
    "signatures": {"registrar"},
}

ALERT = {"title": "t", "severity": "LOW", "environment": "e", "endpoint": "p"}
WEBHOOKS = {
    "/webhooks/alertmanager": {"alerts": [{"labels": {"alertname": "a"}, "startsAt": "2026-01-02T03:04:05Z"}]},
    "/webhooks/cloudevents": {"specversion": "1.0", "type": "t", "source": "/s", "id": "1", "data": ALERT},
    "/webhooks/alerts": ALERT,
}


def expected(field: str) -> set[str]:
    kind, name = field.split(".")
    if kind == "Mutation":
        return ACTS[name]
    return QUESTIONS.get(name, ALL)


FIELD_NAMES = [f"{root.name}.{name}" for root in ROOTS for name in root.fields]


@pytest.mark.parametrize("field", FIELD_NAMES)
def test_every_field_is_in_the_table(field: str) -> None:
    assert {role.value for role in FIELDS[field]} == expected(field)


def test_what_is_to_come_is_decided_already() -> None:
    for name, roles in ACTS.items():
        assert {role.value for role in FIELDS[f"Mutation.{name}"]} == roles


def test_every_route_is_in_the_table() -> None:
    routes = create(Settings(store="memory:")).routes
    assert routes
    for route in routes:
        assert isinstance(route, Route | WebSocketRoute)
        assert route.path in ROUTES


def test_every_section_of_a_manifest_is_in_the_table() -> None:
    sections = {field.alias or name for name, field in ManifestInput.model_fields.items()}
    assert {name: {role.value for role in roles} for name, roles in SECTIONS.items()} == WRITERS
    assert sections == WRITERS.keys()


def test_what_is_in_no_table_is_for_nobody() -> None:
    with pytest.raises(Forbidden, match="not available to any role"):
        check_fields(["Query.secretField"], READERS)
    create(Settings(store="memory:"), SCHEMA)  # a schema none of whose fields are in the table


def test_admins_approve_nothing() -> None:
    acts = {field for field in FIELDS if field.startswith("Mutation.") and AccessRole.ADMIN in FIELDS[field]}
    assert acts == {"Mutation.register", "Mutation.retract", "Mutation.applyPolicies", "Mutation.__typename"}


@pytest.mark.parametrize("section", WRITERS)
@pytest.mark.parametrize("role", AccessRole)
def test_sections_by_role(section: str, role: AccessRole) -> None:
    samples: dict[str, Any] = {
        "metrics": {"name": "m", "category": "BIAS", "direction": "LOWER_IS_BETTER"},
        "datasets": {"name": "d", "version": "1"},
        "models": {"name": "m", "version": "1"},
        "evaluations": {
            "subject": "model:m@1",
            "suite": {"name": "s", "version": "1"},
            "metrics": [{"name": "accuracy", "value": 1}],
        },
        "safetyProfiles": {"subject": "model:m@1", "profile": {"intendedUse": "x", "mustNotDo": []}},
        "populations": {"subject": "dataset:d@1#p", "populationDocumented": "NONE", "population": [], "reason": "x"},
        "vulnerabilities": {"subject": "model:m@1", "title": "t", "severity": "LOW"},
        "notes": {"subject": "model:m@1", "author": "a", "text": "t"},
        "disclosures": {"subject": "model:m@1", "parents": [], "source": "card", "reason": "learned later"},
        "tensorDigests": {
            "subject": "model:m@1",
            "artifact": "sha256:" + "0" * 64,
            "tensors": [{"name": "w", "digest": "sha256:" + "1" * 64, "size": 1024}],
        },
        "signatures": {
            "subject": "model:m@1",
            "files": [{"name": "w", "digest": "sha256:" + "1" * 64}],
            "key": "sha256:" + "2" * 64,
            "bundle": "sha256:" + "3" * 64,
        },
    }
    manifest = ManifestInput.read({section: [samples[section]]})
    if role.value in WRITERS[section]:
        check_manifest(manifest, {role})
        return
    with pytest.raises(Invalid) as refused:
        check_manifest(manifest, {role})
    [problem] = refused.value.problems
    assert isinstance(problem, Forbidden)
    assert problem.field == section
    assert all(needed in problem.message for needed in WRITERS[section])


@pytest.mark.parametrize("role", AccessRole)
def test_what_a_role_registers(role: AccessRole) -> None:
    assert set(sections_of({role})) == {section for section, roles in WRITERS.items() if role.value in roles}


def test_roles_add_up() -> None:
    manifest = ManifestInput.read(
        {
            "models": [{"name": "m", "version": "1"}],
            "metrics": [{"name": "m", "category": "BIAS", "direction": "LOWER_IS_BETTER"}],
        }
    )
    check_manifest(manifest, {AccessRole.REGISTRAR, AccessRole.EVALUATOR})
    with pytest.raises(Invalid):
        check_manifest(manifest, {AccessRole.REGISTRAR})


# ------------------------------------------------------------ over HTTP


def sample(kind: GraphQLInputType) -> Any:
    """A value that GraphQL lets through, whatever it means."""
    match kind:
        case GraphQLNonNull(of_type=inner):
            return sample(inner)
        case GraphQLList(of_type=inner):
            return [sample(inner)]
        case GraphQLEnumType():
            return next(iter(kind.values))
        case GraphQLInputObjectType():
            return {n: sample(f.type) for n, f in kind.fields.items() if is_required_input_field(f)}
    return {"Boolean": True, "Int": 1, "Float": 1.0, "Count": 1, "Ref": "model:nothing@1"}.get(str(kind), "x")


def operation(root: GraphQLObjectType, name: str) -> dict[str, Any]:
    """A request for one field with as little as it takes."""
    field = root.fields[name]
    needed = {arg: a for arg, a in field.args.items() if is_required_argument(a)}
    declared = ", ".join(f"${arg}: {a.type}" for arg, a in needed.items())
    given = ", ".join(f"{arg}: ${arg}" for arg in needed)
    kind = field.type
    while isinstance(kind, GraphQLNonNull | GraphQLList):
        kind = kind.of_type
    inside = " { __typename }" if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType) else ""
    head = f"{root.name.lower()}{f'({declared})' if declared else ''}"
    query = f"{head} {{ {name}{f'({given})' if given else ''}{inside} }}"
    return {"query": query, "variables": {arg: sample(a.type) for arg, a in needed.items()}}


def code(client: httpx2.Client, token: str, request: dict[str, Any], *, events: bool) -> str:
    headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream" if events else "application/json"}
    with client.stream("POST", "/graphql", json=request, headers=headers) as answer:
        if answer.headers["content-type"].startswith("text/event-stream"):
            return "OK"  # it goes on for ever
        answer.read()
        body = answer.json()
    return str(body["errors"][0]["extensions"]["code"]) if "errors" in body else "OK"


def check_every_role(store: str, names: Collection[str]) -> None:
    tokens = {role: new_token(store, f"a {role}", role) for role in AccessRole}
    with ServerProcess(store) as server, server.client() as client:
        for root in ROOTS:
            for name in root.fields.keys() & names:
                request = operation(root, name)
                allowed = set()
                for role, token in tokens.items():
                    got = code(client, token, request, events=root is CORE.subscription_type)
                    assert got not in {"UNAUTHENTICATED", "INTERNAL"}, (name, role)
                    if got != "FORBIDDEN":
                        allowed.add(role.value)
                assert allowed == expected(f"{root.name}.{name}"), (name, request)
        for role, token in tokens.items():
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/x-ndjson"}
            answer = client.post("/bulk", content=b"", headers=headers)
            assert answer.status_code == (200 if role.value in ACTS["register"] else 403)
            model = client.post("/bulk", content=b'{"models":[{"name":"m","version":"1"}]}', headers=headers)
            if role.value == "registrar":
                assert model.json() == {"line": 1, "created": 1, "existing": 0}
            elif model.status_code == 200:
                [error] = model.json()["errors"]
                assert (error["code"], error["field"]) == ("FORBIDDEN", "models")
                assert "registrar" in error["message"]
            for path in ("/livez", "/readyz", "/version", "/metrics"):
                assert client.get(path).status_code == 200
        check_webhooks(client, tokens)


def check_webhooks(client: httpx2.Client, tokens: Mapping[AccessRole, str]) -> None:
    for path, body in WEBHOOKS.items():
        for role, token in tokens.items():
            told = client.post(path, json=body, headers={"Authorization": f"Bearer {token}"})
            assert told.status_code == (200 if role.value == "registrar" else 403), (path, role, told.text)
            if told.status_code == 403:
                assert told.json()["code"] == "FORBIDDEN"
                assert "needs the role registrar" in told.json()["detail"]
        nobody = client.post(path, json=body)
        assert (nobody.status_code, nobody.json()["code"]) == (401, "UNAUTHENTICATED"), path


def test_every_role_and_every_field(store_file: str) -> None:
    check_every_role(store_file, [name for root in ROOTS for name in root.fields])


def test_every_role_in_neo4j(neo4j_empty: Neo4jServer) -> None:
    check_every_role(with_credentials(neo4j_empty), ["entity", "accessLog", "register", "events"])


def test_webhooks_of_an_open_registry_take_what_comes(store_file: str) -> None:
    with ServerProcess(store_file) as server, server.client() as client:
        for path, body in WEBHOOKS.items():
            told = client.post(path, json=body)
            assert told.status_code == 200, told.text
            assert told.json()["records"][0]["kind"] == "INCIDENT"


@pytest.fixture(scope="module")
def registrars(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServerProcess, str]]:
    store = f"sqlite:///{tmp_path_factory.mktemp('registrars') / 'r.db'}"
    token = new_token(store, "Ada", "registrar")
    with ServerProcess(store) as server:
        yield server, token


@pytest.mark.parametrize(
    "query",
    [
        "{ accessLog { __typename } }",
        "{ a: accessLog { __typename } }",
        "{ populationVocabulary { attribute } accessLog { __typename } }",
        "query ($no: Boolean = false) { accessLog @include(if: $no) { __typename } }",
        "{ ...F } fragment F on Query { ... on Query { ...G } } fragment G on Query { accessLog { __typename } }",
    ],
)
def test_a_field_is_found_however_it_is_asked_for(registrars: tuple[ServerProcess, str], query: str) -> None:
    server, token = registrars
    with server.client() as client:
        answer = client.post("/graphql", json={"query": query}, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 403
    [error] = answer.json()["errors"]
    assert error["extensions"]["code"] == "FORBIDDEN"
    assert "admin or auditor" in error["message"]
    assert "data" not in answer.json()


@pytest.mark.anyio
async def test_only_an_admin_turns_a_metric_of_the_catalogue_round() -> None:
    """An evaluator would do it before the first result, and toxicity would be good ever after."""
    turned = {"name": "toxicity_score", "category": "TOXICITY", "direction": "HIGHER_IS_BETTER"}
    plain = turned | {"direction": "LOWER_IS_BETTER"}
    own = turned | {"name": "our_toxicity"}
    store = MemoryStore()
    for definition, allowed in ((turned, False), (plain, True), (own, True)):
        manifest = ManifestInput.read({"metrics": [own | {"name": "first"}, definition]})
        found = await turned_round(manifest, store)
        assert found == ({} if allowed else {1: "toxicity_score"})
        check_manifest(manifest, {AccessRole.ADMIN}, found)
        if allowed:
            check_manifest(manifest, {AccessRole.EVALUATOR}, found)
        else:
            with pytest.raises(Invalid) as caught:
                check_manifest(manifest, {AccessRole.EVALUATOR}, found)
            [problem] = caught.value.problems
            assert (problem.field, type(problem)) == ("metrics[1].direction", Forbidden)
            assert "needs the role admin" in problem.message
    # What is on record already turns nothing round: sending it again is nobody's privilege.
    manifest = ManifestInput.read({"metrics": [turned]})
    await register(Committer(store), manifest, "ada")
    assert await turned_round(manifest, store) == {}

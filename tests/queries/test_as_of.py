"""Asking as the registry knew it at a moment: what came later does not count, and what expired later still holds."""

import base64
import json
from typing import Any

import pytest

from descentd.graph.inputs.acts import DeploymentInput, IncidentInput, ReviewInput
from descentd.graph.model.errors import DescentError, InvalidInput, NotFound
from descentd.graph.model.kinds import Kind
from descentd.graph.model.names import instant, rfc3339
from descentd.graph.model.records import Record
from descentd.graph.registration.acts import perform, signed
from descentd.graph.store.base import Reads
from descentd.queries.governance.gate import decide
from descentd.queries.governance.policies import PolicyInput, register_policies
from descentd.queries.governance.record_review import review
from descentd.queries.governance.verdicts import VerdictStatus
from descentd.queries.lineage.versions import VersionFilter, versions
from descentd.queries.production.record_deployment import deploy
from descentd.queries.production.record_incident import report
from descentd.queries.registry import Registry
from tests.queries.governed import CHILD, PARENT, PROFILE, lineage, version
from tests.support.registries import send
from tests.support.saved_operations import ask

pytestmark = pytest.mark.anyio

THERE = {"environment": "production", "endpoint": "/score"}
JANUARY, MARCH = "2025-01-01T00:00:00Z", "2025-03-01T00:00:00Z"


async def moment(registry: Registry) -> str:
    """The moment at which the newest record was recorded."""
    [entry] = await registry.store.entries([await registry.sequence()])
    return rfc3339(entry.recorded_at)


async def promote(registry: Registry, ref: str) -> None:
    """A promotion as the gate records it, without the gate."""
    id = (await registry.find(ref, await registry.sequence())).id

    async def draft(_reads: Reads) -> list[Record]:
        return [Record.of(Kind.PROMOTION, signed({"subject": id, "environment": "production"}, "ana"))]

    await perform(registry.committer, "ana", draft)


def nodes(connection: Any, part: str = "ref") -> list[Any]:
    return [edge["node"][part] for edge in connection["edges"]]


async def both(registry: Registry, field: str, selection: str, then: str) -> tuple[Any, Any]:
    """What a field answers as of then and now; `field` is open for one more argument."""
    asked = [f"{{ {field} {argument}) {selection} }}" for argument in (f', asOf: "{then}"', "")]
    return await ask(registry, asked[0]), await ask(registry, asked[1])


def populations(*values: str) -> list[dict[str, Any]]:
    return [{"attribute": "age_group", "value": value, "share": 0.5} for value in values]


async def begin(registry: Registry) -> str:
    """`m@1` and its data, and then after the moment that is returned `m@2`, an incident and another population."""
    first = lineage()
    first["models"].pop()
    first["datasets"][0]["partitions"][0] |= {
        "population": populations("18-64", "65+"),
        "populationDocumented": "COMPLETE",
    }
    await send(registry, **first)
    then = await moment(registry)
    await send(
        registry,
        models=[version("2", PARENT, safetyProfile=PROFILE)],
        notes=[{"subject": PARENT, "author": "ana", "text": "Robust."}],
    )
    about = {"subject": "dataset:d@1#p", "populationDocumented": "PARTIAL", "population": populations("65+")}
    await send(registry, populations=[{**about, "reason": "Counted again."}])
    given = IncidentInput.read({"title": "Leak", "severity": "HIGH", "subject": PARENT})
    await report(registry, given, "ana")
    return then


async def test_lists_hold_what_was_recorded_by_then(registry: Registry) -> None:
    then = await begin(registry)
    page = "{ totalCount edges { node { ref } } }"
    before, now = await both(registry, "modelVersions(first: 9", page, then)
    assert (nodes(before), nodes(now)) == ([PARENT], [PARENT, CHILD])
    before, now = await both(registry, 'search(text: "m", kinds: [MODEL_VERSION]', page, then)
    assert (nodes(before), nodes(now)) == ([PARENT], [PARENT, CHILD])
    before, now = await both(registry, f'incidents(of: "{PARENT}"', page, then)
    assert (before["totalCount"], now["totalCount"]) == (0, 1)
    before, now = await both(registry, f'history(of: "{PARENT}"', "{ edges { node { kind } } }", then)
    assert {"NOTE", "INCIDENT"} <= set(nodes(now, "kind")) - set(nodes(before, "kind"))
    assert "MODEL_VERSION" in nodes(before, "kind")


async def test_what_populations_spoke_of_then(registry: Registry) -> None:
    then = await begin(registry)
    asked = "query ($asOf: DateTime) { populationVocabulary(asOf: $asOf) { attribute values { value partitions } } }"
    old, young = {"value": "65+", "partitions": 1}, {"value": "18-64", "partitions": 1}
    before = [{"attribute": "age_group", "values": [young, old]}]
    # neither answer may spoil the next
    for as_of, values in ((then, before), (None, [{"attribute": "age_group", "values": [old]}]), (then, before)):
        assert await ask(registry, asked, asOf=as_of) == values
    assert await ask(registry, asked, asOf=JANUARY) == []


async def test_what_was_not_registered_then_has_no_paths(registry: Registry) -> None:
    then = await begin(registry)
    asked = f'{{ paths(from: "{PARENT}", to: "{CHILD}", asOf: "%s") {{ count }} }}'
    assert (await ask(registry, asked % await moment(registry)))["count"] == "1"
    with pytest.raises(NotFound) as caught:
        await ask(registry, asked % then)
    assert caught.value.field == "to"


async def deployed(registry: Registry) -> str:
    """`m@1` serves since January; recorded after the moment that is returned, `m@2` has served since March."""
    await send(registry, **lineage(safetyProfile=PROFILE))
    rule = {"name": "any", "expression": "true"}
    await register_policies(registry, [PolicyInput.read({"environment": "production", "rules": [rule]})])
    for ref in (PARENT, CHILD):
        await promote(registry, ref)
    await deploy(registry, DeploymentInput.read({"subject": PARENT, **THERE, "since": JANUARY}), "ana")
    then = await moment(registry)
    await deploy(registry, DeploymentInput.read({"subject": CHILD, **THERE, "since": MARCH}), "ana")
    return then


async def test_what_served_by_the_deployments_on_record_then(registry: Registry) -> None:
    then = await deployed(registry)
    answer = "{ version { ref } since deployment { until } }"
    before, now = await both(registry, 'serving(environment: "production"', answer, then)
    assert before == [{"version": {"ref": PARENT}, "since": JANUARY, "deployment": {"until": None}}]
    assert now == [{"version": {"ref": CHILD}, "since": MARCH, "deployment": {"until": None}}]
    before, now = await both(registry, 'serving(at: "2025-02-01T00:00:00Z"', answer, then)
    assert (before[0]["deployment"], now[0]["deployment"]) == ({"until": None}, {"until": MARCH})
    there = {"filter": {"servingIn": "production"}}
    asked = (
        "query ($filter: ModelVersionFilter, $asOf: DateTime) { modelVersions(filter: $filter, asOf: $asOf) { %s } }"
    )
    asked %= "edges { node { ref } }"
    assert nodes(await ask(registry, asked, **there, asOf=then)) == [PARENT]
    assert nodes(await ask(registry, asked, **there)) == [CHILD]


async def test_a_review_that_expires_later_holds_then(registry: Registry) -> None:
    await send(registry, **lineage())
    rule = {"name": "any", "expression": "true"}
    policy = PolicyInput.read({"environment": "production", "rules": [rule], "quorum": 1})
    await register_policies(registry, [policy])
    told = {"subject": PARENT, "environment": "production", "decision": "GO", "reason": "Sound."}
    await review(registry, ReviewInput.read(told), "ben")
    now = await moment(registry)
    later = rfc3339(instant(now) + 91 * 86_400_000_000)
    for as_of, status, outcome in ((now, "APPROVED", "PASSED"), (later, "UNREVIEWED", "BLOCKED")):
        approved = VersionFilter(status=(VerdictStatus(status),), name="m")
        found = await versions(registry, approved, None, None, as_of)
        assert PARENT in [brief.ref for brief, _ in found.items]
        assert (await decide.gate(registry, PARENT, "production", as_of)).outcome == outcome
        asked = f'{{ modelVersions(first: 1, asOf: "{as_of}") {{ edges {{ node {{ verdict {{ status }} }} }} }} }}'
        assert nodes(await ask(registry, asked), "verdict") == [{"status": status}]


async def test_no_status_is_any(registry: Registry) -> None:
    await send(registry, **lineage())
    for given in ("[]", "null"):
        answer = await ask(registry, f"{{ modelVersions(filter: {{status: {given}}}) {{ totalCount }} }}")
        assert answer["totalCount"] == 2


PAGED = [
    ("modelVersions(", ""),
    ('search(text: "m", ', ""),
    (f'history(of: "{PARENT}", ', ""),
    ("incidents(", ""),
    (f'evaluations(of: "{PARENT}", ', ""),
    ("documentationDrift(", ""),
    (f'impact(of: "{PARENT}", ', "affected("),
    ('trainedOn(population: {all: [{attribute: "a", values: "b"}]}, ', "versions("),
]


@pytest.mark.parametrize(("field", "inner"), PAGED)
async def test_a_cursor_belongs_to_its_moment(registry: Registry, field: str, inner: str) -> None:
    await begin(registry)
    await send(
        registry,
        evaluations=[
            {"subject": PARENT, "suite": {"name": "s", "version": v}, "metrics": [{"name": "accuracy", "value": 0.5}]}
            for v in "12"
        ],
    )
    now = await moment(registry)

    async def asked(as_of: str | None, after: str | None) -> Any:
        moment = f"asOf: {json.dumps(as_of)}"
        page = f"first: 1, after: {json.dumps(after)}) {{ pageInfo {{ endCursor }} edges {{ cursor }} }}"
        whole = f"{field}{moment}) {{ {inner}{page} }}" if inner else f"{field}{moment}, {page}"
        answer = await ask(registry, f"{{ {whole} }}")
        return answer[inner[:-1]] if inner else answer

    cursor = (await asked(now, None))["pageInfo"]["endCursor"]
    assert cursor is not None
    await asked(now, cursor)
    for other in (None, rfc3339(instant(now) + 1)):
        with pytest.raises(InvalidInput, match="another question") as caught:
            await asked(other, cursor)
        assert caught.value.field == "after"
    question, upto, *position = json.loads(base64.urlsafe_b64decode(cursor + "=="))
    for past, wrong in ((upto, False), (upto + 1, True)):
        made = base64.urlsafe_b64encode(json.dumps([question, past, *position]).encode()).decode().rstrip("=")
        if not wrong:
            await asked(now, made)
            continue
        with pytest.raises(InvalidInput, match="cursor is not valid"):
            await asked(now, made)


X, ODD = '"model:x@1"', '"foo"'
BLAMED = [
    ("entity(ref: %s) { id }", "ref"),
    ("history(of: %s) { edges { cursor } }", "of"),
    ("lineage(of: %s, direction: BOTH) { complete }", "of"),
    ("impact(of: [%s]) { counts { kind } }", "of[0]"),
    (f'paths(from: %s, to: "{PARENT}") {{ count }}', "from"),
    (f'paths(from: "{PARENT}", to: %s) {{ count }}', "to"),
    ("evaluations(of: %s) { totalCount }", "of"),
    ('trend(of: %s, metric: "accuracy") { metric { name } }', "of"),
    (f'trend(of: "{PARENT}", metric: "accuracy", since: %s) {{ metric {{ name }} }}', "since"),
    ("erosion(of: %s) { summary }", "of"),
    (f'erosion(of: "{PARENT}", since: %s) {{ summary }}', "since"),
    (f'diff(base: %s, head: "{PARENT}") {{ summary }}', "base"),
    (f'diff(base: "{PARENT}", head: %s) {{ summary }}', "head"),
    ("probes(of: %s) { status }", "of"),
    ('gate(of: %s, environment: "production") { outcome }', "of"),
    ("incidents(of: %s) { totalCount }", "of"),
    ("modelVersions(filter: {derivedFrom: %s}) { totalCount }", "filter.derivedFrom"),
    ("modelVersions(filter: {trainedOn: %s}) { totalCount }", "filter.trainedOn"),
    ("documentationDrift(filter: {derivedFrom: %s}) { totalCount }", "filter.derivedFrom"),
]


@pytest.mark.parametrize(("query", "field"), BLAMED)
async def test_a_ref_that_names_nothing_is_blamed(registry: Registry, query: str, field: str) -> None:
    await send(registry, **lineage())
    for ref, error in ((ODD, InvalidInput), (X, NotFound)):
        with pytest.raises(error) as caught:
            await ask(registry, f"{{ {query % ref} }}")
        assert caught.value.field == field


OTHERS = [
    ('modelVersions(filter: {name: ""}) { totalCount }', "filter.name"),
    ('modelVersions(filter: {artifact: "sha256:1"}) { totalCount }', "filter.artifact"),
    ('modelVersions(filter: {servingIn: ""}) { totalCount }', "filter.servingIn"),
    ('modelVersions(filter: {recordedAfter: "x"}) { totalCount }', "filter.recordedAfter"),
    ('modelVersions(filter: {recordedBefore: "x"}) { totalCount }', "filter.recordedBefore"),
    ('erosions(filter: {name: ""}) { totalCount }', "filter.name"),
    ('modelVersions(asOf: "yesterday") { totalCount }', "asOf"),
    ('serving(at: "yesterday") { since }', "at"),
    ('serving(at: "26-01-01T00:00:00Z") { since }', "at"),
    ('modelVersions(asOf: "26-01-01T00:00:00Z") { totalCount }', "asOf"),
    ('modelVersions(filter: {recordedAfter: "26-01-01T00:00:00Z"}) { totalCount }', "filter.recordedAfter"),
    (f'gate(of: "{PARENT}", environment: "") {{ outcome }}', "environment"),
    (
        'trainedOn(population: {all: [{attribute: "", values: "b"}]}) { counts { count } }',
        "population.all[0].attribute",
    ),
    (
        'trainedOn(population: {all: [{attribute: "a", values: ["b", ""]}]}) { counts { count } }',
        "population.all[0].values[1]",
    ),
    (
        f'trend(of: "{PARENT}", metric: "accuracy", slice: [{{attribute: "a", value: ""}}]) {{ metric {{ name }} }}',
        "slice[0].value",
    ),
]


@pytest.mark.parametrize(("query", "field"), OTHERS)
async def test_a_wrong_argument_is_blamed(registry: Registry, query: str, field: str) -> None:
    await send(registry, **lineage())
    with pytest.raises(DescentError) as caught:
        await ask(registry, f"{{ {query} }}")
    assert (type(caught.value), caught.value.field) == (InvalidInput, field)


async def test_a_text_too_long_is_called_so(registry: Registry) -> None:
    with pytest.raises(InvalidInput, match="1,001 characters: send up to 1,000") as caught:
        await ask(registry, "query ($text: String!) { search(text: $text) { totalCount } }", text="a" * 1001)
    assert caught.value.field == "text"

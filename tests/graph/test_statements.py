"""Statements: a later one supersedes, an equal one adds nothing or reaffirms."""

import pytest

from descentd.graph.model.kinds import Kind, Role
from descentd.graph.store.base import Store
from tests.graph.manifests import PROFILE, dataset, evaluation, model, partition, profile
from tests.graph.samples import contents, send

pytestmark = pytest.mark.anyio
OTHER_PROFILE = {"intendedUse": "Rank and explain.", "mustNotDo": ["Decline."]}


async def supersession(store: Store, kind: Kind) -> list[tuple[str, str | None]]:
    """The ids of the statements of a kind, and what each supersedes, in log order."""
    entries = await store.entries(range(1, await store.sequence() + 1))
    statements = [entry.record for entry in entries if entry.record.kind is kind]
    return [(record.id, record.content.get("supersedes")) for record in statements]


async def test_a_later_profile_supersedes(each: Store) -> None:
    await send(each, model("1", safetyProfile=PROFILE))
    assert len((await send(each, profile(OTHER_PROFILE, reason="Learned."))).created) == 1
    first, second = await supersession(each, Kind.SAFETY_PROFILE)
    assert second[1] == first[0]
    at = (await each.resolve([second[0]]))[second[0]].sequence
    links = await each.links([at], [Role.SUPERSEDES, Role.DESCRIBES], inward=False)
    assert {link.role for link in links} == {Role.SUPERSEDES, Role.DESCRIBES}
    assert not (await send(each, profile(OTHER_PROFILE, reason="Learned."))).created
    assert len((await send(each, profile(OTHER_PROFILE, reason="Otherwise."))).created) == 1
    assert len((await send(each, profile(PROFILE))).created) == 1
    chain = await supersession(each, Kind.SAFETY_PROFILE)
    assert [superseded for _, superseded in chain[1:]] == [id for id, _ in chain[:-1]]


async def test_an_embedded_profile_adds_nothing_even_if_superseded(each: Store) -> None:
    await send(each, model("1", safetyProfile=PROFILE))
    await send(each, profile(OTHER_PROFILE))
    assert not (await send(each, model("1", safetyProfile=PROFILE))).created
    assert not (await send(each, model("1", safetyProfile=OTHER_PROFILE))).created
    assert not (await send(each, model("1"))).created
    new = {**PROFILE, "guardrails": ["None."]}
    assert len((await send(each, model("1", safetyProfile=new))).created) == 1
    chain = await supersession(each, Kind.SAFETY_PROFILE)
    assert chain[-1][1] == chain[-2][0]


async def test_an_equal_statement_reaffirms_only_after_evidence(each: Store) -> None:
    await send(each, model("1", safetyProfile=PROFILE))
    assert not (await send(each, profile(PROFILE))).created
    await send(each, evaluation())
    assert not (await send(each, model("1", safetyProfile=PROFILE))).created
    assert len((await send(each, profile(PROFILE))).created) == 1
    assert not (await send(each, profile(PROFILE))).created
    assert len(await supersession(each, Kind.SAFETY_PROFILE)) == 2
    weakness = {"subject": "model:credit@1", "title": "Found.", "severity": "LOW"}
    await send(each, {"vulnerabilities": [weakness]})
    assert len((await send(each, profile(PROFILE))).created) == 1
    await send(each, {"notes": [{"subject": "model:credit@1", "author": "ann", "text": "No evidence."}]})
    assert not (await send(each, profile(PROFILE))).created


async def test_evidence_in_the_same_transaction_outdates_nothing(memory: Store) -> None:
    await send(memory, model("1", safetyProfile=PROFILE) | evaluation())
    assert not (await send(memory, profile(PROFILE))).created


async def test_populations_are_statements_too(each: Store) -> None:
    young = [{"attribute": "age", "value": "18-64", "share": 0.9}]
    old = [*young, {"attribute": "age", "value": "65+", "share": 0.1}]
    await send(each, dataset(partition(population=young)))
    assert [c["populationDocumented"] for c in await contents(each, Kind.POPULATION)] == ["PARTIAL"]
    said = {"subject": "dataset:loans@1#p", "populationDocumented": "COMPLETE", "population": old, "reason": "Counted."}
    assert len((await send(each, {"populations": [said]})).created) == 1
    assert not (await send(each, {"populations": [said]})).created
    assert not (await send(each, {"populations": [said | {"population": old[::-1]}]})).created
    for known in (young, old):
        documented = "COMPLETE" if known is old else "PARTIAL"
        manifest = dataset(partition(population=known, populationDocumented=documented))
        assert not (await send(each, manifest)).created
    assert not (await send(each, dataset(partition()))).created
    chain = await supersession(each, Kind.POPULATION)
    assert chain[1][1] == chain[0][0]
    assert len(chain) == 2

"""Drift of documentation: the four findings, and what is none."""

import pytest

from descentd.graph.inputs.acts import RetractionInput
from descentd.queries.lineage.versions import VersionFilter, documentation_drift
from descentd.queries.registry import Registry
from descentd.queries.retractions import retract
from tests.queries.governed import CHILD, PARENT, PROFILE, evaluation, lineage, version, weakness
from tests.support.registries import send

pytestmark = pytest.mark.anyio
OWN = PROFILE | {"intendedUse": "Rank loans for people over 65."}


async def kinds(registry: Registry, as_of: str | None = None) -> dict[str, list[str]]:
    found = await documentation_drift(registry, None, None, None, as_of)
    assert found.total == len(found.items)
    return {item.version.ref: [one.kind.value for one in item.findings] for item in found.items}


async def test_missing_until_it_is_written(registry: Registry) -> None:
    await send(registry, **lineage())
    assert await kinds(registry) == {CHILD: ["MISSING_PROFILE"]}
    done = await send(registry, safetyProfiles=[{"subject": CHILD, "profile": OWN}])
    assert await kinds(registry) == {}
    await retract(registry, RetractionInput.read({"subjects": list(done.created), "reason": "Wrong."}), "ada")
    assert await kinds(registry) == {CHILD: ["MISSING_PROFILE"]}


async def test_copied_word_for_word_though_the_files_differ(registry: Registry) -> None:
    await send(registry, **lineage(safetyProfile=PROFILE))
    await send(registry, models=[version("3", CHILD, safetyProfile=OWN)])
    await send(registry, models=[version("4", CHILD, artifacts=[], safetyProfile=PROFILE)])
    assert await kinds(registry) == {CHILD: ["COPIED_PROFILE"]}


async def test_a_parent_that_copies_its_child_leaves_the_child_alone(registry: Registry) -> None:
    await send(registry, **lineage(safetyProfile=OWN))
    await send(registry, safetyProfiles=[{"subject": PARENT, "profile": OWN}])
    assert await kinds(registry) == {}


async def test_stale_by_evidence_that_came_later_until_it_is_confirmed(registry: Registry) -> None:
    measured = [evaluation(CHILD, "accuracy", 0.9)]
    await send(registry, **lineage(safetyProfile=OWN), evaluations=measured)
    assert await kinds(registry) == {}
    await send(registry, notes=[{"subject": CHILD, "author": "ada", "text": "No evidence."}])
    assert await kinds(registry) == {}
    await send(registry, evaluations=[evaluation(CHILD, "accuracy", 0.8)])
    await send(registry, vulnerabilities=[weakness(CHILD)])
    found = await documentation_drift(registry, None, None, None)
    [stale] = found.items[0].findings
    assert stale.message.startswith("1 evaluation and 1 vulnerability came after")
    assert len(stale.evidence) == 2
    await send(registry, safetyProfiles=[{"subject": CHILD, "profile": OWN}])
    assert await kinds(registry) == {}


async def test_stale_by_a_disclosure_of_its_lineage(registry: Registry) -> None:
    await send(registry, **lineage(safetyProfile=OWN))
    given = {"subject": CHILD, "trainedOn": [{"ref": "dataset:d@1#h", "role": "TRAIN"}], "source": "s", "reason": "r"}
    done = await send(registry, disclosures=[given])
    found = await documentation_drift(registry, None, None, None)
    [stale] = found.items[0].findings
    assert stale.message.startswith("1 disclosure came after the safety profile")
    assert stale.evidence == tuple(done.created)
    await send(registry, safetyProfiles=[{"subject": CHILD, "profile": OWN}])  # read again, and confirmed
    assert await kinds(registry) == {}


async def test_copied_from_a_disclosed_parent(registry: Registry) -> None:
    await send(registry, models=[version("1", safetyProfile=PROFILE), version("2", safetyProfile=PROFILE)])
    assert await kinds(registry) == {}
    parent = {"subject": CHILD, "parents": [{"ref": PARENT, "relation": "FINE_TUNE"}], "source": "s", "reason": "r"}
    await send(registry, disclosures=[parent])
    assert await kinds(registry) == {CHILD: ["STALE_PROFILE", "COPIED_PROFILE"]}


async def test_retracted_evidence_makes_nothing_stale(registry: Registry) -> None:
    await send(registry, **lineage(safetyProfile=OWN))
    done = await send(registry, evaluations=[evaluation(CHILD, "accuracy", 0.8)])
    assert await kinds(registry) == {CHILD: ["STALE_PROFILE"]}
    await retract(registry, RetractionInput.read({"subjects": list(done.created), "reason": "Wrong."}), "ada")
    assert await kinds(registry) == {}


async def test_a_claim_is_contradicted_by_its_newest_result_alone(registry: Registry) -> None:
    old = {"attribute": "age_group", "value": "65+"}
    claims = [
        {"text": "Right nine times in ten.", "metric": "accuracy", "atLeast": 0.9},
        {"text": "For old people too.", "metric": "accuracy", "slice": [old], "atLeast": 0.8, "atMost": 1.0},
        {"text": "Never measured.", "metric": "toxicity_score", "atMost": 0.1},
    ]
    results = [
        evaluation(CHILD, "accuracy", 0.95, evaluatedAt="2025-02-01T00:00:00Z"),
        evaluation(CHILD, "accuracy", 0.1, evaluatedAt="2025-01-01T00:00:00Z"),
        evaluation(CHILD, "accuracy", 0.79, slice=[old], evaluatedAt="2025-02-01T00:00:00Z"),
    ]
    await send(registry, **lineage(safetyProfile=OWN | {"claims": claims}), evaluations=results)
    found = await documentation_drift(registry, VersionFilter(name="m"), None, None)
    [finding] = found.items[0].findings
    assert finding.kind.value == "CLAIM_CONTRADICTED"
    assert finding.message == (
        'The profile claims "For old people too.", but accuracy for age_group 65+ is 0.79, below 0.8.'
    )
    assert len(finding.evidence) == 2


async def test_pages_hold_together_while_records_arrive(registry: Registry) -> None:
    await send(registry, models=[version(str(number)) for number in range(1, 8)])
    first = await documentation_drift(registry, None, 3, None)
    await send(registry, models=[version("8")], safetyProfiles=[{"subject": "model:m@5", "profile": OWN}])
    refs = [item.version.ref for item in first.items]
    after: str | None = first.items[-1].cursor
    while after:
        page = await documentation_drift(registry, None, 3, after)
        assert page.total == 7
        refs += [item.version.ref for item in page.items]
        after = page.items[-1].cursor if page.more else None
    assert refs == [f"model:m@{number}" for number in range(1, 8)]

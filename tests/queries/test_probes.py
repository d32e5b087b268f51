"""Probes: who inherits a weakness, and who withstood it."""

from typing import Any

import pytest

from descentd.graph.inputs.acts import RetractionInput
from descentd.graph.model.errors import InvalidInput, NotFound
from descentd.queries.governance.probes import ProbeStatus, probes
from descentd.queries.production.announcements import announcements
from descentd.queries.registry import Registry
from descentd.queries.retractions import retract
from tests.queries.governed import ATTACKS, CHILD, PARENT, evaluation, lineage, version, weakness
from tests.support.registries import send

pytestmark = pytest.mark.anyio
AT = "2025-01-0{}T00:00:00Z"


async def statuses(registry: Registry, ref: str) -> list[str]:
    return [probe.status.value for probe in (await probes(registry, ref)).items]


def attack(subject: str, value: float, day: int = 1, **more: Any) -> dict[str, Any]:
    suite = more.pop("suite", ATTACKS)
    return evaluation(subject, "attack_success_rate", value, suite, evaluatedAt=AT.format(day), **more)


async def test_each_version_answers_for_itself(registry: Registry) -> None:
    await send(registry, **lineage(), vulnerabilities=[weakness(PARENT, metric="attack_success_rate", threshold=0.1)])
    await send(registry, evaluations=[attack(PARENT, 0.05)])
    assert await statuses(registry, PARENT) == ["RESISTED"]
    assert await statuses(registry, CHILD) == ["NOT_RUN"]
    await send(registry, evaluations=[attack(CHILD, 0.2, 1)])
    assert await statuses(registry, CHILD) == ["REPRODUCED"]
    done = await send(registry, evaluations=[attack(CHILD, 0.1, 2)])
    assert await statuses(registry, CHILD) == ["RESISTED"]
    found = await probes(registry, CHILD)
    assert found.items[0].evidence == (done.records[0].id,)
    assert found.items[0].on.ref == PARENT
    await retract(registry, RetractionInput.read({"subjects": [done.records[0].id], "reason": "No."}), "ada")
    assert await statuses(registry, CHILD) == ["REPRODUCED"]


async def test_only_the_same_protocol_counts(registry: Registry) -> None:
    old = [{"attribute": "age_group", "value": "65+"}]
    probe = weakness(PARENT, metric="attack_success_rate", threshold=0.1, slice=old, data="dataset:d@1#h")
    anywhere = weakness(PARENT, "Anywhere", metric="attack_success_rate", threshold=0.1, slice=old)
    await send(registry, **lineage(), vulnerabilities=[probe, anywhere])
    others = [
        attack(CHILD, 0.0, slice=old, data="dataset:d@1#h", suite=ATTACKS | {"version": "3"}),
        attack(CHILD, 0.0, slice=old, data="dataset:d@1#h", suite={"name": "attacks", "version": "2"}),
        attack(CHILD, 0.0, data="dataset:d@1#h"),
        evaluation(CHILD, "toxicity_score", 0.0, ATTACKS, slice=old, data="dataset:d@1#h"),
    ]
    await send(registry, evaluations=others)
    assert await statuses(registry, CHILD) == ["NOT_RUN", "NOT_RUN"]
    await send(registry, evaluations=[attack(CHILD, 0.0, slice=old, data="dataset:d@1#p")])
    assert await statuses(registry, CHILD) == ["NOT_RUN", "RESISTED"]
    await send(registry, evaluations=[attack(CHILD, 0.3, 2, slice=old, data="dataset:d@1#h")])
    assert await statuses(registry, CHILD) == ["REPRODUCED", "REPRODUCED"]


@pytest.mark.parametrize(
    ("metric", "threshold", "value", "status"),
    [
        ("accuracy", 0.8, 0.81, "RESISTED"),
        ("accuracy", 0.8, 0.8, "RESISTED"),
        ("accuracy", 0.8, 0.79, "REPRODUCED"),
        ("pct_stereotype", 0.6, 0.4, "RESISTED"),
        ("pct_stereotype", 0.6, 0.39, "REPRODUCED"),
    ],
)
@pytest.mark.parametrize("store_kind", ["memory"])
async def test_better_is_what_the_metric_says(
    registry: Registry, metric: str, threshold: float, value: float, status: str
) -> None:
    await send(registry, **lineage(), vulnerabilities=[weakness(PARENT, metric=metric, threshold=threshold)])
    await send(registry, evaluations=[evaluation(CHILD, metric, value, ATTACKS)])
    assert await statuses(registry, CHILD) == [status]


async def test_weaknesses_of_data_and_those_without_a_probe(registry: Registry) -> None:
    await send(registry, **lineage(), vulnerabilities=[weakness("dataset:d@1#p", metric="accuracy", threshold=0.5)])
    done = await send(registry, vulnerabilities=[weakness(PARENT, "Word of mouth"), weakness(CHILD, "Own")])
    found = await probes(registry, CHILD)
    assert [probe.on.ref for probe in found.items] == ["dataset:d@1#p", PARENT, CHILD]
    assert [probe.content is None for probe in found.items] == [False, True, True]
    assert found.count(ProbeStatus.NOT_RUN) == 1
    assert [probe.on.ref for probe in found.due] == ["dataset:d@1#p"]
    assert len((await probes(registry, PARENT)).items) == 2
    ids = [record.id for record in done.records]
    await retract(registry, RetractionInput.read({"subjects": ids, "reason": "Untrue."}), "ada")
    assert len((await probes(registry, CHILD)).items) == 1


async def test_a_version_registered_later_has_its_plan_at_once(registry: Registry) -> None:
    await send(registry, **lineage(), vulnerabilities=[weakness(PARENT, metric="accuracy", threshold=0.5)])
    await send(registry, models=[version("3", CHILD)])
    assert len((await probes(registry, "model:m@3")).due) == 1


async def test_what_is_no_version_has_no_probes(registry: Registry) -> None:
    await send(registry, **lineage())
    with pytest.raises(NotFound):
        await probes(registry, "model:m@9")
    with pytest.raises(InvalidInput):
        await probes(registry, "dataset:d@1")


async def test_a_weakness_documented_later_makes_probes_due_for_versions_that_are_there(registry: Registry) -> None:
    await send(registry, **lineage())
    await send(registry, models=[version("3", CHILD), version("9")])
    await send(registry, evaluations=[evaluation("model:m@3", "attack_success_rate", 0.01, ATTACKS)])
    types = {"vulnerability.registered", "probes.due"}

    async def announced(*sections: dict[str, Any]) -> list[Any]:
        for each in sections:
            await send(registry, **each)
        [entry] = await registry.store.entries([await registry.sequence()])
        return [(one.type, one.content) for one in await announcements(registry, entry, types)]

    probe: dict[str, Any] = {"metric": "attack_success_rate", "threshold": 0.1}
    own, due = await announced({"vulnerabilities": [weakness("dataset:d@1#p", **probe)]})
    assert own[0] == "vulnerability.registered"
    assert due[0] == "probes.due"
    assert (due[1]["versions"], due[1]["versionsTotal"]) == ([PARENT, CHILD], 2)  # 3 was tried, 9 does not inherit it
    assert due[1]["probes"][0]["on"] == "dataset:d@1#p"
    for ref in due[1]["versions"]:
        assert len((await probes(registry, ref)).due) == 1
    # None is due for whoever comes with it: its own registration says so. Nor without a probe.
    later = {"vulnerabilities": [weakness("model:n@1", **probe)], "models": [{"name": "n", "version": "1"}]}
    assert [type for type, _ in await announced(later)] == ["vulnerability.registered"]
    assert [type for type, _ in await announced({"vulnerabilities": [weakness(PARENT, "Other")]})] == [
        "vulnerability.registered"
    ]

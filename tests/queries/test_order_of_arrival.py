"""What served is what reports claim of themselves, in whatever order they arrive."""

from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from descentd.graph.inputs.acts import DeploymentInput
from descentd.graph.model.errors import InvalidInput
from descentd.graph.model.kinds import Kind
from descentd.graph.model.names import instant
from descentd.queries.production.deployment_reports import Report, ReportInput, take_report
from descentd.queries.production.deployments import serving
from descentd.queries.production.record_deployment import deploy
from descentd.queries.production.webhook_receipts import receipts
from descentd.queries.registry import Registry
from tests.queries.test_production import begin, promote
from tests.support.registries import opened, send, store_of

pytestmark = pytest.mark.anyio

PLACE = {"environment": "production", "endpoint": "/score"}
END = None


def moment(hour: int) -> str:
    return f"2025-01-01T{hour:02}:00:00Z"


def report(hour: int, version: str | None) -> Report:
    deployed = {} if version is END else {"deployed": f"model:m@{version}"}
    return Report(ReportInput.read({**PLACE, **deployed, "since": moment(hour)}), removed=version is END)


def claim(hour: int, version: str) -> DeploymentInput:
    told = {"by": "platform team", "source": "CHG-12"}
    return DeploymentInput.read({**PLACE, "subject": f"model:m@{version}", "since": moment(hour), "claimed": told})


Reports = dict[tuple[int, bool], str | None]
"""By the hour and whether something ends then: at one moment there may be a report of each kind."""

reports = st.dictionaries(
    st.tuples(st.integers(0, 9), st.booleans()), st.sampled_from("123"), min_size=1, max_size=8
).map(lambda found: {at: END if at[1] else version for at, version in found.items()})


def served_at(claims: Reports, hour: int) -> str | None:
    """The rule itself: the latest until then, and of one moment the report and not the end."""
    until_then = [at for at in claims if at[0] <= hour]
    return claims[max(until_then, key=lambda at: (at[0], not at[1]))] if until_then else None


async def told(registry: Registry, claims: Reports, order: Random) -> list[str | None]:
    arriving = list(claims.items())
    order.shuffle(arriving)
    for (hour, _), version in arriving:
        await take_report(registry, report(hour, version), "ana", None)
    return await served_each_hour(registry)


async def served_each_hour(registry: Registry) -> list[str | None]:
    upto = await registry.sequence()
    found: list[str | None] = []
    for hour in range(11):
        there = await serving(registry, None, None, instant(moment(hour)), upto)
        found.append((await registry.find(there[0].version, upto)).ref.rpartition("@")[2] if there else None)
    return found


@given(reports, st.randoms(use_true_random=False))
async def test_the_order_in_which_reports_arrive_does_not_matter(claims: Reports, order: Random) -> None:
    async with opened(store_of("memory", Path(), None)) as registry:
        await begin(registry)
        await promote(registry, "model:m@3")
        assert await told(registry, claims, order) == [served_at(claims, hour) for hour in range(11)]


claims = st.dictionaries(st.integers(0, 9), st.sampled_from("123"), min_size=1, max_size=4)


@given(reports, claims, st.randoms(use_true_random=False))
async def test_nor_does_the_order_in_which_history_is_claimed(
    given: Reports, claimed: dict[int, str], order: Random
) -> None:
    """A claim counts before the first report that is none, whether it is refused later or void afterwards."""
    first = min((hour for hour, end in given if not end), default=99)
    counted = given | {(hour, False): version for hour, version in claimed.items() if hour < first}
    async with opened(store_of("memory", Path(), None)) as registry:
        await begin(registry)
        await promote(registry, "model:m@3")
        arriving: list[Report | DeploymentInput] = [report(hour, version) for (hour, _), version in given.items()]
        arriving += [claim(hour, version) for hour, version in claimed.items()]
        order.shuffle(arriving)
        for one in arriving:
            if isinstance(one, Report):
                await take_report(registry, one, "ana", None)
            else:
                with suppress(InvalidInput):
                    await deploy(registry, one, "ana")
        assert await served_each_hour(registry) == [served_at(counted, hour) for hour in range(11)]


async def test_a_later_end_ends_what_served_then_also_when_it_is_reported_after_it(registry: Registry) -> None:
    await begin(registry)
    early = await take_report(registry, report(5, END), "ana", None)
    await take_report(registry, report(1, "1"), "ana", None)
    claims: Reports = {(1, False): "1", (5, True): END, (3, False): "2"}
    assert await told(registry, claims, Random(1)) == [None, "1", "1", "2", "2", *[None] * 6]
    [ended] = await receipts(registry, [early.id])
    assert (ended.kind, ended.status) == (Kind.DEPLOYMENT, "ENDED")


async def test_a_report_of_what_serves_already_is_the_same_only_with_the_same_moment(registry: Registry) -> None:
    await begin(registry)
    first = await take_report(registry, report(3, "1"), "ana", None)
    assert await take_report(registry, report(3, "1"), "ana", None) == first
    earlier = await take_report(registry, report(1, "1"), "ana", None)
    assert earlier != first
    assert await told(registry, {(3, False): "1"}, Random(1)) == [None, *["1"] * 10]


async def test_an_artifact_of_several_promoted_versions_is_ambiguous_and_not_the_newest(registry: Registry) -> None:
    await begin(registry)
    [entry] = await registry.store.entries([(await registry.find("model:m@1", await registry.sequence())).sequence])
    [artifact] = entry.record.content["artifacts"]
    await send(registry, models=[{"name": "twin", "version": "1", "artifacts": [artifact]}])
    what = Report(ReportInput.read({**PLACE, "deployed": artifact["digest"], "since": moment(1)}))
    [only] = await receipts(registry, [(await take_report(registry, what, "ana", None)).id])
    assert (only.kind, only.version) == (Kind.DEPLOYMENT, "model:m@1")  # the other one is not promoted there
    await promote(registry, "model:twin@1")
    elsewhere = what.given.model_copy(update={"endpoint": "/other"})
    [both] = await receipts(registry, [(await take_report(registry, Report(elsewhere), "ana", None)).id])
    assert (both.kind, both.version) == (Kind.INCIDENT, None)
    [incident] = await registry.store.entries([(await registry.find(str(both.id), await registry.sequence())).sequence])
    assert "ambiguous" in incident.record.content["title"]
    assert "model:m@1 and model:twin@1" in incident.record.content["title"]

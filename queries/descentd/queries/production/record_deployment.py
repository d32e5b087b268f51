"""Recording that a version serves at an endpoint, and that it no longer does; whether it complies with its policy."""

from collections.abc import Sequence
from dataclasses import dataclass

from descentd.graph.inputs.acts import DeploymentInput, EndDeploymentInput
from descentd.graph.model.clock import check_past, timestamp
from descentd.graph.model.errors import InvalidInput, NotFound
from descentd.graph.model.identity import Content
from descentd.graph.model.kinds import VERSION, Kind
from descentd.graph.model.log import Entry
from descentd.graph.model.names import instant, rfc3339
from descentd.graph.model.records import Brief, Record
from descentd.graph.registration.acts import name_one, perform, repeated, signed
from descentd.graph.store.base import Reads
from descentd.queries.governance.drift import is_current
from descentd.queries.governance.gate.decide import Gate, evaluate
from descentd.queries.governance.profiles import profiles
from descentd.queries.production.admission import check_artifact, check_gate, check_promoted
from descentd.queries.production.deployments import Deployment, Timeline, at_place
from descentd.queries.registry import Registry


@dataclass(frozen=True, slots=True)
class Deployed:
    """A deployment that was recorded, or was there."""

    deployment: Deployment
    upto: int


async def deploy(registry: Registry, given: DeploymentInput, person: str, *, serves: bool = False) -> Deployed:
    """Record that a version serves.

    What serves there already is that deployment, unless another `since` is given. The gate is asked about what begins
    to serve, and not where it `serves` already, whatever the registry says; what is claimed, history from before this
    registry was asked, needs no promotion and meets no policy. Raises NotFound and InvalidInput for what is named,
    GateBlocked for a version that is not promoted there, is flagged, or that the gate would not let in now, and
    VersionConflict for an idempotencyKey of another act. Raises InvalidInput, too, for a claim about a moment that is
    still to come, or from which on this registry was asked there.
    """
    _check_endpoint(given.endpoint)
    if given.claimed is not None:
        check_past(given.since, "since")
    await registry.sequence()  # so that what others have recorded until now is found, whatever is kept
    subject = await name_one(registry.store, given.subject, "subject", VERSION)
    content = given.content() | {"subject": subject.id}
    record = await repeated(registry.store, Kind.DEPLOYMENT, person, content)
    if record is None:
        await check_artifact(registry, subject, given.artifact_digest)
        grounds: Content = {}
        if "claimed" not in content:
            grounds = {"promotion": (await _promoted(registry, subject, given, serves=serves)).record.id}

        async def draft(reads: Reads) -> Sequence[Record]:
            again = await repeated(reads, Kind.DEPLOYMENT, person, content) or await _there(reads, given, subject.id)
            if again is None and given.claimed is not None:
                await _check_history(reads, given)
            whole: Content = {"since": timestamp()} | content | grounds
            return [again or Record.of(Kind.DEPLOYMENT, signed(whole, person))]

        [record] = await perform(registry.committer, person, draft)
    timeline, upto = await _timeline(registry, given.environment, given.endpoint)
    return Deployed(next(one for one in timeline.deployments if one.entry.record.id == record.id), upto)


def _check_endpoint(endpoint: str) -> None:
    """Raise InvalidInput for outer spaces, which would make another endpoint of what looks the same."""
    if endpoint != endpoint.strip():
        raise InvalidInput(f"The endpoint {endpoint!r} begins or ends with a space: trim it.", "endpoint")


async def _timeline(registry: Registry, environment: str, endpoint: str) -> tuple[Timeline, int]:
    upto = await registry.sequence()
    return await at_place(registry.store, environment, endpoint, upto), upto


async def _there(reads: Reads, given: DeploymentInput, version: str) -> Record | None:
    """The deployment that is reported once more: it serves now, or since the moment that is given."""
    there = await at_place(reads, given.environment, given.endpoint)
    claimed = "claimed" in given.content()
    counting = (one for one in there.deployments if one.counts)
    same = [one for one in counting if one.version == version and one.claimed == claimed]
    if given.since is None:
        return next((one.entry.record for one in same if one.serves_at(instant(timestamp()))), None)
    return next((one.entry.record for one in same if one.since == instant(str(given.since))), None)


async def _check_history(reads: Reads, given: DeploymentInput) -> None:
    """Raise InvalidInput where what is claimed began no earlier than the first deployment that is not claimed.

    From then on this registry is asked before something serves there: a claim would end what the gate let in.
    """
    there = await at_place(reads, given.environment, given.endpoint)
    asked = min((one.since for one in there.deployments if not one.claimed), default=None)
    if asked is not None and instant(given.since or timestamp()) >= asked:
        raise InvalidInput(
            f"Since {rfc3339(asked)} this registry is asked before something serves at {given.endpoint} in "
            f"{given.environment}: claim what began before that, and promote and deploy what came later.",
            "since",
        )


async def _promoted(registry: Registry, subject: Brief, given: DeploymentInput, *, serves: bool) -> Entry:
    """The promotion that lets a version be deployed; raises GateBlocked where nothing does."""
    upto = await registry.sequence()
    promoted = await check_promoted(registry, subject, given.environment, upto)
    if not serves and await _there(registry.store, given, subject.id) is None:
        await check_gate(registry, subject, given.environment, upto)
    return promoted


async def end(registry: Registry, given: EndDeploymentInput, person: str) -> Deployed:
    """Record that what serves at an endpoint ends; raises NotFound where nothing serves there then."""
    until = given.until or timestamp()
    record = await _end(registry, given, until, person, None, reported=False)
    timeline, upto = await _timeline(registry, given.environment, given.endpoint)
    return Deployed(timeline.of_end(record), upto)


async def report_end(registry: Registry, given: EndDeploymentInput, person: str, key: str | None) -> Record:
    """Record the report of a system outside that nothing serves at an endpoint from a moment on.

    It is kept where nothing served there as well: what began before may be reported after it. The same `key` of the
    same person is the same report; raises VersionConflict for that of another act.
    """
    return await _end(registry, given, given.until or timestamp(), person, key, reported=True)


async def _end(
    registry: Registry, given: EndDeploymentInput, until: str, person: str, key: str | None, *, reported: bool
) -> Record:
    act = given.content() | ({} if key is None else {"idempotencyKey": key})

    async def draft(reads: Reads) -> Sequence[Record]:
        if (again := await repeated(reads, Kind.DEPLOYMENT, person, act)) is not None:
            return [again]
        there = await at_place(reads, given.environment, given.endpoint)
        if (known := there.end_at(given.environment, given.endpoint, instant(until))) is not None:
            return [known]
        ending = next((one for one in there.deployments if one.serves_at(instant(until))), None)
        if ending is None and not reported:
            raise NotFound(
                f"At {until} nothing serves at {given.endpoint} in {given.environment}: check both.", "endpoint"
            )
        of = {} if ending is None else {"supersedes": ending.entry.record.id, "about": ending.version}
        return [Record.of(Kind.DEPLOYMENT, signed(act | {"until": until} | of, person))]

    [record] = await perform(registry.committer, person, draft)
    return record


@dataclass(frozen=True, slots=True)
class Then:
    """A moment (microseconds since 1970) and the last record that was there."""

    moment: int
    upto: int


async def gate_then(registry: Registry, deployment: Deployment, then: Then) -> Gate | None:
    """What the gate of its environment said of a version; None while it was not registered, and of what is claimed."""
    if deployment.claimed:
        return None
    version = await registry.find(deployment.version, await registry.sequence())
    if version.sequence > then.upto:
        return None
    return await evaluate(registry, version, deployment.place[0], then.upto, then.moment)


async def profile_current(registry: Registry, deployment: Deployment, then: Then) -> bool:
    """Whether a version had the profile that it was promoted with, and that is current, as `drift` says."""
    version = (await registry.store.resolve([deployment.version]))[deployment.version].sequence
    return await profile_promoted(registry, deployment, then) and await is_current(registry, version, then.upto)


async def profile_promoted(registry: Registry, deployment: Deployment, then: Then) -> bool:
    """Whether a version had a profile that none superseded after the promotion that let it serve."""
    content = deployment.entry.record.content
    named = [content[part] for part in ("promotion", "subject") if part in content]
    found = await registry.store.resolve(named)
    version = found[content["subject"]].sequence
    current = (await profiles(registry.store, [version], then.upto))[version].current
    promoted = found[content["promotion"]].sequence if "promotion" in content else None
    return current is not None and (promoted is None or current.sequence <= promoted)

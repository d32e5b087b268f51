"""Admission: whether a version may serve in an environment; nothing is recorded."""

from descentd.graph.model import clock
from descentd.graph.model.errors import GateBlocked, InvalidInput
from descentd.graph.model.kinds import VERSION
from descentd.graph.model.log import Entry
from descentd.graph.model.names import name
from descentd.graph.model.records import Brief
from descentd.queries.governance.flags import refusing_flags
from descentd.queries.governance.gate.decide import evaluate
from descentd.queries.governance.gate.promotion import blocked
from descentd.queries.governance.gate.rules import GateOutcome
from descentd.queries.governance.policies import likely_environment
from descentd.queries.production.deployments import promotion, versions_serving
from descentd.queries.registry import Registry
from descentd.queries.retractions import retraction_of


async def check_admission(registry: Registry, of: str, environment: str, digest: str | None = None) -> Brief:
    """The version that `of` names, which may serve in an environment; `digest` is of the file that is to serve.

    The gate is asked about what does not serve there yet. Raises NotFound and InvalidInput for what is named, and
    GateBlocked for a version that is flagged, retracted or not promoted there, or that the gate would not let in now.
    """
    environment = name(environment, "environment")
    upto = await registry.sequence()
    version = await registry.find(of, upto, VERSION, "of")
    await check_artifact(registry, version, digest)
    await check_promoted(registry, version, environment, upto)
    if version.sequence not in await versions_serving(registry, environment, upto, clock.now()):
        await check_gate(registry, version, environment, upto)
    return version


async def check_artifact(registry: Registry, version: Brief, digest: str | None) -> None:
    """Raise InvalidInput for `artifactDigest` where it is of no file of the version."""
    [entry] = await registry.store.entries([version.sequence])
    if digest is not None and digest not in {one["digest"] for one in entry.record.content.get("artifacts", ())}:
        raise InvalidInput(
            f"{digest} is not an artifact of {version.ref}: deploy the file that was registered.", "artifactDigest"
        )


async def check_promoted(registry: Registry, version: Brief, environment: str, upto: int) -> Entry:
    """The promotion that lets a version into an environment.

    Raises GateBlocked for `subject` where a flag that refuses reaches it, where it is retracted, and where there is no
    promotion.
    """
    for flag in await refusing_flags(registry, version.sequence, upto):
        raise GateBlocked(f"{version.ref} is flagged {flag.action}: {flag.reason}", "subject")
    gone = await retraction_of(registry, version, upto)
    if gone is not None:
        raise GateBlocked(f"{gone.sentence} It is not let into {environment}: deploy another version.", "subject")
    promoted = await promotion(registry, version.sequence, environment, upto)
    if promoted is None:
        other = await likely_environment(registry, environment, upto)
        advice = f"did you mean {other}?" if other else "promote it first, which asks the gate."
        raise GateBlocked(f"{version.ref} is not promoted to {environment}: {advice}", "subject")
    return promoted


async def check_gate(registry: Registry, version: Brief, environment: str, upto: int) -> None:
    """Raise GateBlocked for `subject` where the gate would not let a version into an environment now."""
    asked = await evaluate(registry, version, environment, upto)
    if asked.outcome is not GateOutcome.PASSED:
        raise blocked(asked, field="subject")

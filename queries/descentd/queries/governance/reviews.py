"""Reviews: a person's decision on a version for an environment, bound to the evidence and policy it was made on.

New evidence, a retraction or another policy voids a GO, never a NO_GO, which stands until that person decides again.
Approver is not registrant nor evaluator, compared by person.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from descentd.graph.inputs.acts import Decision, ReviewInput
from descentd.graph.model import clock
from descentd.graph.model.accounts import person_key
from descentd.graph.model.errors import Forbidden, GateBlocked, InvalidInput, NotFound
from descentd.graph.model.identity import Content
from descentd.graph.model.kinds import Kind, Role
from descentd.graph.model.log import Entry
from descentd.graph.model.names import instant, rfc3339
from descentd.graph.model.records import Brief, Record
from descentd.graph.registration.acts import name_one, perform, repeated, signed
from descentd.graph.store.base import Reads
from descentd.queries.governance.evidence import EvidenceItem, changes, counting, evidence
from descentd.queries.governance.flags import REFUSING, reaching
from descentd.queries.governance.gate.context import EDITION
from descentd.queries.governance.policies import Policy, meant, policy_in_force
from descentd.queries.registry import Registry
from descentd.queries.withdrawals import withdrawal

_VERSION: Final = frozenset({Kind.MODEL_VERSION})
_LASTS: Final = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class ReviewState:
    """A review as it stands at a moment; `void` says why it does not count any more, None while it does.

    `who` is its person as persons are compared.
    """

    entry: Entry
    void: str | None
    who: str

    @property
    def decision(self) -> Decision:
        """What was decided."""
        return Decision(self.entry.record.content["decision"])

    @property
    def person(self) -> str:
        """Who decided."""
        return str(self.entry.record.content["by"])

    @property
    def environment(self) -> str:
        """For which environment."""
        return str(self.entry.record.content["environment"])


@dataclass(frozen=True, slots=True)
class Quorum:
    """How many people have to say GO for an environment, and who does."""

    needed: int
    people: tuple[str, ...]

    @property
    def reached(self) -> bool:
        """Whether they are enough."""
        return len(self.people) >= self.needed


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A review that was recorded, and how the quorum stands with it."""

    record: Record
    quorum: Quorum
    upto: int


def quorum(held: Iterable[ReviewState], environment: str, policy: Policy | None) -> Quorum:
    """The quorum of an environment; without a policy one person is enough to approve, though no gate opens."""
    people = {one.who: one.person for one in _standing(held, environment) if one.decision is Decision.GO}
    return Quorum(policy.quorum if policy else 1, tuple(sorted(people.values())))


def vetoes(held: Iterable[ReviewState], environment: str | None) -> list[ReviewState]:
    """The NO_GO that stand, in an environment or over all."""
    return [one for one in _standing(held, environment) if one.decision is Decision.NO_GO]


def newest(held: Iterable[ReviewState]) -> list[ReviewState]:
    """Each person's last decision for each environment, in the order of the log, whether it counts or not."""
    found: dict[tuple[str, str], ReviewState] = {}
    for one in held:
        found.pop((one.who, one.environment), None)
        found[one.who, one.environment] = one
    return list(found.values())


def _standing(held: Iterable[ReviewState], environment: str | None) -> list[ReviewState]:
    return [one for one in held if one.void is None and environment in (None, one.environment)]


async def reviews(
    registry: Registry,
    versions: Sequence[int],
    upto: int,
    moment: int | None = None,
    edition: int = EDITION,
) -> Mapping[int, list[ReviewState]]:
    """Every review of each version, oldest first, as it stands at a sequence and a moment (now unless given).

    `edition` says how the gate judges: in the first one, persons were told apart by their exact text, and retracting a
    version did not void what had been said of it.
    """
    links = await registry.store.links(versions, {Role.DECIDES_ON}, inward=True)
    about = {link.source: link.target for link in links if link.source <= upto}
    decided: defaultdict[int, list[Entry]] = defaultdict(list)
    for entry in await registry.store.entries(sorted(about)):
        if entry.record.kind is Kind.REVIEW:
            decided[about[entry.sequence]].append(entry)
    if not decided:
        return {version: [] for version in versions}
    pieces = await evidence(registry, list(decided), upto)
    person_of: Callable[[str], str] = person_key if edition > 1 else str
    ids = [entry.record.id for entries in decided.values() for entry in entries]
    if edition > 1:
        ids += {entry.record.content["subject"] for entries in decided.values() for entry in entries}
    withdrawn = await registry.store.find_by_keys([f"retracted:{id}" for id in ids])
    retracted = {key.removeprefix("retracted:") for key, by in withdrawn.items() if by[0] <= upto}
    environments = {entry.record.content["environment"] for entries in decided.values() for entry in entries}
    laid_down = await policies(registry, environments, upto)
    now = clock.now() if moment is None else moment
    return {
        version: [
            ReviewState(
                entry,
                _void(entry, decided[version], pieces[version], retracted, laid_down, upto, now, person_of),
                person_of(entry.record.content["by"]),
            )
            for entry in decided.get(version, ())
        ]
        for version in versions
    }


async def policies(registry: Registry, environments: Iterable[str], upto: int) -> Mapping[str, Policy]:
    """The policies in force in these environments; those without one are left out."""
    found = {place: await policy_in_force(registry.store, place, upto) for place in environments}
    return {place: policy for place, policy in found.items() if policy is not None}


def _void(
    entry: Entry,
    all: Sequence[Entry],
    pieces: Sequence[EvidenceItem],
    retracted: Collection[str],
    laid_down: Mapping[str, Policy],
    upto: int,
    now: int,
    person_of: Callable[[str], str],
) -> str | None:
    """Why a review does not count any more."""
    content = entry.record.content
    environment = content["environment"]
    if entry.record.id in retracted:
        return "it was retracted"
    if any(
        later.sequence > entry.sequence
        and later.record.content["environment"] == environment
        and person_of(later.record.content["by"]) == person_of(content["by"])
        for later in all
    ):
        return f"{content['by']} decided again"
    if "expiresAt" in content and instant(content["expiresAt"]) <= now:
        return f"it expired at {content['expiresAt']}"
    if content["decision"] != Decision.GO:
        return None
    if content["subject"] in retracted:
        return "the version was retracted"
    come, gone = changes(pieces, content["sequence"], upto)
    if come or gone:
        return _changed(come, gone)
    policy = laid_down.get(environment)
    if content.get("policyDigest") != (policy.digest if policy else None):
        return f"the policy of {environment} is another now"
    return None


def _changed(come: Sequence[Entry], gone: Sequence[Entry]) -> str:
    """What happened to the evidence, in words."""
    parts = [f"{_counted(come)} came after it"] if come else []
    parts += [f"{_counted(gone)} no longer count{'s' * (len(gone) == 1)}"] if gone else []
    return " and ".join(parts)


def _counted(entries: Sequence[Entry]) -> str:
    names = [_named(entry.record) for entry in entries]
    return ", ".join(f"{names.count(name)} {name}{'s' * (names.count(name) > 1)}" for name in dict.fromkeys(names))


def _named(record: Record) -> str:
    if record.kind is Kind.INCIDENT and "supersedes" in record.content:
        return "resolution"
    return record.kind.lower().replace("_", " ")


async def review(registry: Registry, given: ReviewInput, person: str) -> Reviewed:
    """Record a decision.

    Raises NotFound and InvalidInput for what is named, Forbidden for a GO of who registered or evaluated the version,
    GateBlocked for a version that is quarantined or decommissioned, and VersionConflict for a key of another act.
    """
    upto = await registry.sequence()
    subject = await name_one(registry.store, given.subject, "subject", _VERSION)
    content = given.content() | {"subject": subject.id}
    record = await repeated(registry.store, Kind.REVIEW, person, content)
    if record is None:
        await _check(registry, subject, upto, given, person)
        content |= await _basis(registry, subject.sequence, upto, given)

        async def draft(reads: Reads) -> Sequence[Record]:
            again = await repeated(reads, Kind.REVIEW, person, given.content() | {"subject": subject.id})
            return [again or Record.of(Kind.REVIEW, signed(content, person))]

        [record] = await perform(registry.committer, person, draft)
    upto = await registry.sequence()
    held = (await reviews(registry, [subject.sequence], upto))[subject.sequence]
    policy = await policy_in_force(registry.store, given.environment, upto)
    return Reviewed(record, quorum(held, given.environment, policy), upto)


async def _check(registry: Registry, version: Brief, upto: int, given: ReviewInput, person: str) -> None:
    ref = version.ref
    refusing = [flag for flag in await reaching(registry, version.sequence, upto) if flag.action in REFUSING]
    if refusing:
        raise GateBlocked(
            f"{ref} is flagged {refusing[0].action} ({refusing[0].reason}): clear the flag before it is reviewed.",
            "subject",
        )
    if await policy_in_force(registry.store, given.environment, upto) is None:
        other = await meant(registry, given.environment, upto)
        if other is not None:
            raise InvalidInput(
                f"No policy is for {given.environment}: did you mean {other}? Where it is another place, have its "
                "policy laid down first.",
                "environment",
            )
    if given.decision is not Decision.GO:
        return
    gone = await withdrawal(registry, version, upto)
    if gone is not None:
        raise GateBlocked(f"{gone.sentence} It cannot be approved: register and review another version.", "subject")
    [entry] = await registry.store.entries([version.sequence])
    if person_key(entry.recorded_by) == person_key(person):
        raise Forbidden(f"{person} registered {ref} and cannot approve it: another person has to.", "decision")
    pieces = (await evidence(registry, [version.sequence], upto))[version.sequence]
    for piece in pieces:
        record = piece.entry.record
        named = (piece.entry.recorded_by, record.content.get("evaluator", ""))
        if record.kind is Kind.EVALUATION and person_key(person) in map(person_key, named):
            raise Forbidden(f"{person} evaluated {ref} and cannot approve it: another person has to.", "decision")


async def _basis(registry: Registry, version: int, upto: int, given: ReviewInput) -> Content:
    """What a decision is bound to: the evidence that it cites, the policy in force, and when it ends."""
    counted = {entry.record.id for entry in counting((await evidence(registry, [version], upto))[version], upto)}
    for i, id in enumerate(given.evidence or ()):
        if id not in counted:
            if id not in await registry.store.resolve([id]):
                raise NotFound.of(id, f"evidence[{i}]", "use the id of a record of evidence")
            raise InvalidInput(f"{id} is no evidence about this version that counts: leave it out.", f"evidence[{i}]")
    basis: Content = {"evidence": sorted(given.evidence or counted), "sequence": upto}
    policy = await policy_in_force(registry.store, given.environment, upto)
    if policy is not None:
        basis |= {"policy": policy.id, "policyDigest": policy.digest}
    expires = _expiry(given)
    return basis | ({"expiresAt": expires} if expires else {})


def _expiry(given: ReviewInput) -> str | None:
    """When a decision ends: a veto only if it says so, anything else after 90 days."""
    now = clock.now()
    if given.expires_at is not None:
        if instant(given.expires_at) <= now:
            raise InvalidInput(f"expiresAt is {given.expires_at}, which has passed: give a later moment.", "expiresAt")
        return given.expires_at
    return None if given.decision is Decision.NO_GO else rfc3339(now + _LASTS // timedelta(microseconds=1))

"""Policies: the rules that a version must meet before it may serve in an environment, and which policy is in force."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from descentd.graph.cache import Cache
from descentd.graph.inputs.base import Count, Input, Name, Prose, checked
from descentd.graph.metrics import nearest
from descentd.graph.model.accounts import SERVER
from descentd.graph.model.derived import place_key
from descentd.graph.model.errors import InvalidInput
from descentd.graph.model.identity import Content, canonical, content_id, parse
from descentd.graph.model.kinds import Kind
from descentd.graph.model.log import Entry
from descentd.graph.model.records import Brief, Record
from descentd.graph.registration.acts import perform, signed
from descentd.graph.retractions import NEWEST, retracted_ids
from descentd.graph.store.base import Reads
from descentd.queries.governance.cel.checks import check
from descentd.queries.governance.cel.expressions import Expression, compiled
from descentd.queries.governance.cel.sandbox import in_turn
from descentd.queries.registry import Registry

QUORUM: Final = "quorum"
"""The name of the rule that enough people say GO."""

BUILT_IN: Final = frozenset({"no-policy", "retracted", "no-profile", "flagged", "no-go", QUORUM})
"""Rules that no policy can leave out, by the names that decisions give them."""

MOST_RULES: Final = 200
"""Rules of a policy."""

_DIGITS: Final = re.compile(r"\d+")
_LIKENESS: Final = 0.8
_OWN: Final = ("environment", "quorum", "rules")


def _cel(given: str) -> str:
    check(given)
    return given


def _own_name(given: str) -> str:
    if given in BUILT_IN:
        raise InvalidInput(f"{given} is the name of a rule that holds whatever a policy says: choose another.")
    return given


def _distinct(given: tuple["RuleInput", ...]) -> tuple["RuleInput", ...]:
    if not given:
        raise InvalidInput("A policy without rules demands nothing: write at least one.")
    if len(given) > MOST_RULES:
        raise InvalidInput(f"The policy has {len(given)} rules, and {MOST_RULES} are asked: leave some out.")
    names: set[str] = set()
    for i, rule in enumerate(given):
        if rule.name in names:
            raise InvalidInput(f"The rule {rule.name} is given twice: give each rule a name of its own.", f"[{i}].name")
        names.add(rule.name)
    return given


class RuleInput(Input):
    """A rule of a policy: a condition that must hold."""

    name: Annotated[Name, checked(_own_name)]
    """What decisions call it."""
    expression: Annotated[Prose, checked(_cel)]
    """CEL over what is known of the version; it must come to true."""
    message: Prose | None = None
    """What a reader is told it demands; where none is given, what was seen."""


class PolicyInput(Input):
    """A policy: what a version must meet before it may be promoted to, or deployed in, an environment."""

    environment: Name
    """The environment."""
    quorum: Count = 0
    """How many people have to say GO."""
    rules: Annotated[tuple[RuleInput, ...], checked(_distinct)]
    """All of these must hold."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as it is asked; `expression` is None where this server cannot compile it any more."""

    name: str
    source: str
    message: str | None
    expression: Expression | None


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy on record; `digest` covers what it demands and not who recorded it, when, or after which other."""

    id: str
    digest: str
    environment: str
    quorum: int
    rules: Sequence[Rule]

    @classmethod
    def proposed(cls, given: PolicyInput) -> "Policy":
        """A policy that is on no record, as it would be asked; see `of`."""
        return cls.of(Record.of(Kind.POLICY, given.content()))

    @classmethod
    def of(cls, record: Record) -> "Policy":
        """Read a POLICY record. Its rules are compiled, which may take long where it is not among those read last."""
        return _KNOWN.find(record.id, lambda: _read(record.id, record.body), lambda _: 1)


_KNOWN: Final[Cache[Policy]] = Cache(256)
"""Policies that were read last."""


async def _policies_of(records: Sequence[Record]) -> list[Policy]:
    """Policies of records; those that are not known yet are compiled while others are answered."""
    new = [record for record in records if _KNOWN.get(record.id) is None]
    if new:
        await in_turn(lambda: [Policy.of(record) for record in new])
    return [Policy.of(record) for record in records]


def _read(id: str, body: bytes) -> Policy:
    content = parse(body)
    rules = [
        Rule(rule["name"], rule["expression"], rule.get("message"), _compiled(rule["expression"]))
        for rule in content["rules"]
    ]
    return Policy(id, policy_digest(content), content["environment"], content["quorum"], rules)


def _compiled(source: str) -> Expression | None:
    try:
        return compiled(source)
    except InvalidInput:
        return None


def policy_digest(content: Content) -> str:
    """The digest of what a policy's content demands."""
    return content_id(Kind.POLICY, canonical({part: content[part] for part in _OWN}))


async def policy_in_force(reads: Reads, environment: str, upto: int) -> Policy | None:
    """The policy of an environment as of a sequence: the newest that was not retracted by then."""
    return (await policies_in_force(reads, [environment], upto)).get(environment)


async def policies_in_force(reads: Reads, environments: Collection[str], upto: int) -> Mapping[str, Policy]:
    """The policies in force in these environments as of a sequence; those without one are left out."""
    newest = await _newest(reads, environments, upto)
    return dict(zip(newest, await _policies_of(list(newest.values())), strict=True))


@dataclass(frozen=True, slots=True)
class PolicyState:
    """A policy on record, and whether it is the one in force."""

    entry: Entry
    policy: Policy
    in_force: bool


async def policy_history(
    registry: Registry, upto: int, environment: str | None = None, *, all: bool = True
) -> list[PolicyState]:
    """The policies on record as of a sequence, in log order: of one environment or of every, all or those in force."""
    entries = await registry.all_of(Kind.POLICY, upto)
    environments = {entry.record.content["environment"] for entry in entries}
    in_force = {policy.id for policy in (await policies_in_force(registry.store, environments, upto)).values()}
    read = await _policies_of([entry.record for entry in entries])
    states = [PolicyState(entry, policy, policy.id in in_force) for entry, policy in zip(entries, read, strict=True)]
    return [one for one in states if environment in (None, one.policy.environment) and (all or one.in_force)]


async def policies_by_digest(registry: Registry, digests: Collection[str], upto: int) -> Mapping[str, Brief]:
    """By digest, as decisions name it, the newest policy that has it, the one in force before any other."""
    history = await policy_history(registry, upto) if digests else ()
    ordered = sorted(history, key=lambda one: (one.in_force, one.entry.sequence))
    return {
        one.policy.digest: Brief(one.entry.sequence, Kind.POLICY, one.entry.record.id, None)
        for one in ordered
        if one.policy.digest in digests
    }


async def likely_environment(registry: Registry, environment: str, upto: int) -> str | None:
    """The environment that one without a policy was likely meant to be: written nearly so, and with a policy.

    What differs by a number is another place (`eu-1`, `eu-2`), and not a slip.
    """
    held = await registry.store.find_by_prefix(place_key("policy"))
    briefs = held[held <= upto].tolist()
    known = {entry.record.content["environment"] for entry in await registry.store.entries(briefs)} if briefs else set()
    alike = (place for place in known if _DIGITS.findall(place) == _DIGITS.findall(environment))
    return next(iter(nearest(environment, alike, 1, _LIKENESS)), None) if environment not in known else None


async def _newest(reads: Reads, environments: Collection[str], upto: int) -> Mapping[str, Record]:
    """The newest policy of each environment that is not retracted."""
    held = await reads.find_by_keys([place_key("policy", environment) for environment in environments])
    sequences = sorted(sequence for of_one in held.values() for sequence in of_one if sequence <= upto)
    briefs = await reads.briefs(sequences) if sequences else []
    retracted = await retracted_ids(reads, [brief.id for brief in briefs], upto)
    standing = {brief.sequence for brief in briefs if brief.id not in retracted}
    newest = [max(standing.intersection(of_one), default=None) for of_one in held.values()]
    entries = await reads.entries([sequence for sequence in newest if sequence is not None])
    return {entry.record.content["environment"]: entry.record for entry in entries}


async def register_policies(registry: Registry, policies: Sequence[PolicyInput], person: str = SERVER) -> list[str]:
    """Put policies into force, each in its environment; returns the ids of those that were not in force already."""
    new: list[Record] = []

    async def draft(reads: Reads) -> Sequence[Record]:
        new.clear()
        in_force = await _newest(reads, [policy.environment for policy in policies], NEWEST)
        for policy in policies:
            content = policy.content()
            before = in_force.get(policy.environment)
            if before is not None:
                if policy_digest(before.content) == policy_digest(content):
                    continue
                content["supersedes"] = before.id
            new.append(Record.of(Kind.POLICY, signed(content, person)))
        return new

    await perform(registry.committer, person, draft)
    return [record.id for record in new]

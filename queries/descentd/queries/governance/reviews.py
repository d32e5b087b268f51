"""The state of reviews: which of a version's recorded decisions count, whether the quorum is met, who vetoes.

A review is a person's decision on a version for an environment, bound to the evidence and the policy that it rests on.

New evidence, a retraction or another policy voids a GO, never a NO_GO, which stands until that person decides again.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from descentd.graph.inputs.acts import Decision
from descentd.graph.model import clock
from descentd.graph.model.accounts import person_key
from descentd.graph.model.identity import Content
from descentd.graph.model.kinds import Kind, Role
from descentd.graph.model.log import Entry
from descentd.graph.model.names import instant
from descentd.graph.retractions import retracted_ids
from descentd.queries.governance.evidence import Evidence, evidence
from descentd.queries.governance.gate.context import EDITION
from descentd.queries.governance.policies import Policy, policies_in_force
from descentd.queries.prose import capitalized, conjunction, counted, counts, kind_name
from descentd.queries.registry import Registry
from descentd.queries.retractions import RetractedOrigins, grounds


@dataclass(frozen=True, slots=True)
class ReviewState:
    """A review as it stands at a moment; `void` says why it does not count any more, None while it does.

    `who` is its person as persons are compared. `over`: whether it was retracted, or its time is over.
    """

    entry: Entry
    void: str | None
    who: str
    over: bool = False

    @property
    def decision(self) -> Decision:
        """What was decided."""
        return Decision(self.entry.record.content["decision"])

    @property
    def person(self) -> str:
        """Who decided."""
        return str(self.entry.record.content["by"])

    @property
    def claimed(self) -> bool:
        """Whether it is said to have been decided elsewhere: then it is shown, and counts for nothing."""
        return "claimed" in self.entry.record.content

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

    @property
    def sentence(self) -> str:
        """How many said GO, of how many that are needed, without a full stop."""
        if self.needed == 0:
            return f"{counted(len(self.people), 'person', 'people')} said GO, and no GO is needed"
        return f"{len(self.people)} of {counted(self.needed, 'person', 'people')} said GO"


def quorum(states: Iterable[ReviewState], environment: str, policy: Policy | None) -> Quorum:
    """The quorum of an environment; without a policy one person is enough to approve, though no gate opens."""
    people = {one.who: one.person for one in _standing(states, environment) if one.decision is Decision.GO}
    return Quorum(policy.quorum if policy else 1, tuple(sorted(people.values())))


def vetoes(states: Iterable[ReviewState], environment: str | None) -> list[ReviewState]:
    """The NO_GO that stand, in an environment or over all."""
    return [one for one in _standing(states, environment) if one.decision is Decision.NO_GO]


def veto_sentence(veto: ReviewState, states: Iterable[ReviewState], policy: Policy | None) -> str:
    """Who said NO_GO and why, how many say GO beside it, and who can lift it."""
    approval = quorum(states, veto.environment, policy)
    return (
        f"{veto.person} said NO_GO for {veto.environment}: {veto.entry.record.content['reason'].rstrip('.')}. "
        f"{capitalized(approval.sentence)} {veto.person} lifts it by another decision or by retracting it, an admin by "
        "retracting it once they hold no valid token."
    )


def lapsed(states: Iterable[ReviewState], environment: str | None = None) -> list[ReviewState]:
    """Each person's last decision, for an environment or each, where it does not count any more.

    Of one that is over the one before it, too, which does not count again. What is claimed of elsewhere is none.
    """
    last: dict[tuple[str, str], list[ReviewState]] = {}
    for one in states:
        if not one.claimed and environment in (None, one.environment):
            place = one.who, one.environment
            before = [each for each in last.pop(place, ()) if not each.over] if one.over else []
            last[place] = [*before, one]
    return [one for told in last.values() for one in told if one.void]


def _standing(states: Iterable[ReviewState], environment: str | None) -> list[ReviewState]:
    return [one for one in states if one.void is None and environment in (None, one.environment)]


async def reviews(
    registry: Registry,
    versions: Sequence[int],
    upto: int,
    moment: int | None = None,
    edition: int = EDITION,
    proposed: Policy | None = None,
) -> Mapping[int, list[ReviewState]]:
    """Every review of each version, oldest first, as it stands at a sequence and a moment (now unless given).

    `edition` says how the gate judges, see EDITION; `proposed` is a policy taken for the one in force where it is for.
    """
    links = await registry.store.links(versions, {Role.DECIDES_ON}, inward=True)
    about = {link.source: link.target for link in links if link.source <= upto}
    decided: defaultdict[int, list[Entry]] = defaultdict(list)
    for entry in await registry.store.entries(sorted(about)):
        if entry.record.kind is Kind.REVIEW:
            decided[about[entry.sequence]].append(entry)
    if not decided:
        return {version: [] for version in versions}
    known = await _known(registry, decided, upto, clock.now() if moment is None else moment, edition, proposed)
    return {version: known.states(version, decided.get(version, ())) for version in versions}


@dataclass(frozen=True, slots=True)
class _Known:
    """What decides whether reviews count: as known at the sequence `upto`, at a moment."""

    evidence: Mapping[int, Evidence]
    grounds: Mapping[int, RetractedOrigins]
    retracted: Collection[str]
    policies: Mapping[str, Policy]
    upto: int
    moment: int
    edition: int

    def states(self, version: int, entries: Sequence[Entry]) -> list[ReviewState]:
        """The reviews of one version as they stand; `entries` are all of them, oldest first."""
        # What is claimed of elsewhere is no decision of whoever recorded it, and takes the place of none.
        own = (entry for entry in entries if "claimed" not in entry.record.content)
        last = {self._place(entry): entry for entry in own}
        return [
            ReviewState(
                entry,
                self._void(entry, version, last.get(self._place(entry), entry)),
                self._person(entry),
                self._over(entry) is not None,
            )
            for entry in entries
        ]

    def _person(self, entry: Entry) -> str:
        person: str = entry.record.content["by"]
        return person_key(person) if self.edition > 1 else person

    def _place(self, entry: Entry) -> tuple[str, str]:
        return self._person(entry), entry.record.content["environment"]

    def _void(self, entry: Entry, version: int, last: Entry) -> str | None:
        """Why a review does not count any more; `last` is the newest of its person for its environment."""
        content, over = entry.record.content, self._over(entry)
        if entry.record.id in self.retracted:
            return f"it {over}"
        if "claimed" in content:
            claimed = content["claimed"]
            return f"it is claimed to have been decided elsewhere, by {claimed['by']} ({claimed['source']})"
        if last.sequence > entry.sequence:
            return self._replaced(content["by"], last)
        if over is not None:
            return f"it {over}"
        return self._void_go(content, version) if content["decision"] == Decision.GO else None

    def _over(self, entry: Entry) -> str | None:
        """That a review was retracted, or that its time is over; None where neither is so."""
        if entry.record.id in self.retracted:
            return "was retracted"
        until = entry.record.content.get("expiresAt")
        return f"expired at {until}" if until is not None and instant(until) <= self.moment else None

    def _replaced(self, person: str, last: Entry) -> str:
        """Why what a person decided before does not count, nor counts again where the later decision is over."""
        over = self._over(last)
        if over is None:
            return f"{person} decided again"
        return (
            f"{person} decided again, and though that later decision {over}, it took the place of this one for good: "
            "a new one is needed"
        )

    def _void_go(self, content: Content, version: int) -> str | None:
        """Why a GO does not count any more though its person stands by it: it was about something else."""
        if content["subject"] in self.retracted and self.edition > 1:
            return "the version was retracted"
        lost = self.grounds[version].lost(content["sequence"], self.upto) if self.edition > 2 else ()
        if lost:
            were = "was" if len(lost) == 1 else "were"
            return f"{conjunction([brief.ref for brief in lost])}, which it came from, {were} retracted"
        come, gone = self.evidence[version].changes(content["sequence"], self.upto)
        if come or gone:
            return _changed(come, gone)
        policy = self.policies.get(content["environment"])
        if content.get("policyDigest") != (policy.digest if policy else None):
            return f"the policy of {content['environment']} is another now"
        return None


async def _known(
    registry: Registry,
    decided: Mapping[int, Sequence[Entry]],
    upto: int,
    moment: int,
    edition: int,
    proposed: Policy | None,
) -> _Known:
    contents = {entry.record.id: entry.record.content for entries in decided.values() for entry in entries}
    ids = contents.keys() | {content["subject"] for content in contents.values()}
    environments = {content["environment"] for content in contents.values()}
    in_force = await policies_in_force(registry.store, environments, upto)
    return _Known(
        await evidence(registry, list(decided), upto),
        await grounds(registry, list(decided), upto),
        await retracted_ids(registry.store, ids, upto),
        in_force if proposed is None else {**in_force, proposed.environment: proposed},
        upto,
        moment,
        edition,
    )


def _changed(come: Sequence[Entry], gone: Sequence[Entry]) -> str:
    """What happened to the evidence, in words."""
    parts = [f"{counts(map(_called, come))} came after it"] if come else []
    parts += [f"{counts(map(_called, gone))} no longer count{'s' * (len(gone) == 1)}"] if gone else []
    return " and ".join(parts)


def _called(entry: Entry) -> str:
    if entry.record.kind is Kind.INCIDENT and "supersedes" in entry.record.content:
        return "resolution"
    return kind_name(entry.record.kind)

"""The history of a record: its registration and every statement about it since."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from descentd.graph.model.identity import Content
from descentd.graph.model.kinds import Kind, Role
from descentd.graph.model.log import Entry
from descentd.graph.model.names import four_digit_year
from descentd.graph.model.records import Brief
from descentd.queries.pages import Listed, page
from descentd.queries.prose import conjunction, counted
from descentd.queries.registry import Registry

STATEMENTS = frozenset(
    {
        Role.EVALUATES,
        Role.EVALUATED_ON,
        Role.DESCRIBES,
        Role.ABOUT,
        Role.DEPLOYS,
        Role.DECIDES_ON,
        Role.AFFECTS,
        Role.SUPERSEDES,  # what resolves, ends, clears or revises it
    }
)


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a history, with a summary in one sentence."""

    entry: Entry
    summary: str


async def history(
    registry: Registry, ref: str, first: int | None, after: str | None, as_of: str | None = None
) -> Listed[Event]:
    """The history of a record; raises NotFound and InvalidInput."""
    asked = page(first, after, await registry.sequence(as_of, [ref]), ["history", ref, as_of])
    of = await registry.find(ref, asked.upto)
    sequences = await happened(registry, of, asked.upto)
    rest = [sequence for sequence in sequences if asked.after is None or sequence > asked.after[0]]
    entries = await registry.store.entries(rest[: asked.first])
    events = [(Event(entry, summary(entry)), asked.cursor(entry.sequence)) for entry in entries]
    return Listed(events, len(rest) > asked.first, asked.upto, len(sequences))


async def happened(registry: Registry, of: Brief, upto: int) -> list[int]:
    """The sequences of all events of the history of a record, in log order."""
    links = await registry.store.links([of.sequence], STATEMENTS, inward=True)
    return sorted({of.sequence, *(link.source for link in links if link.source <= upto)})


def summary(entry: Entry) -> str:
    """One sentence that says what an entry recorded."""
    record = entry.record
    sentence = _SENTENCES.get(record.kind)
    return sentence(record.content) if sentence else f"{record.kind.capitalize().replace('_', ' ')} registered."


def _evaluation(content: Content) -> str:
    """The first values for everybody, of groups where there are no others; and how many more there are of either."""
    suite, metrics = content["suite"], content["metrics"]
    whole = [metric for metric in metrics if not metric.get("slice")]
    named = [_value(metric) for metric in whole or metrics]
    rest = [f"{len(named) - 3} more"] if len(named) > 3 else []
    if groups := len(metrics) - len(named):
        rest.append(f"{counted(groups, 'value')} of groups")
    return f"Evaluated with {suite['name']} {suite['version']}: {conjunction([*named[:3], *rest])}."


def _value(metric: Content) -> str:
    group = ", ".join(f"{part['attribute']} {part['value']}" for part in metric.get("slice", ()))
    return f"{metric['name']} {metric['value']:.6g}" + (f" for {group}" if group else "")


def _profile(content: Content) -> str:
    again = "revised" if "supersedes" in content else "recorded"
    reason = f": {content['reason']}" if "reason" in content else "."
    return f"Safety profile {again}{reason}"


def _population(content: Content) -> str:
    again = "corrected" if "supersedes" in content else "recorded"
    listed = counted(len(content.get("population", ())), "value")
    reason = f": {content['reason']}" if "reason" in content else "."
    return f"Population {again} ({content['populationDocumented'].lower()}, {listed}){reason}"


def _entity(content: Content) -> str:
    label = f"{content['name']}@{content['version']}"
    parents = len(content.get("parents") or content.get("derivedFrom") or ())
    came = f", derived from {parents} other{'s' if parents > 1 else ''}" if parents else ""
    return f"{label} registered{came}."


def _review(content: Content) -> str:
    said = f"said {content['decision']} for {content['environment']}"
    if "claimed" in content:
        return f"{content['by']} recorded that {_claimed(content)} {said} elsewhere: {content['reason']}"
    return f"{content['by']} {said}: {content['reason']}"


def _claimed(content: Content) -> str:
    """Who is claimed to have acted, and where that can be found."""
    return f"{content['claimed']['by']} ({content['claimed']['source']})"


def _deployment(content: Content) -> str:
    place = f"{content['endpoint']} in {content['environment']}"
    if "supersedes" in content:
        return f"Ended at {place} by {content['by']} as of {four_digit_year(content['until'])}: {content['reason']}"
    if "claimed" in content:
        return (
            f"Claimed to have served at {place} as of {four_digit_year(content['since'])} by {_claimed(content)}; "
            f"{content['by']} recorded that."
        )
    return f"Deployed at {place} by {content['by']} as of {four_digit_year(content['since'])}."


def _incident(content: Content) -> str:
    if "supersedes" in content:
        return (
            f"Incident resolved by {content['by']} as of {four_digit_year(content['resolvedAt'])}: {content['reason']}"
        )
    return f"Incident ({content['severity'].lower()}) at {four_digit_year(content['openedAt'])}: {content['title']}"


def _flag(content: Content) -> str:
    done = "Flags cleared" if content["action"] == "CLEAR" else f"Flagged {content['action']}"
    return f"{done} by {content['by']}: {content['reason']}"


def _gate_decision(content: Content) -> str:
    unmet = [rule["name"] for rule in content["rules"] if rule["outcome"] != "PASSED"]
    told = f": {', '.join(unmet)}" if unmet else ""
    return f"The gate of {content['environment']} said {content['outcome']}{told}."


def _policy(content: Content) -> str:
    names = ", ".join(rule["name"] for rule in content["rules"])
    return f"Policy of {content['environment']} put in force, with quorum {content['quorum']} and these rules: {names}."


_SENTENCES: Final[Mapping[Kind, Callable[[Content], str]]] = {
    Kind.MODEL_VERSION: _entity,
    Kind.DATASET: _entity,
    Kind.PARTITION: lambda content: f"Partition {content['name']} of {content['dataset']} registered.",
    Kind.EVALUATION: _evaluation,
    Kind.SAFETY_PROFILE: _profile,
    Kind.POPULATION: _population,
    Kind.VULNERABILITY: lambda content: f"Weakness documented ({content['severity'].lower()}): {content['title']}",
    Kind.REVIEW: _review,
    Kind.FLAG: _flag,
    Kind.POLICY: _policy,
    Kind.GATE_DECISION: _gate_decision,
    Kind.PROMOTION: lambda content: f"Promoted to {content['environment']} by {content['by']}.",
    Kind.DEPLOYMENT: _deployment,
    Kind.INCIDENT: _incident,
    Kind.RETRACTION: lambda content: f"Retracted by {content['by']}: {content['reason']}",
    Kind.DISCLOSURE: lambda content: f"Lineage disclosed (source: {content['source']}): {content['reason']}",
    Kind.TENSOR_DIGESTS: lambda content: (
        f"Digests of {counted(len(content['tensors']), 'tensor')} of {content['artifact']} stated."
    ),
    Kind.SIGNATURE: lambda content: (
        f"Signature over {counted(len(content['files']), 'file')} verified with key {content['key']}."
    ),
    Kind.NOTE: lambda content: f"Note by {content['author']}: {content['text']}",
}

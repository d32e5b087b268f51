"""The rules of entry: what the content of a new record must not have, and which registered records break a rule.

The rules hold for new records only. Registering identical content again and importing a log keep what is there, also
where it breaks a rule that was made later; `broken_rules` lists such records.
"""

import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from descentd.graph.metrics import MetricDefinition, catalogue, with_catalogue_range
from descentd.graph.model.accounts import fault_in_person
from descentd.graph.model.clock import AHEAD
from descentd.graph.model.identity import Content
from descentd.graph.model.kinds import Kind
from descentd.graph.model.log import Entry
from descentd.graph.model.names import fault_in_new_name, fault_in_order, instant
from descentd.graph.model.records import Record
from descentd.graph.refusals import fault_in_refusals
from descentd.graph.store.base import Store

_OVERRIDES: Final = re.compile(rb"\xe2\x80[\xad\xae]")
"""`characters.OVERRIDES` in UTF-8, as bodies of records have it."""
_DATA: Final = frozenset({"parameters", "config", "labels"})
"""Fields that hold any JSON."""
_CHUNK: Final = 1000
"""Entries that are read at a time."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A rule that a record breaks: the field of its content, in GraphQL names, and what to do about it."""

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class BrokenRule:
    """A rule that a registered record breaks; `ref` is the record's label where it has one, else its id."""

    sequence: int
    kind: Kind
    ref: str
    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Rules:
    """What rules are applied with: the definition of a metric by name, and the present moment in microseconds."""

    definition: Callable[[str], MetricDefinition | None]
    now: int


def faults(record: Record, rules: Rules) -> Iterator[Fault]:
    """Every rule of entry that a record breaks, in the order of its fields."""
    check = _CHECKS.get(record.kind)
    if check is not None:
        yield from check(record.content, rules)
    if _OVERRIDES.search(record.body):  # which is in nearly none
        yield from _in_order(record.content)


def _in_order(part: Any, field: str = "") -> Iterator[Fault]:
    """No text shows a part of itself in the other order; what is data, such as settings, holds whatever it does."""
    if isinstance(part, str):
        if fault := fault_in_order(part):
            yield Fault(field, f"The text {fault}.")
    elif isinstance(part, Mapping):
        for name, value in part.items():
            if name not in _DATA:
                yield from _in_order(value, f"{field}.{name}" if field else name)
    elif isinstance(part, Sequence):
        for i, value in enumerate(part):
            yield from _in_order(value, f"{field}[{i}]")


def fault_in_value(definition: MetricDefinition, value: float) -> str | None:
    """Why a metric cannot have a value; None where it is in the metric's range."""
    least, most = definition.range
    if least <= value <= most:
        return None
    advice = "check the value, or define a metric with a range of its own"
    if most <= 1 < abs(value) <= 100 and least <= value / 100:
        # A percentage just above 1 is less likely than a value that is wrong: that is looked at first.
        sure = abs(value) > 2
        advice = f"send it as a fraction, {value / 100:g} for {value:g} %"
        advice = advice if sure else f"check the value; if it is a percentage, {advice}"
    bounds = f"from {least:g} to {most:g}" if most < float("inf") else f"{least:g} or more"
    if least == float("-inf"):
        bounds = f"{most:g} or less"
    return f"{definition.name} is {bounds}, but {value:g} was given: {advice}."


def fault_in_error(definition: MetricDefinition, stderr: float) -> str | None:
    """Why a metric's value cannot have a standard error; None where it can.

    What lies in a range has a standard deviation of at most half of it (Popoviciu), and its mean no larger error.
    """
    least, most = definition.range
    largest = (most - least) / 2
    if stderr <= largest:
        return None
    advice = "check it"
    if most <= 1 and stderr / 100 <= largest:
        advice = f"send it as a fraction, {stderr / 100:g} for {stderr:g} percentage points"
    return (
        f"The standard error of {definition.name} is at most {largest:g}, half of its range, but {stderr:g} was given: "
        f"{advice}."
    )


def may_count(result: Content, definition: MetricDefinition, suite: Content) -> bool:
    """Whether a result keeps the rules that answers rest on: what is older than a rule and breaks it clears nothing."""
    if fault_in_refusals(suite, definition):
        return False
    least, most = definition.range
    return (
        least <= result["value"] <= most
        and result.get("n") != 0
        and result.get("stderr", 0) <= (most - least) / 2
        and all(part == part.strip() for pair in result.get("slice", ()) for part in pair.values())
    )


def of_the_future(evaluation: Content, now: int) -> bool:
    """Whether an evaluation claims a moment that is more than `AHEAD` seconds after `now` (microseconds)."""
    return "evaluatedAt" in evaluation and instant(evaluation["evaluatedAt"]) > now + AHEAD * 1_000_000


def _names(content: Content, *fields: str) -> Iterator[Fault]:
    for field in fields:
        fault = fault_in_new_name(content[field]) if field in content else None
        if fault:
            yield Fault(field, f"The {field} {content[field]!r} {fault}.")


def _within(field: str, found: Iterator[Fault]) -> Iterator[Fault]:
    return (Fault(f"{field}.{fault.field}", fault.message) for fault in found)


def _distinct(field: str, derivations: Sequence[Content]) -> Iterator[Fault]:
    """No parent is given twice: it would count twice in a list and once in the graph."""
    first: dict[str, int] = {}
    for i, derivation in enumerate(derivations):
        earlier = first.setdefault(derivation["node"], i)
        if earlier != i:
            yield Fault(
                f"{field}[{i}].ref",
                f"This parent is given twice, here and as {field}[{earlier}]: give it once, with its relation.",
            )


def _trimmed(field: str, pairs: Sequence[Content]) -> Iterator[Fault]:
    """Attributes and values have no outer spaces, which make another group of what looks the same."""
    for i, pair in enumerate(pairs):
        for part in ("attribute", "value"):
            text = pair.get(part) or ""
            if text != text.strip():
                yield Fault(f"{field}[{i}].{part}", f"The {part} {text!r} begins or ends with a space: trim it.")


def _version(content: Content, _: Rules) -> Iterator[Fault]:
    yield from _names(content, "name", "version")
    yield from _distinct("parents", content.get("parents", ()))
    for i, intervention in enumerate(content.get("interventions", ())):
        yield from _trimmed(f"interventions[{i}].targets", intervention.get("targets", ()))


def _dataset(content: Content, _: Rules) -> Iterator[Fault]:
    yield from _names(content, "name", "version")
    yield from _distinct("derivedFrom", content.get("derivedFrom", ()))


def _partition(content: Content, _: Rules) -> Iterator[Fault]:
    yield from _names(content, "name")


def _metric(content: Content, _: Rules) -> Iterator[Fault]:
    yield from _names(content, "name")


def _evaluation(content: Content, rules: Rules) -> Iterator[Fault]:
    yield from _within("suite", _names(content["suite"], "name", "version"))
    if of_the_future(content, rules.now):
        yield Fault(
            "evaluatedAt",
            f"{content['evaluatedAt']} is more than {AHEAD} seconds ahead of the registry's clock: give the moment of "
            "the evaluation, in UTC or with its offset.",
        )
    if fault := fault_in_person(content.get("evaluator", "nobody")):
        yield Fault("evaluator", f"The evaluator {content['evaluator']!r} {fault}.")
    for i, metric in enumerate(content.get("metrics", ())):
        definition = rules.definition(metric["name"])
        if definition is not None and (message := fault_in_refusals(content["suite"], definition)):
            yield Fault(f"metrics[{i}].name", message)
        # Most results keep every rule, and this says so at a fraction of the cost.
        if definition is None or "pairedWith" in metric or not may_count(metric, definition, content["suite"]):
            yield from _within(f"metrics[{i}]", _result(metric, rules))
        elif fault := fault_in_new_name(metric["name"]):
            yield Fault(f"metrics[{i}].name", f"The name {metric['name']!r} {fault}.")
    yield from _once(content.get("metrics", ()), rules)


def _once(metrics: Sequence[Content], rules: Rules) -> Iterator[Fault]:
    """No metric is given twice for one slice, under two names or in two cases: one of the two would count, or both."""
    first: dict[tuple[str, tuple[tuple[str, str], ...]], Content] = {}
    for i, metric in enumerate(metrics if len(metrics) > 1 else ()):
        definition = rules.definition(metric["name"])
        name = metric["name"] if definition is None or definition.alias_of is None else definition.alias_of
        slice = sorted((part["attribute"].casefold(), part["value"].casefold()) for part in metric.get("slice", ()))
        earlier = first.setdefault((name.casefold(), tuple(slice)), metric)
        if earlier is not metric:
            also = "in another case" if earlier["name"] == metric["name"] else f"as {earlier['name']} too"
            yield Fault(f"metrics[{i}].name", f"{metric['name']} is given twice for one slice, {also}: give it once.")


def _result(metric: Content, rules: Rules) -> Iterator[Fault]:
    yield from _names(metric, "name")
    yield from _in_range(metric, "value", metric["name"], rules)
    definition = rules.definition(metric["name"])
    if "stderr" in metric and definition is not None and (message := fault_in_error(definition, metric["stderr"])):
        yield Fault("stderr", message)
    if metric.get("n") == 0:
        yield Fault("n", "A result over 0 items measured nothing: leave the metric out, or give the number of items.")
    yield from _trimmed("slice", metric.get("slice", ()))
    for i, pair in enumerate(metric.get("pairedWith", ())):
        if "n01" in pair and definition is not None and not definition.is_rate:
            yield Fault(
                f"pairedWith[{i}].n01",
                f"n01 and n10 count right and wrong items, and {metric['name']} is not a rate: give "
                "differenceVariance.",
            )


def _in_range(content: Content, field: str, metric: str, rules: Rules) -> Iterator[Fault]:
    definition = rules.definition(metric)
    if field in content and definition is not None and (message := fault_in_value(definition, content[field])):
        yield Fault(field, message)


def _population(content: Content, _: Rules) -> Iterator[Fault]:
    shares = content.get("population", ())
    yield from _trimmed("population", shares)
    if content["populationDocumented"] == "COMPLETE" and shares and all(share.get("share") == 0 for share in shares):
        yield Fault(
            "population",
            "A COMPLETE list of nothing but shares of 0 says that nobody is in the data: list who is, or say PARTIAL.",
        )


def _profile(content: Content, rules: Rules) -> Iterator[Fault]:
    yield from _trimmed("knownBiases", content.get("knownBiases", ()))
    for i, claim in enumerate(content.get("claims", ())):
        for bound in ("atLeast", "atMost"):
            yield from _within(f"claims[{i}]", _in_range(claim, bound, claim["metric"], rules))
        yield from _trimmed(f"claims[{i}].slice", claim.get("slice", ()))


def _vulnerability(content: Content, rules: Rules) -> Iterator[Fault]:
    if probe := content.get("probe"):
        yield from _within("probe.suite", _names(probe["suite"], "name", "version"))
        yield from _within("probe", _in_range(probe, "threshold", probe["metric"], rules))
        definition = rules.definition(probe["metric"])
        if definition is not None and (message := fault_in_refusals(probe["suite"], definition)):
            yield Fault("probe.metric", message)
        yield from _trimmed("probe.slice", probe.get("slice", ()))


def _disclosure(content: Content, _: Rules) -> Iterator[Fault]:
    yield from _distinct("parents", content.get("parents", ()))


_CHECKS: Final[Mapping[Kind, Callable[[Any, Rules], Iterator[Fault]]]] = {
    Kind.MODEL_VERSION: _version,
    Kind.DATASET: _dataset,
    Kind.PARTITION: _partition,
    Kind.METRIC_DEFINITION: _metric,
    Kind.EVALUATION: _evaluation,
    Kind.POPULATION: _population,
    Kind.SAFETY_PROFILE: _profile,
    Kind.VULNERABILITY: _vulnerability,
    Kind.DISCLOSURE: _disclosure,
}


async def broken_rules(store: Store, progress: Callable[[int, int], None] | None = None) -> AsyncIterator[BrokenRule]:
    """Every rule of entry that a registered record breaks, in the order of the log.

    Moments are compared with the moment at which the record was registered. `progress` is called with the number of
    records that were read and the number that there are. Raises Unavailable while the store cannot be reached.
    """
    definitions: dict[str, MetricDefinition] = dict(catalogue())
    last = await store.sequence()
    for first in range(1, last + 1, _CHUNK):
        sequences = range(first, min(first + _CHUNK, last + 1))
        for entry in await store.entries(sequences):
            if entry.record.kind is Kind.METRIC_DEFINITION:
                definition = with_catalogue_range(MetricDefinition.of(entry.record.content))
                definitions[definition.name] = definition
            for fault in _faults_of_entry(entry, Rules(definitions.get, entry.recorded_at)):
                ref = entry.record.label or entry.record.id
                yield BrokenRule(entry.sequence, entry.record.kind, ref, fault.field, fault.message)
        if progress:
            progress(sequences[-1], last)


def _faults_of_entry(entry: Entry, rules: Rules) -> list[Fault]:
    found = list(faults(entry.record, rules))
    if fault := fault_in_person(entry.recorded_by):
        found.append(Fault("recordedBy", f"The person's name {entry.recorded_by!r} {fault}."))
    return found

"""Registering a manifest in four phases: its references are resolved, its records built and checked, and written.

All of it is registered or nothing. Building and checking happen under the lock that orders all writes, perhaps more
than once, and only read.
"""

import re
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from descentd.graph.inputs.base import as_given
from descentd.graph.inputs.manifest import ManifestInput
from descentd.graph.model import clock
from descentd.graph.model.errors import Cycle, DescentError, Invalid, InvalidInput
from descentd.graph.model.records import Record
from descentd.graph.registration.builder import RecordBuilder, distinct, together
from descentd.graph.registration.conflicts import conflicting_keys, conflicts
from descentd.graph.registration.cycles import check_cycles
from descentd.graph.registration.disclosures import Disclosures
from descentd.graph.registration.entities import Entities
from descentd.graph.registration.entry_rules import Rules, faults
from descentd.graph.registration.manifest_index import ManifestIndex
from descentd.graph.registration.metric_scope import MetricScope
from descentd.graph.registration.partial_manifest import partial_manifest
from descentd.graph.registration.statements import ArtifactStatements, Statements, referred
from descentd.graph.registration.warnings import look_alike_keys, warnings, warnings_of_retracted
from descentd.graph.store.base import Proposal, Reads, Wanted
from descentd.graph.store.committer import Committer
from descentd.graph.turns import each, in_thread


@dataclass(frozen=True, slots=True)
class Registered:
    """The distinct records of a manifest in order of first mention, and the ids of those that are new.

    `warnings` are sentences about what was registered and may be a mistake.
    """

    records: Sequence[Record]
    created: frozenset[str]
    warnings: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What registering a manifest comes to over one state of the store.

    `new` are the records to be added, each after what it refers to, and `created` their ids; `mentions` holds each
    record as often as the manifest mentions it, with the field.
    """

    new: Sequence[Record]
    created: frozenset[str]
    mentions: Sequence[tuple[str, Record]]


async def plan(manifest: ManifestInput, reads: Reads, left_out: Collection[str] = ()) -> Plan:
    """Resolve, build and check a manifest.

    `left_out` are the names of what else is in the manifest and could not be read. Raises Cycle, and Invalid with every
    problem that was found.
    """
    scope = await MetricScope.read(manifest, reads, frozenset(left_out))
    builder = await _build(manifest, reads, scope, frozenset(left_out))
    new = await _check(reads, builder, manifest, Rules(scope.definition, clock.now()))
    return Plan(new, frozenset(record.id for record in new), builder.mentions)


async def _build(manifest: ManifestInput, reads: Reads, scope: MetricScope, left_out: frozenset[str]) -> RecordBuilder:
    index = ManifestIndex(manifest, left_out)
    ordered = index.ordered()
    builder = RecordBuilder(index, await reads.resolve(set(_refs(manifest, index))))
    for i, metric in enumerate(manifest.metrics or ()):
        with builder.problem_at(f"metrics[{i}]"):
            scope.check_definition(metric, f"metrics[{i}]", builder.problem_at)
            builder.add(f"metrics[{i}]", scope.defined[metric.name])
    await Entities(manifest, reads, builder).build(ordered)
    await Statements(reads, scope, index, builder).build(manifest)
    await Disclosures(reads, builder).build(manifest.disclosures or ())
    await ArtifactStatements(reads, builder).build(manifest)
    return builder


def _refs(manifest: ManifestInput, index: ManifestIndex) -> Iterator[str]:
    for item in index.items.values():
        yield from (ref for _, ref in item.refs)
    yield from referred(manifest)


async def _check(reads: Reads, builder: RecordBuilder, manifest: ManifestInput, rules: Rules) -> list[Record]:
    """The records that are new; raises Invalid with all problems, of building too."""
    records = builder.records
    # What has a label is registered under it, with this content or another.
    names = {record.id if record.label is None else record.label for record in records.values()}
    await reads.prefetch(lambda: Wanted(names, conflicting_keys(records.values()), look_alike_keys(records.values())))
    held = await reads.resolve(names)
    registered = {brief.id for brief in held.values()}
    for id, conflict in (await conflicts(reads, records, held)).items():
        conflict.field = builder.field_of(id)
        builder.problems.append(conflict)
    new = [record for id, record in records.items() if id not in registered]
    async for record in each(new):
        for fault in faults(record, rules):
            builder.problems.append(InvalidInput(fault.message, f"{builder.field_of(record.id)}.{fault.field}"))
    for problem in builder.problems:
        problem.field = problem.field and as_given(manifest, problem.field)
    builder.raise_problems()
    await check_cycles(reads, new, builder.field_of)
    return new


def register(committer: Committer, manifest: ManifestInput, person: str) -> Coroutine[Any, Any, Registered]:
    """Register a manifest in one transaction, all of it or nothing; to be awaited.

    The order of several is that of the calls: tasks of a request that computes for long begin in any order. Raises
    Invalid with every problem that was found, Cycle, and Unavailable.
    """
    warned: Sequence[str] = ()

    async def warn(reads: Reads, planned: Plan) -> None:
        nonlocal warned
        registered = [record for record in distinct(planned.mentions) if record.id not in planned.created]
        warned = [*await warnings(reads, planned.new), *await warnings_of_retracted(reads, registered)]

    writing = write(committer, manifest, person, warn)

    async def registered() -> Registered:
        written = await writing
        return Registered(distinct(written.mentions), written.created, warned)

    return registered()


def write(
    committer: Committer,
    manifest: ManifestInput,
    person: str,
    look: Callable[[Reads, Plan], Awaitable[None]] | None = None,
) -> Coroutine[Any, Any, Plan]:
    """Register a manifest and return the plan that was written; to be awaited, in the order and raising as `register`.

    `look` is called with the store as it is before that and with the plan.
    """
    planned: Plan | None = None

    async def draft(reads: Reads) -> Sequence[Record]:
        nonlocal planned
        planned = await plan(manifest, reads)
        if look is not None:
            await look(reads, planned)
        return planned.new

    done = committer.enqueue(Proposal(draft, person))

    async def written() -> Plan:
        await done
        assert planned is not None
        return planned

    return written()


async def with_all_problems(reads: Reads, wrong: Invalid) -> Invalid:
    """What is wrong with a manifest that could not be read, and with what can be read of it, in its order."""
    rest = await in_thread(partial_manifest, wrong.given)
    found: list[DescentError] = list(wrong.problems)
    try:
        await plan(rest.manifest, reads, rest.left_out)
    except (Invalid, Cycle) as error:
        for problem in error.problems if isinstance(error, Invalid) else [error]:
            problem.field = _in_place(problem.field, rest.places)
            found.append(problem)
    return together(found)


def _in_place(field: str | None, places: Mapping[str, Sequence[int]]) -> str | None:
    """A field of what could be read, as the whole manifest has it."""
    found = re.match(r"(\w+)\[(\d+)\]", field or "")
    if field is None or found is None:
        return field
    section, number = found.groups()
    return f"{section}[{places[section][int(number)]}]{field[found.end() :]}"

"""Recording acts: what a person did or decided at a moment; person and moment are part of the content.

Two people's GO are two records, and so is a rollback to what was deployed before. A repeat is the same act only with
the same `idempotencyKey` of the same person.
"""

from collections.abc import Awaitable, Callable, Sequence

from descentd.graph.model.clock import timestamp
from descentd.graph.model.derived import idempotency_key
from descentd.graph.model.errors import InvalidInput, NotFound, VersionConflict
from descentd.graph.model.identity import Content
from descentd.graph.model.kinds import Kind
from descentd.graph.model.records import Brief, Record
from descentd.graph.store.base import Proposal, Reads
from descentd.graph.store.committer import Committer

Draft = Callable[[Reads], Awaitable[Sequence[Record]]]


async def perform(committer: Committer, person: str, draft: Draft) -> Sequence[Record]:
    """Record an act and return the records that `draft` gave; those that are there already add nothing.

    `draft` runs under the lock that orders all writes, perhaps more than once, and only reads. Raises what it raises,
    and Unavailable.
    """
    performed: Sequence[Record] = ()

    async def propose(reads: Reads) -> Sequence[Record]:
        nonlocal performed
        performed = await draft(reads)
        known = await reads.resolve([record.id for record in performed])
        return [record for record in performed if record.id not in known]

    await committer.submit(Proposal(propose, person))
    return performed


def signed(content: Content, person: str) -> Content:
    """The content of an act with who does it, and when: now."""
    return content | {"by": person, "at": timestamp()}


async def name_all(reads: Reads, refs: Sequence[str], field: str, kinds: frozenset[Kind] | None = None) -> list[Brief]:
    """The records that refs of an act name, by one look-up.

    Raises NotFound, and InvalidInput for a record of none of `kinds`; both name `field` and the place in it.
    """
    found = await reads.resolve(refs)
    for i, ref in enumerate(refs):
        _check(ref, found.get(ref), f"{field}[{i}]", kinds)
    return [found[ref] for ref in refs]


async def name_one(reads: Reads, ref: str, field: str, kinds: frozenset[Kind] | None = None) -> Brief:
    """The record that a ref of an act names; raises as `name_all` does."""
    found = (await reads.resolve([ref])).get(ref)
    return _check(ref, found, field, kinds)


def _check(ref: str, found: Brief | None, field: str, kinds: frozenset[Kind] | None) -> Brief:
    if found is None:
        raise NotFound.of(ref, field)
    if kinds is not None and found.kind not in kinds:
        wanted = " or a ".join(sorted(kind.lower().replace("_", " ") for kind in kinds))
        raise InvalidInput(f"{found.ref} is a {found.kind.lower().replace('_', ' ')}: name a {wanted}.", field)
    return found


async def repeated(reads: Reads, kind: Kind, person: str, given: Content) -> Record | None:
    """The act of this kind that `person` recorded under the `idempotencyKey` of `given`, if there is one.

    Raises VersionConflict where that was another act: its content differs from what is given now.
    """
    if "idempotencyKey" not in given:
        return None
    key = idempotency_key(kind, person, given["idempotencyKey"])
    held = (await reads.find_by_keys([key])).get(key)
    if not held:
        return None
    record = (await reads.entries(held[:1]))[0].record
    differing = sorted(field for field, value in given.items() if record.content.get(field) != value)
    if differing:
        raise VersionConflict(
            f"The idempotencyKey stands for another act, with other {', '.join(differing)}: use a new key.",
            "idempotencyKey",
        )
    return record

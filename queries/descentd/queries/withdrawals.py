"""What was retracted, of all that a record is or came from: it stays on record, and whatever rests on it shows that."""

from collections.abc import Sequence
from dataclasses import dataclass

from descentd.graph.model.kinds import ENTITIES, Kind, Role
from descentd.graph.model.records import Brief
from descentd.queries.governance.probes import origins
from descentd.queries.registry import Registry


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """An entity that was retracted; `id` is that of the retraction, the first where there are several."""

    id: str
    of: Brief
    person: str
    reason: str

    @property
    def sentence(self) -> str:
        """What was retracted, by whom and why."""
        return f"{self.of.ref} was retracted by {self.person}: {self.reason.rstrip('.')}."


async def withdrawals(registry: Registry, upto: int) -> list[Withdrawal]:
    """Every entity that was retracted by a sequence, in the order of the retractions."""
    entries = await registry.all_of(Kind.RETRACTION, upto)
    ids = {id for entry in entries for id in entry.record.content["subjects"]}
    subjects = await registry.store.resolve(ids) if ids else {}
    found: dict[str, Withdrawal] = {}
    for entry in entries:
        content = entry.record.content
        for id in content["subjects"]:
            if subjects[id].kind in ENTITIES:
                found.setdefault(id, Withdrawal(entry.record.id, subjects[id], content["by"], content["reason"]))
    return list(found.values())


async def withdrawal(registry: Registry, record: Brief, upto: int) -> Withdrawal | None:
    """The retraction of an entity, where there is one by a sequence."""
    key = f"retracted:{record.id}"
    held = [sequence for sequence in (await registry.store.find_by_keys([key])).get(key, ()) if sequence <= upto]
    if not held:
        return None
    [entry] = await registry.store.entries(held[:1])
    return Withdrawal(entry.record.id, record, entry.record.content["by"], entry.record.content["reason"])


async def withdrawn_origins(registry: Registry, record: int, upto: int) -> Sequence[Withdrawal]:
    """What was retracted of all that a record came from; a dataset with each of its partitions."""
    found = await withdrawals(registry, upto)
    if not found:
        return ()
    above = {*await origins(registry, record, upto)}
    # A whole dataset starts from all its partitions, though it is no ancestor of what learned from one.
    included = await registry.store.links({one.of.sequence for one in found}, {Role.INCLUDES}, inward=False)
    above |= {link.source for link in included if link.target in above}
    return [one for one in found if one.of.sequence in above]

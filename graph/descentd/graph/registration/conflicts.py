"""Conflicts: a label has one content, and within a name a build has one label."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from descentd.graph.model.derived import is_identified
from descentd.graph.model.differences import differences
from descentd.graph.model.errors import DescentError, VersionConflict
from descentd.graph.model.identity import Content
from descentd.graph.model.kinds import Kind
from descentd.graph.model.records import Brief, Record
from descentd.graph.retractions import NEWEST, find_retractions
from descentd.graph.store.base import Reads
from descentd.graph.turns import each

_PARTS = {Kind.CODE: "code", Kind.CONFIG: "config", Kind.ENVIRONMENT: "environment"}
_LINEAGE = ("parents", "trainedOn", "generatedBy")
_SHOWN = 20


def conflicting_keys(drafted: Iterable[Record]) -> set[str]:
    """The keys by which conflicts of these records are looked for."""
    versions = [record for record in drafted if record.kind is Kind.MODEL_VERSION]
    return {key for record in versions for key in _build_keys(record)}


async def conflicts(reads: Reads, drafted: Mapping[str, Record], held: Mapping[str, Brief]) -> dict[str, DescentError]:
    """The conflicts that registering `drafted` (by id) would bring, by the id of the record that is refused.

    held: what the store holds under the labels of `drafted`.
    """
    # A partition whose content differs makes its dataset's content differ, and that is where it is reported.
    labelled = {r.label: r for r in drafted.values() if r.label is not None and r.kind is not Kind.PARTITION}
    clashing = {label: held[label] for label in labelled if label in held and held[label].id != labelled[label].id}
    found: dict[str, DescentError] = {}
    for label, brief in clashing.items():
        entry = (await reads.entries([brief.sequence]))[0]
        found[labelled[label].id] = await _clash(reads, label, entry.record, labelled[label], drafted)
    new = [r for label, r in labelled.items() if label not in held and r.kind is Kind.MODEL_VERSION]
    return found | await _rebuilt(reads, new)


async def _clash(reads: Reads, label: str, old: Record, new: Record, drafted: Mapping[str, Record]) -> DescentError:
    before, after = await _expanded(reads, old, {}), await _expanded(reads, new, drafted)
    changed = [str(difference) for difference in differences(before, after)]
    order = [", ".join(content.get("partitions", ())) for content in (before, after)]
    changed += [f"partitions: {order[0]} → {order[1]}"] if not changed and order[0] != order[1] else []
    shown = "; ".join(changed[:_SHOWN]) + (f"; and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else "")
    what = label.removeprefix("metric:")
    other = "name" if new.kind is Kind.METRIC_DEFINITION else "version"
    advice = f"register this under another {other}"
    if _adds_lineage_alone(before, after):
        advice = "disclose what became known later (`disclosures` in a manifest), or " + advice
    return VersionConflict(f"{what} is registered with other content ({shown}): {advice}.")


def _adds_lineage_alone(before: Content, after: Content) -> bool:
    """Whether `after` is `before` and further sources, which a disclosure can add to what is registered."""
    rest = [{field: value for field, value in content.items() if field not in _LINEAGE} for content in (before, after)]
    sources = [{field: content.get(field, []) for field in _LINEAGE} for content in (before, after)]
    kept = all(item in sources[1][field] for field in _LINEAGE for item in sources[0][field])
    return rest[0] == rest[1] and kept and sources[0] != sources[1]


async def _rebuilt(reads: Reads, versions: Sequence[Record]) -> dict[str, DescentError]:
    """New labels on builds that their name already has, in the store or earlier among the versions themselves."""
    builds: dict[str, str] = {}
    async for record in each(versions):
        builds.update((record.id, key) for key in _build_keys(record))
    holders = await reads.find_by_keys(set(builds.values())) if builds else {}
    briefs = await reads.briefs(sorted({sequence for held in holders.values() for sequence in held}))
    labels = {brief.sequence: brief.ref for brief in briefs}
    retracted = await _retractions_by_ref(reads, briefs)
    seen = {
        (key, labels[sequence].rpartition("@")[0]): labels[sequence]
        for key, held in holders.items()
        for sequence in reversed(held)
    }
    found: dict[str, DescentError] = {}
    for record in versions:
        if record.id not in builds:
            continue
        label = str(record.label)
        other = seen.setdefault((builds[record.id], label.rpartition("@")[0]), label)
        if other != label:
            found[record.id] = _same_build(label, other, retracted.get(other))
    return found


def _build_keys(version: Record) -> list[str]:
    return [key for key in version.keys if key.startswith("build:")] if is_identified(version.content) else []


async def _retractions_by_ref(reads: Reads, versions: Sequence[Brief]) -> dict[str, str]:
    """The id of the retraction of each version that is retracted, by ref."""
    retracted = (await find_retractions(reads, [brief.id for brief in versions])).at(NEWEST)
    return {brief.ref: retracted[brief.id].id for brief in versions if brief.id in retracted}


def _same_build(label: str, other: str, retraction: str | None) -> VersionConflict:
    if retraction is None:
        return VersionConflict(
            f"{label} is the same build as {other}, nothing changed: refer to {other}, or leave out the version."
        )
    return VersionConflict(
        f"{label} is the same build as {other}, nothing changed, and {other} is retracted: if that was a mistake, "
        f"retract the retraction {retraction}, and {other} stands again."
    )


async def _expanded(reads: Reads, record: Record, drafted: Mapping[str, Record]) -> Content:
    """The content with its parts in place of their ids and other ids as refs, for people to compare."""
    targets = {edge.target for edge in record.edges}
    briefs = await reads.resolve([target for target in targets if target not in drafted])
    kinds = {i: drafted[i].kind if i in drafted else briefs[i].kind for i in targets}
    inlined = [b.sequence for b in briefs.values() if b.kind in _PARTS or b.kind is Kind.PARTITION]
    contents = {entry.record.id: entry.record.content for entry in await reads.entries(inlined)}
    contents |= {i: drafted[i].content for i in targets if i in drafted}
    refs = {i: (drafted[i].label or i) if i in drafted else briefs[i].ref for i in targets}
    return {field: _inline(field, value, kinds, contents, refs) for field, value in record.content.items()}


def _inline(
    field: str, value: Any, kinds: Mapping[str, Kind], contents: Mapping[str, Content], refs: Mapping[str, str]
) -> Any:
    if field == "partitions":
        return {
            contents[i]["name"]: {k: v for k, v in contents[i].items() if k not in ("dataset", "name")} for i in value
        }
    if isinstance(value, str) and kinds.get(value) in _PARTS:
        return contents[value].get("parameters", contents[value])
    if isinstance(value, str):
        return refs.get(value, value)
    if isinstance(value, list):
        return [_inline(field, item, kinds, contents, refs) for item in value]
    if isinstance(value, dict) and "node" in value:
        return {**value, "node": refs[value["node"]]}
    return value

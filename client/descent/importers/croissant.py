"""Croissant metadata (MLCommons, 0.8 to 1.1, with RAI): datasets, their record sets and splits, and what they hold.

A record set becomes a partition, or each of its splits does. A partition is identified by the digest of its data, and
few Croissant files state that of a split. Where none is stated, the digest is that of the description: SHA-256 of the
JSON with sorted keys of {croissant: {name, version, url}, recordSet, files}, `files` with address, SHA-256, patterns
and archive of each. It names the partition, and proves nothing of the bytes; what was imported says which it is.
"""

from collections.abc import Iterator
from typing import Any, Final

from descent.importers.at import At
from descent.importers.croissant_records import Part, Records
from descent.importers.draft import UNSTATED, Context, Draft, Unit, sha256_of
from descent.importers.json_ld import identity, of, text, texts, types
from descent.importers.reading import Sources, read_json, refused
from descent.names import fault_in_name, fault_in_new_name

_SUFFIXES: Final = (".json", ".jsonld")
_COVERAGE: Final = (
    ("inLanguage", "language"),
    ("spatialCoverage", "spatial_coverage"),
    ("temporalCoverage", "temporal_coverage"),
)
"""Properties of schema.org that say whom and what the data is about, and the attributes that they become."""

_RAI: Final = "rai:"
_NO_RECORD: Final = ("prov:wasGeneratedBy", "prov:wasAssociatedWith", "prov:isAssociatedWith", "prov:wasAttributedTo")
_ADDRESSES: Final = ("https://huggingface.co/datasets/", "https://www.kaggle.com/datasets/")


def find(path: str, sources: Sources) -> Iterator[Unit]:
    """Yield each file."""
    for file in sources.files(path, _SUFFIXES):
        yield Unit(str(file), (file,))


def convert(unit: Unit, context: Context) -> Draft:
    """Return the dataset that a file describes."""
    if context.model is not None:
        raise refused("--model", "Croissant describes data and no version of a model: leave --model out.")
    root = _dataset(read_json(unit.files[0]))
    draft = Draft(unit.source)
    name, version = _label(root, draft, context)
    told = {
        "license": ", ".join(texts(of(root, "license"))),
        "uri": text(of(root, "url")),
        "description": text(of(root, "description")),
    }
    entry: dict[str, Any] = {"name": name, "version": version} | {key: one for key, one in told.items() if one}
    records = Records(root)
    partitions = [_partition(part, root, draft, (name, version)) for part in records.parts()]
    _populations(root, partitions, draft)
    if partitions:
        entry["partitions"] = partitions
    ref = f"dataset:{name}@{version}"
    if parents := _parents(root, draft, ref):
        entry["derivedFrom"] = parents
    draft.add("datasets", entry, root.place or "name", ref + _summary(partitions, parents))
    for place, why in records.unplaced:
        draft.skip(place, why)
    _notes(root, draft, ref)
    _say_what_is_left(root, draft)
    return draft


def _dataset(root: At) -> At:
    """Return the node that describes the dataset."""
    nodes = list(root.at("@graph").items()) if isinstance(root.at("@graph").value, list) else [root]
    found = [node for node in nodes if isinstance(node.value, dict) and "Dataset" in types(node)]
    if not found:
        raise root.fault("This is not a Croissant file: it describes no sc:Dataset.")
    node = found[0]
    conforms = any("croissant" in one.lower() for one in texts(of(node, "conformsTo", "dct:conformsTo")))
    if not (conforms or of(node, "distribution") or of(node, "recordSet", "recordset")):
        raise node.fault(
            "This describes a dataset, and not by Croissant: no `distribution`, `recordSet`, `conformsTo`."
        )
    return node


def _label(root: At, draft: Draft, context: Context) -> tuple[str, str]:
    name = text(of(root, "name"))
    if name is None:
        raise of(root, "name").fault("The dataset has no name.")
    version = text(of(root, "version"))
    if said := context.datasets.get(f"{name}@{version}") or context.datasets.get(name):
        name, _, given = said.partition("@")
        return name, given or version or UNSTATED
    for what, part in (("name", name), ("version", version or UNSTATED)):
        if fault := fault_in_name(part) or fault_in_new_name(part):
            hint = "or name the dataset under `datasets` in a --mapping file"
            raise of(root, what).fault(f'The {what} "{part}" {fault}, {hint}.')
    if version is None:
        draft.skip("version", f"The file states none: it is recorded as {UNSTATED}.")
    return name, version or UNSTATED


# ---------------------------------------------------------------- partitions


def _partition(part: Part, root: At, draft: Draft, label: tuple[str, str]) -> dict[str, Any]:
    name = part.name.replace("@", "%40").replace("#", "%23")
    if fault := fault_in_name(name) or fault_in_new_name(name):
        raise part.at.fault(f'The name "{name}" {fault}.')
    described = {"name": label[0], "version": label[1], "url": text(of(root, "url"))}
    digest = part.digest or sha256_of({"croissant": described, "recordSet": part.name, "files": list(part.files)})
    entry: dict[str, Any] = {"name": name, "digest": digest}
    if part.rows is not None:
        entry["rows"] = part.rows
    if part.uri:
        entry["uri"] = part.uri
    if part.digest:
        how = (
            "the SHA-256 of its records, which are in this file" if part.rows is not None else "the SHA-256 of its file"
        )
    elif part.pinned:
        how = "the digest of its description, with the SHA-256 of the files that it is read from"
    else:
        how = "the digest of its description, as no SHA-256 of its data is stated"
    draft.placed.append((part.at.place, f"partition {name}{part.how}, identified by {how}"))
    return entry


def _populations(root: At, partitions: list[dict[str, Any]], draft: Draft) -> None:
    """Say of the partitions what the file says of all the data."""
    for member, attribute in _COVERAGE:
        at = of(root, member)
        values = list(dict.fromkeys(texts(at)))
        if not values:
            continue
        if not partitions:
            draft.skip(at.place, f"{', '.join(values)}: a population is that of a partition, and there is none.")
        elif len(values) > 1 and len(partitions) > 1:
            draft.skip(at.place, f"{', '.join(values)}: the file does not say which partition has which of them.")
        else:
            for partition in partitions:
                partition.setdefault("population", []).extend({"attribute": attribute, "value": one} for one in values)
                partition["populationDocumented"] = "PARTIAL"
            draft.placed.append((at.place, f"population of each partition: {attribute} {', '.join(values)}, partial"))


def _summary(partitions: list[dict[str, Any]], parents: list[dict[str, str]]) -> str:
    parts = f" with {len(partitions)} partition{'s' * (len(partitions) != 1)}" if partitions else " without partitions"
    return parts + "".join(f", derived from {parent['ref']}" for parent in parents)


# ---------------------------------------------------------------- what else is stated


def _parents(root: At, draft: Draft, ref: str) -> list[dict[str, str]]:
    """Return what the dataset is derived from; that is registered by its name alone if it is not there yet."""
    found: dict[str, dict[str, str]] = {}
    for at in (of(root, "prov:wasDerivedFrom"), of(root, "isBasedOn")):
        for one in at.one_or_more():
            name, address = _source(one)
            fault = "has no name" if name is None else fault_in_name(name) or fault_in_new_name(name)
            parent = f"dataset:{name}@{UNSTATED}"
            if fault or parent == ref:
                draft.skip(one.place, f"What it is derived from {f'{name} ' if name else ''}{fault or 'is itself'}.")
                continue
            draft.mention(parent)
            if address:
                draft.bare[parent]["uri"] = address
            found[parent] = {"ref": parent, "relation": "OTHER"}
    return list(found.values())


def _source(at: At) -> tuple[str | None, str | None]:
    """Return the name and address of what a dataset is derived from: a name of a hub, else as it is written."""
    addresses = [text(of(at, key)) for key in ("prov:locatedAt", "prov:atLocation", "url", "contentUrl", "sameAs")]
    written = at.value if isinstance(at.value, str) else at.at("@id").text() or ""
    address = next(filter(None, [*addresses, written if "://" in written else None]), None)
    for hub in _ADDRESSES:
        if address and address.startswith(hub):
            return address.removeprefix(hub).strip("/"), address
    name = text(of(at, "prov:label", "name")) if isinstance(at.value, dict) else None
    return name or (address if address == written else None) or identity(at) or address, address


def _notes(root: At, draft: Draft, ref: str) -> None:
    """Keep what the file says by the RAI vocabulary as notes, quoted from its makers."""
    author = ", ".join(dict.fromkeys([*texts(of(root, "creator")), *texts(of(root, "publisher"))]))[:200] or "Croissant"
    for key, at in root.mapping().items():
        prefix = next((one for one in (_RAI, "http://mlcommons.org/croissant/RAI/") if key.startswith(one)), None)
        if prefix is None:
            continue
        for told in texts(at):
            words = f"{key.removeprefix(prefix)}: {told}"
            draft.add("notes", {"subject": ref, "author": author, "text": words}, at.place, f"note on {ref}")


def _say_what_is_left(root: At, draft: Draft) -> None:
    for key in _NO_RECORD:
        if root.at(key):
            draft.skip(key, "How data was made has no place in the registry, but for what it was derived from.")
    if of(root, "isLiveDataset").value in (True, "true"):
        draft.skip("isLiveDataset", "The data changes in place: a digest holds only for what it was when it was taken.")

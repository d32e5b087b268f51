"""What records are called: `credit-risk 4.2` for a version, `review 5d02…91ce` for what has no label."""

from descentd.graph.model.records import Brief
from descentd.queries.prose import kind_name


def called(brief: Brief) -> str:
    """What a record is called in a sentence or a heading."""
    label = brief.label
    if label is None:
        return f"{kind_name(brief.kind)} {short(brief.id)}"
    return called_ref(label)


def called_ref(ref: str) -> str:
    """What the record with a ref is called: a version by name and number, a partition with its dataset."""
    if ref.startswith("sha256:"):
        return short(ref)
    rest = ref.partition(":")[2]
    name, _, version = rest.partition("@")
    version, _, part = version.partition("#")
    return f"{name} {version}, {part}" if part else f"{name} {version}".rstrip()


def short(id: str) -> str:
    """The two ends of a content id, by which people tell ids apart."""
    digits = id.removeprefix("sha256:")
    return f"{digits[:4]}…{digits[-4:]}"

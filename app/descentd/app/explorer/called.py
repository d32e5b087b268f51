"""What records are called: `credit-risk 4.2` for a version, `review 5d02…91ce` for what has no label."""

from markupsafe import Markup

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


def called_beside(ref: str, of: str) -> str:
    """What a version is called on the page of another: by its number alone where both are of one model."""
    name, _, number = ref.rpartition("@")
    return number if name and name == of.rpartition("@")[0] else called_ref(ref)


def linked(to: str, ref: str, of: str = "") -> Markup:
    """A link to a record; where it shows a number alone, screen readers hear the whole name, since they list links."""
    shown, whole = called_beside(ref, of), called_ref(ref)
    if shown == whole:
        return Markup('<a href="{}">{}</a>').format(to, shown)
    return Markup('<a href="{}" aria-label="{}">{}</a>').format(to, whole, shown)


def short(id: str) -> str:
    """The two ends of a content id, by which people tell ids apart."""
    digits = id.removeprefix("sha256:")
    return f"{digits[:4]}…{digits[-4:]}"

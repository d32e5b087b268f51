"""JSON-LD as Croissant writes it: keys with or without prefix, texts with a language, references by `@id`."""

from collections.abc import Iterator
from typing import Final

from descent.importers.at import At

_PREFIXES: Final = (
    "", "sc:", "schema:", "cr:", "ml:", "https://schema.org/", "http://schema.org/", "http://mlcommons.org/croissant/",
    "http://mlcommons.org/schema/",
)  # fmt: skip


def of(at: At, *names: str) -> At:
    """Return the member that has one of the names, with any of the prefixes; None where there is none."""
    if isinstance(at.value, dict):
        for name in names:
            for prefix in _PREFIXES:
                if at.value.get(prefix + name) is not None:
                    return at.at(prefix + name)
    return at.at(names[0])


def texts(at: At) -> Iterator[str]:
    """Yield the texts of a value: of a text, a list, a text with a language, or the name or address of a thing."""
    for one in at.one_or_more():
        value = one
        if isinstance(one.value, dict):
            value = next((part for key in ("@value", "name", "url", "@id") if (part := of(one, key))), one.at("@value"))
        if (
            isinstance(value.value, int | float | str)
            and not isinstance(value.value, bool)
            and (label := value.label())
        ):
            yield label


def text(at: At) -> str | None:
    """Return the first of the texts of a value."""
    return next(texts(at), None)


def types(at: At) -> set[str]:
    """Return the types of a node, without prefixes: {"RecordSet"}."""
    return {name.rsplit("/", 1)[-1].rsplit(":", 1)[-1] for name in texts(at.at("@type"))}


def identity(at: At) -> str | None:
    """Return what a node is referred to by: its `@id`, before Croissant 1.0 its name."""
    return at.at("@id").text() or text(of(at, "name"))


def references(at: At) -> Iterator[str]:
    """Yield the identities that a value refers to: a text, `{"@id": …}`, or these inside fileObject, fileSet, field."""
    for one in at.one_or_more():
        if isinstance(one.value, str):
            yield one.value.strip().removeprefix("#{").removesuffix("}").removeprefix("#")
        elif isinstance(one.value, dict):
            if isinstance(one.value.get("@id"), str):
                yield one.value["@id"]
            for name in ("fileObject", "fileSet", "field", "recordSet", "distribution"):
                inner = of(one, name)
                for part in inner.one_or_more():
                    if isinstance(part.value, str):
                        yield from references(part)
                    elif isinstance(part.at("@id").value, str):
                        yield part.value["@id"]

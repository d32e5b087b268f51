"""A record: immutable, content-addressed, and everything that stores derive from its content.

Content names other records by their id. What a store keeps beside the body (label, edges, keys, words) follows from
the content alone, so that it can be checked against it at any time.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any, Final

from descentd.graph.digests import Content, canonical, content_id, parse
from descentd.graph.names import words
from descentd.graph.reach import Documented, Share
from descentd.graph.relations import Edge, Kind, Role


@dataclass(frozen=True)
class Record:
    """A record of one kind. `body` is its content in RFC 8785 form, and its id follows from both."""

    kind: Kind
    body: bytes

    @classmethod
    def of(cls, kind: Kind, content: Content) -> "Record":
        """The record with this content; null, absent and [] are one (inside config parameters they are not).

        Raises InvalidInput where the content has no canonical form.
        """
        given = {key: value for key, value in content.items() if value is not None and value != []}
        record = cls(kind, canonical(given))
        record.__dict__["content"] = given  # what `content` would parse again
        return record

    @cached_property
    def id(self) -> str:
        """The content id, `sha256:` and 64 hexadecimal digits."""
        return content_id(self.kind, self.body)

    @cached_property
    def content(self) -> Content:
        """The content; not to be changed."""
        return parse(self.body)

    @cached_property
    def label(self) -> str | None:
        """The unique label: a ref for versions, datasets and partitions, `metric:NAME` for metric definitions."""
        return label_of(self.kind, self.content)

    @cached_property
    def edges(self) -> tuple[Edge, ...]:
        """The edges from this record, one for each pair of role and target."""
        return tuple(_merged(_EDGES.get(self.kind, _no_edges)(self.content)))

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """What the record is found by, `what:value`, sorted."""
        return tuple(sorted(set(_keys(self.kind, self.content))))

    @cached_property
    def words(self) -> str:
        """The words that a search finds the record by, separated by spaces."""
        return " ".join(dict.fromkeys(word for text in _texts(self.kind, self.content) for word in words(text)))


@dataclass(frozen=True, slots=True)
class Brief:
    """What a record is, without its content."""

    sequence: int
    kind: Kind
    id: str
    label: str | None

    @property
    def ref(self) -> str:
        """The label where it is one that people may write, else the id."""
        return self.id if self.label is None or self.kind is Kind.METRIC_DEFINITION else self.label


def label_of(kind: Kind, content: Content) -> str | None:
    """The label that a content of this kind has, None for kinds without one."""
    match kind:
        case Kind.MODEL_VERSION:
            return f"model:{content['name']}@{content['version']}"
        case Kind.DATASET:
            return f"dataset:{content['name']}@{content['version']}"
        case Kind.PARTITION:
            return f"{content['dataset']}#{content['name']}"
        case Kind.METRIC_DEFINITION:
            return f"metric:{content['name']}"
        case _:
            return None


_NOT_BUILD: Final = ("name", "version", "createdAt", "description")
_PROVENANCE: Final = ("artifacts", "trainedOn", "code", "config")


def build_of(content: Content) -> str | None:
    """What a version is apart from its names: the id of its content without label, date, description and places.

    None where neither artifact, data, code nor config is given, so that there is nothing to compare.
    """
    if not any(content.get(part) for part in _PROVENANCE):
        return None
    build = {key: value for key, value in content.items() if key not in _NOT_BUILD}
    if "artifacts" in build:
        places = ("uri", "mediaType")
        held = ({k: v for k, v in artifact.items() if k not in places} for artifact in build["artifacts"])
        build["artifacts"] = sorted(held, key=canonical)
    return content_id(Kind.MODEL_VERSION, canonical(build))


def shares_of(content: Content) -> tuple[Documented, tuple[Share, ...]]:
    """What the content of a POPULATION record says."""
    shares = tuple(Share(s["attribute"], s["value"], s.get("share")) for s in content.get("population", ()))
    return Documented(content["populationDocumented"]), shares


def _merged(edges: Iterable[Edge]) -> Iterator[Edge]:
    ordered = sorted(edges, key=lambda edge: (edge.role, edge.target, edge.detail))
    for (role, target), group in groupby(ordered, key=lambda edge: (edge.role, edge.target)):
        yield Edge(role, target, ",".join(dict.fromkeys(edge.detail for edge in group if edge.detail)))


def _no_edges(_content: Content) -> Iterator[Edge]:
    return iter(())


def _data_edges(content: Content) -> Iterator[Edge]:
    for partition in content.get("partitions", ()):
        yield Edge(Role.INCLUDES, partition)
    for derivation in content.get("derivedFrom", ()):
        yield Edge(Role.DERIVED_FROM, derivation["node"], derivation["relation"])
    for maker in content.get("generatedBy", ()):
        yield Edge(Role.GENERATED_BY, maker)


def _version_edges(content: Content) -> Iterator[Edge]:
    for parent in content.get("parents", ()):
        yield Edge(Role.DERIVED_FROM, parent["node"], parent["relation"])
    for data in content.get("trainedOn", ()):
        yield Edge(Role.TRAINED_ON, data["node"], data["role"])
    for part, role in (("code", Role.BUILT_FROM), ("config", Role.CONFIGURED_BY), ("environment", Role.RAN_IN)):
        if part in content:
            yield Edge(role, content[part])


def _evaluation_edges(content: Content) -> Iterator[Edge]:
    yield Edge(Role.EVALUATES, content["subject"])
    if "data" in content:
        yield Edge(Role.EVALUATED_ON, content["data"])


def _description_edges(content: Content) -> Iterator[Edge]:
    yield Edge(Role.DESCRIBES, content["subject"])
    if "supersedes" in content:
        yield Edge(Role.SUPERSEDES, content["supersedes"])


def _vulnerability_edges(content: Content) -> Iterator[Edge]:
    yield Edge(Role.AFFECTS, content["subject"])
    if "data" in content.get("probe", ()):
        yield Edge(Role.CITES, content["probe"]["data"])


def _note_edges(content: Content) -> Iterator[Edge]:
    yield Edge(Role.ABOUT, content["subject"])


_EDGES: Final = {
    Kind.DATASET: _data_edges,
    Kind.PARTITION: _data_edges,
    Kind.MODEL_VERSION: _version_edges,
    Kind.EVALUATION: _evaluation_edges,
    Kind.SAFETY_PROFILE: _description_edges,
    Kind.POPULATION: _description_edges,
    Kind.VULNERABILITY: _vulnerability_edges,
    Kind.NOTE: _note_edges,
}


def _keys(kind: Kind, content: Content) -> Iterator[str]:
    match kind:
        case Kind.MODEL_VERSION:
            yield f"model:{content['name']}"
            for artifact in content.get("artifacts", ()):
                yield f"artifact:{artifact['digest']}"
            build = build_of(content)
            if build:
                yield f"build:{build}"
        case Kind.PARTITION:
            yield f"digest:{content['digest']}"
        case Kind.EVALUATION:
            for metric in content["metrics"]:
                yield f"metric:{metric['name']}"


def _texts(kind: Kind, content: Content) -> Iterator[str]:
    match kind:
        case Kind.MODEL_VERSION | Kind.DATASET | Kind.PARTITION | Kind.METRIC_DEFINITION:
            yield (label_of(kind, content) or "").partition(":")[2]
        case Kind.NOTE:
            yield content["author"]
            yield content["text"]
        case Kind.SAFETY_PROFILE:
            yield from _strings(content)
        case Kind.VULNERABILITY:
            yield content["title"]
            yield content.get("description", "")


def _strings(content: Any) -> Iterator[str]:
    """The texts of a profile; its nesting is that of its schema."""
    if isinstance(content, str) and not content.startswith("sha256:"):
        yield content
    elif isinstance(content, list):
        for item in content:
            yield from _strings(item)
    elif isinstance(content, dict):
        for item in content.values():
            yield from _strings(item)

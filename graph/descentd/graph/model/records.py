"""A record: immutable, content-addressed, and everything that stores derive from its content.

Content names other records by their id. What a store keeps beside the body (label, edges, keys, words) follows from
the content alone, so that it can be checked against it at any time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from descentd.graph.model.derived import edges_of, keys_of, label_of, texts_of
from descentd.graph.model.identity import Content, canonical, content_id, parse
from descentd.graph.model.kinds import Edge, Kind
from descentd.graph.model.names import words

Derived = TypeVar("Derived", covariant=True)  # noqa: PLC0105 - there is no other


class derived(Generic[Derived]):  # noqa: N801 - as `property` and `cached_property`
    """A property that is worked out once; unlike Python 3.11's `cached_property` it takes no lock, which took longer.

    Of two threads that ask at once both may work it out.
    """

    def __init__(self, function: "Callable[[Record], Derived]") -> None:
        self._function = function
        self._name = function.__name__
        self.__doc__ = function.__doc__

    def __get__(self, record: "Record", _owner: object) -> Derived:
        value = self._function(record)
        record.__dict__[self._name] = value
        return value


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

    @derived
    def id(self) -> str:
        """The content id, `sha256:` and 64 hexadecimal digits."""
        return content_id(self.kind, self.body)

    @derived
    def content(self) -> Content:
        """The content; not to be changed."""
        return parse(self.body)

    @derived
    def label(self) -> str | None:
        """The unique label: a ref for versions, datasets and partitions, `metric:NAME` for metric definitions."""
        return label_of(self.kind, self.content)

    @derived
    def edges(self) -> tuple[Edge, ...]:
        """The edges from this record, one for each pair of role and target."""
        return tuple(edges_of(self.kind, self.content))

    @derived
    def keys(self) -> tuple[str, ...]:
        """What the record is found by, `what:value`, sorted."""
        return tuple(sorted(set(keys_of(self.kind, self.content))))

    @derived
    def words(self) -> str:
        """The words that a search finds the record by, separated by spaces."""
        return " ".join(dict.fromkeys(word for text in texts_of(self.kind, self.content) for word in words(text)))


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

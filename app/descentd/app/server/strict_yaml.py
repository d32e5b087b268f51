"""Strict reading of YAML files for settings, with the line of every problem."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml

from descentd.app.http.errors import problems
from descentd.graph.inputs.base import Input, path
from descentd.graph.model.errors import DescentError, Invalid, InvalidInput

LARGEST: Final = 1024 * 1024
_MOST_NODES: Final = 20_000
"""Values in a file: an alias stands for as many as what it names, so few bytes may stand for any number."""
_TAGS: Final = frozenset(
    f"tag:yaml.org,2002:{tag}" for tag in ("str", "int", "float", "bool", "null", "timestamp", "seq", "map")
)
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Place = tuple[str | int, ...]
Given = TypeVar("Given", bound=Input)


class Wrong(Exception):
    """What is wrong at a line of a file."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


class YAMLFile:
    """The one document of a file, which is to be a `noun`; text is as it is written, integers are at some places."""

    def __init__(
        self, file: Path | str, noun: str, is_integer: Callable[[Place], bool], raw: bytes | None = None
    ) -> None:
        """Raises Invalid, as FILE:LINE: REASON, for what is no such YAML.

        raw: what `file`, a name then, holds, where it was sent.
        """
        self._file = file
        self._noun = noun
        self._is_integer = is_integer
        self._lines: dict[str, int] = {}
        self._nodes = 0
        try:
            self._content = self._plain(_document(raw, Path(file), noun), ())
        except Wrong as wrong:
            raise Invalid([InvalidInput(f"{file}:{wrong.line}: {wrong.reason}")]) from None

    def read(self, kind: type[Given]) -> Given:
        """What the file holds, as an input; raises Invalid with everything that is wrong, as FILE:LINE: REASON."""
        try:
            return kind.read(self._content)
        except Invalid as error:
            raise Invalid([self.located(problem) for problem in self._in_order(problems(error))]) from None

    def line(self, field: str | None) -> int:
        """The line of a field, or of what it would be in."""
        while field and field not in self._lines:
            field = field.rpartition("." if field.rfind(".") > field.rfind("[") else "[")[0]
        return self._lines.get(field or "", 1)

    def _in_order(self, found: Iterable[DescentError]) -> list[DescentError]:
        return sorted(found, key=lambda problem: self.line(problem.field))

    def located(self, problem: DescentError) -> InvalidInput:
        """A problem as FILE:LINE: FIELD: REASON."""
        where = f"{problem.field}: " if problem.field else ""
        return InvalidInput(f"{self._file}:{self.line(problem.field)}: {where}{problem.message}")

    def _plain(self, node: yaml.Node, place: Place) -> Any:
        """A node as JSON."""
        line = node.start_mark.line + 1
        self._nodes += 1
        if self._nodes > _MOST_NODES:
            raise Wrong(line, f"The file has more than {_MOST_NODES:,} values with aliases expanded: leave some out.")
        self._lines.setdefault(path(place), line)
        if len(place) > 4:
            raise Wrong(line, f"This is nested deeper than a {self._noun} is.")
        if node.tag not in _TAGS:
            raise Wrong(line, f"The tag {node.tag} has no meaning in a {self._noun}: remove it.")
        match node:
            case yaml.MappingNode():
                return {key: self._plain(value, (*place, key)) for key, value in _pairs(node)}
            case yaml.SequenceNode():
                return [self._plain(item, (*place, i)) for i, item in enumerate(node.value)]
            case yaml.ScalarNode():
                return _scalar(node, integer=self._is_integer(place))
        raise Wrong(line, "This is neither a text nor a list nor a mapping.")


def _document(given: bytes | None, file: Path, noun: str) -> yaml.Node:
    raw = given or b""
    try:
        raw = file.read_bytes() if given is None else given
        if len(raw) > LARGEST:
            raise Wrong(1, f"The file has {len(raw):,} bytes, more than a {noun} needs ({LARGEST:,}).")
        documents = list(yaml.compose_all(raw.decode(), Loader=_LOADER))
    except OSError as error:
        raise Wrong(1, f"The file cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise Wrong(raw[: error.start].count(b"\n") + 1, "This is not UTF-8.") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise Wrong(mark.line + 1 if mark else 1, f"This is not YAML: {error.problem or error.context}.") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise Wrong(1, f"This is not YAML that can be read: {str(error).splitlines()[0]}.") from None
    if len(documents) != 1:
        raise Wrong(1, f"The file holds {len(documents)} YAML documents: one {noun} a file.")
    return documents[0]


def _pairs(node: yaml.MappingNode) -> Iterator[tuple[str, yaml.Node]]:
    seen: set[str] = set()
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise Wrong(line, "A key is a text: write it without brackets.")
        if key.value in seen:
            raise Wrong(line, f"The key {key.value} is given twice: keep one of the two.")
        seen.add(key.value)
        yield key.value, value


def _scalar(node: yaml.ScalarNode, *, integer: bool) -> str | int | None:
    text = str(node.value)
    if not node.style:  # written without quotes
        if text in {"", "~", "null"}:
            return None
        if integer and text.isascii() and text.isdigit() and len(text) < 10:
            return int(text)
    return text

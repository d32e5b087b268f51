"""YAML text as a tree of nodes.

PyYAML's parser gives the events. The composer is our own, because that of PyYAML recurses along the depth of the data,
accepts duplicate keys, and does not distinguish explicit tags from implicit ones.
"""

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from descent.errors import InvalidManifest, Problem
from descent.nodes import MAX_DEPTH, List, Map, Node, Path, Report, Scalar, Tag, path_text, shorten

MAX_ALIASED = 1_000_000
"""The most nodes that all aliases together may expand to: enough for a shared profile, and no "billion laughs"."""

_SHOWN_DEPTH = 12
EMPTY = "The file is empty; a manifest lists datasets, models, evaluations or other things to register."

# https://yaml.org/spec/1.2.2/#51-character-set
_UNPRINTABLE = re.compile("[^\\t\\n\\r\\x20-\\x7e\\x85\\xa0-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
_CORE_PREFIX = "tag:yaml.org,2002:"
_SCALAR_TAGS: dict[str, Tag] = {
    "!": "str",
    **{_CORE_PREFIX + tag: tag for tag in ("str", "int", "float", "bool", "null")},
}
# libyaml if PyYAML was built with it: ten times as fast, with the same events
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(text: str, source: str, report: Report) -> Node:
    """Return the root node of the only document in a file; duplicate keys and unknown tags are reported.

    Raises InvalidManifest if it is not YAML, has no document or several, or exceeds the limits of aliases or nesting.
    """
    composer = _Composer(source, report)
    if wrong := _UNPRINTABLE.search(text):
        line = text.count("\n", 0, wrong.start()) + 1
        message = (
            f'This is not YAML: character U+{ord(wrong[0]):04X} is not allowed; write it as an escape, in "quotes".'
        )
        raise InvalidManifest([Problem(message, "INVALID_INPUT", None, line)], source)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            composer.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = ", ".join(part for part in (error.problem, error.context) if part)
        raise composer.refuse(f"This is not YAML: {what}.", mark) from error
    except yaml.YAMLError as error:
        raise composer.refuse(f"This is not YAML: {shorten(str(error), 200)}.") from error
    if composer.root is None:
        raise composer.refuse(EMPTY)
    return composer.root


@dataclass(slots=True)
class _Measured:
    """A node, and the number of nodes that it has when its aliases are expanded."""

    node: Node
    size: int = 1
    height: int = 1


@dataclass(slots=True)
class _Frame:
    """A list or map whose end has not been read yet."""

    measured: _Measured
    anchor: str | None
    key: Scalar | None = None
    seen: set[str] = field(default_factory=set)
    merged: list[tuple[Scalar, Node]] = field(default_factory=list)

    def step(self) -> str | int:
        node = self.measured.node
        return len(node.items) if isinstance(node, List) else self.key.text if self.key else ""


class _Composer:
    """Composes nodes from events, with a stack of its own instead of recursion."""

    def __init__(self, source: str, report: Report) -> None:
        self.source = source
        self.report = report
        self.root: Node | None = None
        self.stack: list[_Frame] = []
        self.anchors: dict[str, _Measured | None] = {}
        self.aliased = 0

    def refuse(self, message: str, mark: Any = None) -> InvalidManifest:
        place = path_text(self.path()[:_SHOWN_DEPTH]) or None
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (None, None)
        return InvalidManifest([Problem(message, "INVALID_INPUT", place, line, column)], self.source)

    def path(self) -> Path:
        return tuple(frame.step() for frame in self.stack)

    def take(self, event: yaml.Event) -> None:
        match event:
            case yaml.AliasEvent():
                self._add(self._alias(event), event.start_mark)
            case yaml.ScalarEvent():
                measured = _Measured(self._scalar(event))
                self._anchor(event.anchor, measured)
                self._add(measured, event.start_mark)
            case yaml.SequenceStartEvent():
                self._open(List([], *_place(event)), event)
            case yaml.MappingStartEvent():
                self._open(Map([], *_place(event)), event)
            case yaml.CollectionEndEvent():
                self._close(event)
            case yaml.DocumentStartEvent() if self.root is not None:
                raise self.refuse(
                    "The file holds more than one YAML document; put each into a file of its own.", event.start_mark
                )

    def _scalar(self, event: yaml.ScalarEvent) -> Scalar:
        tag: Tag | None = None
        if event.tag is not None:
            tag = _SCALAR_TAGS.get(event.tag, "str")
        elif event.style:
            tag = "str"
        scalar = Scalar(event.value, tag, *_place(event))
        if event.tag is not None and event.tag not in _SCALAR_TAGS:
            self._refuse_tag(event.tag, scalar)
        return scalar

    def _refuse_tag(self, tag: str, node: Node) -> None:
        name = "!!" + tag.removeprefix(_CORE_PREFIX) if tag.startswith(_CORE_PREFIX) else tag
        self.report(f'The tag "{shorten(name)}" has no meaning in a manifest; remove it.', self.path(), node)

    def _alias(self, event: yaml.AliasEvent) -> _Measured:
        if event.anchor not in self.anchors:
            raise self.refuse(f"There is no anchor &{event.anchor} before the alias *{event.anchor}.", event.start_mark)
        target = self.anchors[event.anchor]
        if target is None:
            raise self.refuse(f"The alias *{event.anchor} is inside the node that it refers to.", event.start_mark)
        self.aliased += target.size
        if self.aliased > MAX_ALIASED:
            message = f"The aliases expand to more than {MAX_ALIASED:,} values; use fewer, or split the manifest."
            raise self.refuse(message, event.start_mark)
        if len(self.stack) + target.height > MAX_DEPTH:
            raise self._too_deep(event)
        return target

    def _too_deep(self, event: yaml.Event) -> InvalidManifest:
        return self.refuse(f"The file is nested deeper than {MAX_DEPTH} levels; flatten it.", event.start_mark)

    def _anchor(self, name: str | None, measured: _Measured | None) -> None:
        if name is not None:
            self.anchors[name] = measured

    def _open(self, node: List | Map, event: yaml.CollectionStartEvent) -> None:
        if len(self.stack) >= MAX_DEPTH:
            raise self._too_deep(event)
        expected = _CORE_PREFIX + ("seq" if isinstance(node, List) else "map")
        if event.tag not in (None, "!", expected):
            self._refuse_tag(event.tag, node)
        self._anchor(event.anchor, None)
        self.stack.append(_Frame(_Measured(node), event.anchor))

    def _close(self, event: yaml.Event) -> None:
        frame = self.stack.pop()
        node = frame.measured.node
        if isinstance(node, Map):
            node.pairs += [pair for pair in frame.merged if pair[0].text not in frame.seen]
        self._anchor(frame.anchor, frame.measured)
        self._add(frame.measured, event.start_mark)

    def _add(self, child: _Measured, mark: Any) -> None:
        """Add a finished node to the open list or map, or make it the root."""
        if not self.stack:
            self.root = child.node
            return
        frame = self.stack[-1]
        frame.measured.size += child.size
        if frame.measured.height <= child.height:
            frame.measured.height = child.height + 1
        into = frame.measured.node
        if isinstance(into, List):
            into.items.append(child.node)
        elif frame.key is None:
            if not isinstance(child.node, Scalar):
                raise self.refuse("A key must be text, not a list or a mapping.", mark)
            frame.key = child.node
        elif isinstance(into, Map):
            self._add_pair(frame, into, frame.key, child.node)
            frame.key = None

    def _add_pair(self, frame: _Frame, into: Map, key: Scalar, value: Node) -> None:
        if key.text in frame.seen:
            self.report(f'The key "{shorten(key.text)}" is given twice; keep one of the two.', self.path(), key)
            return
        if key.text == "<<" and key.tag is None:
            frame.seen.add("<<")
            self._merge(frame, value)
            return
        frame.seen.add(key.text)
        into.pairs.append((key, value))

    def _merge(self, frame: _Frame, value: Node) -> None:
        """Add the keys that `<<` merges; keys of the map itself, and of maps that are named earlier, win."""
        known = set[str]()
        for part in value.items if isinstance(value, List) else [value]:
            if not isinstance(part, Map):
                self.report(
                    "The merge key << needs a mapping or a list of mappings, mostly as *alias.", self.path(), value
                )
                return
            frame.merged += [pair for pair in part.pairs if pair[0].text not in known]
            known.update(key.text for key, _ in part.pairs)


def _place(event: yaml.Event) -> tuple[int, int]:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark is not None else (0, 0)

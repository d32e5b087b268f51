"""Conversion of the nodes of a file to ManifestInput, by the schema.

The schema decides the type of a scalar: in a text field it is the text as written (NO, 1.10, 010, 12:30, dates), in a
number field it is read by the core schema of YAML 1.2, and a config is JSON by that core schema. Only keys that the
schema knows are converted, to the names of GraphQL; keys inside config, slice and dependencies are data.
"""

import difflib
import re
from typing import Any

from descent.nodes import List, Map, Node, Path, Report, Scalar, core_value, shorten
from descent.rules import Place, duplicate_in_set, fault_in_text
from descent.schema import Shape

MAX_CONFIG_DEPTH = 64

_SURROGATE = re.compile("[\ud800-\udfff]")
# slice: {age_group: "65+"} and dependencies: {numpy: 2.4.6} are short for lists of these inputs
PAIRS = {"AttributeInput": ("attribute", "value"), "DependencyInput": ("name", "version")}
_NOT_FINITE = re.compile(r"[-+]?\.?(nan|inf|infinity)", re.IGNORECASE)
_NULL_HINT = "put it in quotes if you mean the text"


class _Skip(Exception):
    """A value is invalid and cannot be converted; the problem was reported."""


def snake_case(name: str) -> str:
    """Return a GraphQL name in snake_case, as in YAML: trained_on for trainedOn."""
    return re.sub(r"[A-Z]", lambda match: "_" + match[0].lower(), name)


def convert(root: Node, shape: Shape, report: Report, *, graphql_names: bool) -> dict[str, Any]:
    """Return a manifest in the shape of GraphQL; invalid parts are reported and left out.

    With `graphql_names`, keys and enum values may have the spelling of GraphQL too, as in JSON files.
    """
    return _Converter(report, graphql_names=graphql_names).manifest(root, shape)


class _Converter:
    def __init__(self, report: Report, *, graphql_names: bool) -> None:
        self.report = report
        self.graphql_names = graphql_names
        self.spellings: dict[str, dict[str, str]] = {}

    def manifest(self, root: Node, shape: Shape) -> dict[str, Any]:
        try:
            content: dict[str, Any] = self._object(root, shape, (), ())
        except _Skip:
            return {}
        return content

    def _fault(self, message: str, path: Path, node: Node) -> _Skip:
        self.report(message, path, node)
        return _Skip()

    def _value(self, node: Node, shape: Shape, path: Path, places: tuple[Place, ...]) -> Any:
        match shape.kind:
            case "object":
                return self._object(node, shape, path, places)
            case "array":
                value: Any = self._array(node, shape, path, places)
            case "any":
                value = self._json(node, path, 1)
            case _:
                value = self._scalar(node, shape, path, places)
        if shape.constraints is not None:
            for error in shape.constraints.iter_errors(value):
                raise self._fault(_constraint_sentence(error, value), path, node)
        return value

    # ------------------------------------------------------------ objects

    def _object(self, node: Node, shape: Shape, path: Path, places: tuple[Place, ...]) -> dict[str, Any]:
        if not isinstance(node, Map):
            raise self._fault(f"Expected {_a(shape.noun())}, a mapping with keys such as {_some(shape)}.", path, node)
        spelling = self._spelling(shape)
        content: dict[str, Any] = {}
        given = set[str]()
        for key, member in node.pairs:
            name = spelling.get(key.text)
            if name is None:
                self.report(self._unknown(key.text, shape), (*path, key.text), key)
                continue
            if name in given:
                self.report(
                    f"{key.text} is given twice, in two spellings; keep one of the two.", (*path, key.text), key
                )
                continue
            if isinstance(member, Scalar) and (member.resolved() == "null" or _is_absent(member, name, shape)):
                continue
            given.add(name)
            try:
                content[name] = self._value(
                    member, shape.fields[name], (*path, key.text), (*places, (shape.name, name))
                )
            except _Skip:
                continue
        self._require(shape, given, path, node)
        return content

    def _spelling(self, shape: Shape) -> dict[str, str]:
        """Return the GraphQL name for each key that an object may have."""
        if shape.name not in self.spellings:
            spelling = {snake_case(name): name for name in shape.fields}
            if self.graphql_names:
                spelling |= {name: name for name in shape.fields}
            self.spellings[shape.name] = spelling
        return self.spellings[shape.name]

    def _require(self, shape: Shape, given: set[str], path: Path, node: Map) -> None:
        nulls = {snake_case(key.text) for key, _ in node.pairs}
        for name in shape.fields:
            if name in shape.required and name not in given:
                key = snake_case(name)
                what = f"is null; {_NULL_HINT}" if key in nulls else "is missing"
                self.report(f"{_a(shape.noun()).capitalize()} needs {key}, which {what}.", path, node)

    def _unknown(self, key: str, shape: Shape) -> str:
        known = [snake_case(name) for name in shape.fields]
        meant = difflib.get_close_matches(snake_case(key).replace("-", "_"), known, n=1)
        ask = f"did you mean {meant[0]}?" if meant else f"it may have {', '.join(known)}."
        return f'There is no "{shorten(key)}" in {_a(shape.noun())}; {ask}'

    # ------------------------------------------------------------ lists

    def _array(self, node: Node, shape: Shape, path: Path, places: tuple[Place, ...]) -> list[Any]:
        assert shape.item is not None
        if isinstance(node, Map) and shape.item.name in PAIRS:
            return self._pairs(node, shape.item, path)
        if not isinstance(node, List):
            short = " or a mapping of names to values" if shape.item.name in PAIRS else ""
            raise self._fault(f"Expected a list{short}: put the single item into a list.", path, node)
        items = []
        for position, item in enumerate(node.items):
            try:
                items.append(self._value(item, shape.item, (*path, position), places))
            except _Skip:
                continue
        duplicate = duplicate_in_set(places[-1][1], items) if places else None
        if duplicate is not None and len(items) == len(node.items):
            self.report(
                "This item is in the list twice: remove one of them.", (*path, duplicate), node.items[duplicate]
            )
        return items

    def _pairs(self, node: Map, item: Shape, path: Path) -> list[dict[str, str]]:
        name, value = PAIRS[item.name]
        pairs = []
        for key, member in node.pairs:
            try:
                pair = {name: self._whole(key.text, path, key), value: self._text(member, (*path, key.text))}
            except _Skip:
                continue
            pairs.append(pair)
        return pairs

    # ------------------------------------------------------------ scalars

    def _scalar(self, node: Node, shape: Shape, path: Path, places: tuple[Place, ...]) -> Any:
        if shape.kind == "enum":
            return self._enum(node, shape, path)
        if shape.kind == "string":
            text = self._text(node, path)
            if places and (fault := fault_in_text(places, text, shape.format, line=shape.line)):
                raise self._fault(f'"{shorten(text)}" {fault}.', path, node)
            return text
        allowed, what = {
            "integer": (("int",), "a whole number"),
            "number": (("int", "float"), "a number"),
            "boolean": (("bool",), "true or false"),
        }[shape.kind]
        if not isinstance(node, Scalar):
            raise self._fault(f"This must be {what}, not {_noun(node)}.", path, node)
        if _NOT_FINITE.fullmatch(node.text):
            got = node.text.replace(".", "")
            raise self._fault(
                f"Expected a finite number, got {got}: where nothing was measured, leave the result out.", path, node
            )
        if node.resolved() not in allowed:
            quoted = ", without quotes" if node.tag == "str" else ""
            raise self._fault(f'"{shorten(node.text)}" must be {what}{quoted}.', path, node)
        return self._core(node, path)

    def _text(self, node: Node, path: Path) -> str:
        if not isinstance(node, Scalar):
            raise self._fault(f"This must be text, not {_noun(node)}.", path, node)
        if node.resolved() == "null":
            raise self._fault(f"This must be text, and is null; {_NULL_HINT}.", path, node)
        if node.tag not in (None, "str"):
            raise self._fault(f"{shorten(node.text)} must be text; put it in quotes.", path, node)
        return self._whole(node.text, path, node)

    def _whole(self, text: str, path: Path, node: Node) -> str:
        if wrong := _SURROGATE.search(text):
            raise self._fault(
                f"The text contains the lone surrogate U+{ord(wrong[0]):04X}: write the whole character.", path, node
            )
        return text

    def _enum(self, node: Node, shape: Shape, path: Path) -> str:
        choices = ", ".join(value.lower() for value in shape.values)
        if not isinstance(node, Scalar) or node.tag not in (None, "str"):
            raise self._fault(f"This must be one of {choices}.", path, node)
        value = node.text.upper()
        if value in shape.values and (node.text == value.lower() or (self.graphql_names and node.text == value)):
            return value
        close = difflib.get_close_matches(value, shape.values, n=1)
        ask = f"did you mean {close[0].lower()}?" if close else f"it is one of {choices}."
        raise self._fault(f'"{shorten(node.text)}" is not {_a(shape.noun())}; {ask}', path, node)

    def _core(self, node: Scalar, path: Path) -> str | int | float | bool | None:
        try:
            value = core_value(node)
        except ValueError as error:
            raise self._fault(f"This {error}.", path, node) from error
        return self._whole(value, path, node) if isinstance(value, str) else value

    # ------------------------------------------------------------ config

    def _json(self, node: Node, path: Path, depth: int) -> Any:
        if isinstance(node, Scalar):
            return self._core(node, path)
        if depth > MAX_CONFIG_DEPTH:
            raise self._fault(
                f"A config may have at most {MAX_CONFIG_DEPTH} levels of nesting: flatten it.", path, node
            )
        if isinstance(node, List):
            return [self._member(item, (*path, position), depth) for position, item in enumerate(node.items)]
        members = {}
        for key, member in node.pairs:
            members[self._whole(key.text, path, key)] = self._member(member, (*path, key.text), depth)
        return members

    def _member(self, node: Node, path: Path, depth: int) -> Any:
        try:
            return self._json(node, path, depth + 1)
        except _Skip:
            return None


def _is_absent(member: Scalar, name: str, shape: Shape) -> bool:
    """Return whether an empty text is the same as an absent one: that of an optional description is."""
    return member.text == "" and name == "description" and name not in shape.required


def _a(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _noun(node: Node) -> str:
    return "a list" if isinstance(node, List) else "a mapping" if isinstance(node, Map) else "a single value"


def _some(shape: Shape) -> str:
    names = [name for name in shape.fields if name in shape.required] or list(shape.fields)
    return ", ".join(snake_case(name) for name in names[:3])


def _constraint_sentence(error: Any, value: Any) -> str:
    text = f'"{shorten(str(value))}"'
    match error.validator:
        case "pattern" if "sha256" in str(error.validator_value):
            return f'{text} is not a digest: write "sha256:" and 64 hexadecimal digits in lower case.'
        case "minLength":
            return "This text is empty: write one, or leave the key out."
        case "maxLength":
            return f"{text} has {len(value)} characters; write at most {error.validator_value}."
        case "minimum":
            return f"{text} must be at least {error.validator_value}."
        case "maximum":
            return f"{text} must be at most {error.validator_value}."
        case _:
            return f"{shorten(error.message, 120)}; the schema asks for {error.validator}: {error.validator_value}."

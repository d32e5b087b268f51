"""JSON text as a tree of nodes: strictly RFC 8259, without duplicate keys and without NaN."""

import json
from typing import Any

from descent.errors import InvalidManifest, Problem
from descent.nodes import MAX_DEPTH, List, Map, Node, Path, Report, Scalar, shorten

_CONSTANTS = {"NaN": ".nan", "Infinity": ".inf", "-Infinity": "-.inf"}


def read_json(text: str, source: str, report: Report) -> Node:
    """Return the root node of a JSON text; duplicate keys are reported.

    Raises InvalidManifest if it is not JSON or is nested too deeply.
    """
    try:
        value = json.loads(
            text,
            object_pairs_hook=_Object,
            parse_int=lambda digits: Scalar(digits, "int"),
            parse_float=lambda digits: Scalar(digits, "float"),
            # Python reads these although JSON has none; under the names of YAML they are refused with their place.
            parse_constant=lambda name: Scalar(_CONSTANTS[name], "float"),
        )
        return _node(value, (), report)
    except json.JSONDecodeError as error:
        problem = Problem(f"This is not JSON: {error.msg}.", "INVALID_INPUT", None, error.lineno, error.colno)
        raise InvalidManifest([problem], source) from error
    except RecursionError as error:
        message = f"The file is nested deeper than {MAX_DEPTH} levels; flatten it."
        raise InvalidManifest([Problem(message, "INVALID_INPUT")], source) from error


class _Object:
    """The members of an object in their order; a dict would lose the first of two with the same name."""

    __slots__ = ("members",)

    def __init__(self, members: list[tuple[str, Any]]) -> None:
        self.members = members


def _node(value: Any, path: Path, report: Report) -> Node:
    if isinstance(value, Scalar):
        return value
    if isinstance(value, str):
        return Scalar(value, "str")
    if value is None:
        return Scalar("null", "null")
    if isinstance(value, bool):
        return Scalar("true" if value else "false", "bool")
    if len(path) >= MAX_DEPTH:
        raise RecursionError
    if isinstance(value, list):
        return List([_node(item, (*path, position), report) for position, item in enumerate(value)])
    return _map(value, path, report)


def _map(value: _Object, path: Path, report: Report) -> Map:
    members: dict[str, tuple[Scalar, Node]] = {}
    for key, member in value.members:
        if key in members:
            report(f'The key "{shorten(key)}" is given twice; keep one of the two.', (*path, key), None)
        members[key] = Scalar(key, "str"), _node(member, (*path, key), report)
    return Map(list(members.values()))

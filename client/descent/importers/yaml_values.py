"""YAML nodes as the values that other tools' loaders give, without dates: those stay text."""

from typing import Any

from descent.nodes import List, Node, Scalar, core_value


def plain(root: Node) -> Any:
    """Return a tree of nodes as dicts, lists and scalars by the core schema of YAML 1.2; no recursion."""
    top: list[Any] = []
    waiting: list[tuple[Node, Any, Any]] = [(root, top, None)]
    while waiting:
        node, into, key = waiting.pop()
        value: Any
        if isinstance(node, Scalar):
            value = _scalar(node)
        elif isinstance(node, List):
            value = [None] * len(node.items)
            waiting += [(item, value, place) for place, item in enumerate(node.items)]
        else:
            value = {name.text: None for name, _ in node.pairs}  # the order of the file
            waiting += [(member, value, name.text) for name, member in node.pairs]
        if key is None:
            into.append(value)
        else:
            into[key] = value
    return top[0]


def _scalar(node: Scalar) -> Any:
    try:
        return core_value(node)
    except ValueError:
        return node.text  # a number that no JSON can hold

"""Reading the policy files of a folder: YAML, strictly, with the line of everything that is wrong."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from descentd.app.errors import problems
from descentd.graph.errors import DescentError, Invalid, InvalidInput
from descentd.graph.inputs import path
from descentd.queries.policies import PolicyInput

LARGEST: Final = 1024 * 1024
_TAGS: Final = frozenset(
    f"tag:yaml.org,2002:{tag}" for tag in ("str", "int", "float", "bool", "null", "timestamp", "seq", "map")
)
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Place = tuple[str | int, ...]


class Wrong(Exception):
    """What is wrong at a line of a file."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


def read_policies(folder: Path) -> Sequence[PolicyInput]:
    """The policies of every *.yaml and *.yml file in a folder, by file name.

    Raises Invalid with everything that is wrong, as FILE:LINE: REASON.
    """
    if not folder.is_dir():
        raise InvalidInput(f"{folder} is not a folder of policies: check --policies.")
    files = sorted(file for file in folder.iterdir() if file.suffix in {".yaml", ".yml"})
    if not files:
        raise InvalidInput(f"There is no *.yaml file in {folder}: put a policy there, or leave out --policies.")
    found: dict[str, tuple[Path, PolicyInput]] = {}
    wrong: list[DescentError] = []
    for file in files:
        try:
            policy, line = _read(file)
        except Invalid as error:
            wrong += error.problems
            continue
        if policy.environment in found:
            other = found[policy.environment][0].name
            reason = f"{other} is the policy for {policy.environment} already: keep one of the two."
            wrong.append(InvalidInput(f"{file}:{line}: {reason}"))
        found.setdefault(policy.environment, (file, policy))
    if wrong:
        raise Invalid(wrong)
    return [policy for _, policy in found.values()]


def _read(file: Path) -> tuple[PolicyInput, int]:
    """The policy of a file, and the line that names its environment."""
    lines: dict[Place, int] = {}
    try:
        given = _plain(_document(file), (), lines)
    except Wrong as wrong:
        raise Invalid([InvalidInput(f"{file}:{wrong.line}: {wrong.reason}")]) from None
    try:
        policy = PolicyInput.read(given)
    except Invalid as error:
        at = {path(place): line for place, line in lines.items()}
        raise Invalid(
            [InvalidInput(f"{file}:{_line(problem.field, at)}: {_where(problem)}") for problem in problems(error)]
        ) from None
    return policy, lines[("environment",)]


def _line(field: str | None, lines: dict[str, int]) -> int:
    """The line of a field, or of what it would be in."""
    while field and field not in lines:
        field = field.rpartition("." if field.rfind(".") > field.rfind("[") else "[")[0]
    return lines.get(field or "", 1)


def _where(problem: DescentError) -> str:
    return f"{problem.field}: {problem.message}" if problem.field else problem.message


def _document(file: Path) -> yaml.Node:
    try:
        raw = file.read_bytes()
        if len(raw) > LARGEST:
            raise Wrong(1, f"The file has {len(raw):,} bytes, more than a policy needs ({LARGEST:,}).")
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
        raise Wrong(1, f"The file holds {len(documents)} YAML documents: one policy a file.")
    return documents[0]


def _plain(node: yaml.Node, place: Place, lines: dict[Place, int]) -> Any:
    """A node as JSON; text is as it is written, and an integer is an integer only as the quorum."""
    lines.setdefault(place, node.start_mark.line + 1)
    if len(place) > 4:
        raise Wrong(node.start_mark.line + 1, "This is nested deeper than a policy is.")
    if node.tag not in _TAGS:
        raise Wrong(node.start_mark.line + 1, f"The tag {node.tag} has no meaning in a policy: remove it.")
    match node:
        case yaml.MappingNode():
            return {key: _plain(value, (*place, key), lines) for key, value in _pairs(node)}
        case yaml.SequenceNode():
            return [_plain(item, (*place, i), lines) for i, item in enumerate(node.value)]
        case yaml.ScalarNode():
            return _scalar(node, place)
    raise Wrong(node.start_mark.line + 1, "This is neither a text nor a list nor a mapping.")


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


def _scalar(node: yaml.ScalarNode, place: Place) -> str | int | None:
    text = str(node.value)
    if not node.style:  # written without quotes
        if text in {"", "~", "null"}:
            return None
        if place == ("quorum",) and text.isascii() and text.isdigit() and len(text) < 10:
            return int(text)
    return text

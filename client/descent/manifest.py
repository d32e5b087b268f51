"""A manifest: the file that a team stores with its model and that `descent register` sends."""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, Literal

from descent.convert import convert, snake_case
from descent.definition_rules import definition_findings
from descent.entry_rules import entry_findings, missing_profiles, unknown_metrics
from descent.errors import LIMIT, InvalidManifest, Problem
from descent.json_text import read_json
from descent.nodes import List, Map, Node, Path, path_text
from descent.references import Finding, cross_references
from descent.schema import manifest_shape
from descent.yaml_text import EMPTY, read_yaml

Format = Literal["yaml", "json"]


@dataclass(frozen=True, slots=True)
class Manifest:
    """The manifest in one file.

    `content` is ManifestInput in the shape of GraphQL, ready to be sent; `outside` are the references that only the
    registry can resolve.
    """

    source: str
    content: dict[str, Any]
    outside: tuple[str, ...]
    _root: Node = field(repr=False)

    def counts(self) -> dict[str, int]:
        """Return the number of elements of each section, by its key in YAML."""
        return {snake_case(name): len(self.content[name]) for name in manifest_shape().fields if self.content.get(name)}

    def check_entry(self) -> None:
        """Raise InvalidManifest if the manifest breaks a rule that holds for new records."""
        _refuse(entry_findings(self.content), self._root, self.source)

    def check(self, *, new: bool = True, profiles: bool = False, registered: Collection[str] = ()) -> None:
        """Raise InvalidManifest with what a registry would refuse, as far as that can be told without it.

        With `new`, that is what breaks a rule for new records, and metrics that are in neither the catalogue nor this
        manifest; `registered` are the names of metrics that the registry is known to define. With `profiles`, also
        versions without a safety profile, which no gate lets pass.
        """
        findings = []
        if new:
            findings += entry_findings(self.content)
            findings += definition_findings(self.content)
            findings += unknown_metrics(self.content, registered)
        findings += missing_profiles(self.content) if profiles else []
        _refuse(findings, self._root, self.source)

    def in_file(self, problem: Problem) -> Problem:
        """Return a problem that the registry reported about this manifest, with its place in the file."""
        if problem.field is None:
            return problem
        path = tuple(int(index) if index else name for name, index in re.findall(r"([^][.]+)|\[(\d+)\]", problem.field))
        return _placed(problem.message, path, self._root, problem)


def load_manifest(path: FilePath) -> Manifest:
    """Read the file of a manifest; the extension .json, .yaml or .yml decides its format.

    Raises OSError if the file cannot be read, and InvalidManifest if it is invalid.
    """
    formats: dict[str, Format] = {".json": "json", ".yaml": "yaml", ".yml": "yaml"}
    return parse_manifest(path.read_bytes(), str(path), formats.get(path.suffix.lower()))


def parse_manifest(data: bytes, source: str, written_in: Format | None = None) -> Manifest:
    """Read a manifest; without `written_in`, well-formed JSON is read as JSON and anything else as YAML.

    YAML has keys in snake_case and enum values in lower case; JSON may also have the names of GraphQL. Raises
    InvalidManifest with all problems, at most 100.
    """
    text = _decode(data, source)
    written_in = written_in or _guess(text)
    problems: list[Problem] = []

    def report(message: str, path: Path, node: Node | None) -> None:
        problems.append(_problem(message, path, node))

    root = (read_json if written_in == "json" else read_yaml)(text, source, report)
    if not isinstance(root, List | Map) and root.resolved() == "null":
        raise InvalidManifest([Problem(EMPTY, "INVALID_INPUT")], source)
    content = convert(root, manifest_shape(), report, graphql_names=written_in == "json")
    if problems:
        # Without the parts that were left out, references to them would look unknown.
        raise InvalidManifest(problems, source)
    found = cross_references(content)
    _refuse(found.findings, root, source)
    return Manifest(source, content, tuple(found.outside), root)


def _refuse(findings: list[Finding], root: Node, source: str) -> None:
    if findings:
        wrong = findings[:LIMIT]
        raise InvalidManifest([_placed(f.message, f.path, root, Problem(f.message, f.code)) for f in wrong], source)


def _decode(data: bytes, source: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"Byte 0x{data[error.start]:02x} is not UTF-8: save the file as UTF-8."
        raise InvalidManifest([Problem(message, "INVALID_INPUT", None, line)], source) from error


def _guess(text: str) -> Format:
    if not text.lstrip().startswith("{"):
        return "yaml"
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return "yaml"
    return "json"


def _problem(message: str, path: Path, node: Node | None, code: str | None = "INVALID_INPUT") -> Problem:
    line, column = (node.line or None, node.column or None) if node is not None else (None, None)
    return Problem(message, code, path_text(path) or None, line, column)


def _placed(message: str, path: Path, root: Node, problem: Problem) -> Problem:
    """Follow a path with GraphQL names through the file as far as possible, and return the problem with that place."""
    node, written = root, Path()
    for step in path:
        found = _step(node, step)
        if found is None:
            break
        key, node = found
        written = (*written, key)
    placed = _problem(message, written, node, problem.code)
    return Problem(message, problem.code, placed.field, placed.line, placed.column, problem.extensions)


def _step(node: Node, step: str | int) -> tuple[str | int, Node] | None:
    if isinstance(node, List) and isinstance(step, int) and step < len(node.items):
        return step, node.items[step]
    if isinstance(node, Map) and isinstance(step, int) and step < len(node.pairs):
        # a list that the file writes as a mapping of names to values
        key, value = node.pairs[step]
        return key.text, value
    if isinstance(node, Map):
        return next(((key.text, value) for key, value in node.pairs if key.text in (step, snake_case(str(step)))), None)
    return None

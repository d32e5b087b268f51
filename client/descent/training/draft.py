"""What a run has logged so far, as a manifest; each part is checked when it is logged, not hours later."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from descent.convert import convert
from descent.errors import InvalidInput, InvalidManifest, Problem
from descent.manifest import parse_manifest
from descent.masking import Masker
from descent.names import Ref
from descent.nodes import Node, path_text
from descent.nodes import Path as Place
from descent.schema import manifest_shape
from descent.training.hashing import HashedFile
from descent.training.plain import number, plain
from descent.yaml_text import read_yaml

Json = dict[str, Any]
Parent = str | tuple[str, str]
"""A version that another was derived from: its reference, which means fine_tune, or its reference and the relation."""

_NO_PARENT = (
    'Expected "model:NAME@VERSION", or that with a relation, ("model:NAME@VERSION", "merge"), got {!r}. '
    "The ref of a run is None until its version is registered: `descent push` sends what is kept."
)


class Draft:
    """A model version and what is said about it, while it is made. Every method raises InvalidInput or InvalidManifest
    for what the registry could not accept, and then nothing of it is kept.
    """

    def __init__(self, name: str, version: str | None, description: str | None) -> None:
        self.model: Json = {"name": name}
        self.model |= {"version": version} if version is not None else {}
        self.model |= {"description": description} if description else {}
        self.evaluations: list[Json] = []
        self._check()

    @property
    def subject(self) -> str:
        """The reference by which the manifest names this version."""
        return str(Ref("model", self.model["name"], self.model.get("version")))

    def derive(self, parents: Iterable[Parent]) -> list[str]:
        """Add the versions that this one was derived from; return those that were given without a relation."""
        derivations, implied = [], []
        for parent in parents:
            match parent:
                case str():
                    ref, relation = parent, "fine_tune"
                    implied.append(ref)
                case (str() as ref, str() as relation):
                    pass
                case _:
                    raise InvalidInput([Problem(_NO_PARENT.format(parent), field="parents")])
            derivations.append({"ref": ref, "relation": relation.upper()})
        self._extend("parents", derivations)
        return implied

    def use(self, ref: str, role: str) -> None:
        """Add data that the version learns from."""
        self._extend("trainedOn", [{"ref": ref, "role": role.upper()}])

    def configure(self, parameters: Any) -> None:
        """Add parameters; one that is there already has to have the same value."""
        given = plain(parameters)
        if not isinstance(given, dict):
            raise InvalidInput([Problem("log_config takes names with values: a mapping, a dataclass or a Namespace.")])
        held = self.model.get("config", {})
        for name, value in given.items():
            if name in held and held[name] != value:
                was, now = (json.dumps(one, ensure_ascii=False)[:80] for one in (held[name], value))
                raise InvalidInput([Problem(f"{name} was logged as {was} and is now {now}: a version has one config.")])
        self._check(config={**held, **given})
        self.model["config"] = {**held, **given}

    def evaluate(self, suite: Json, metrics: Mapping[str, Any], common: Json, about: Json) -> None:
        """Add an evaluation; `common` is in each result that does not say otherwise, `about` is of the evaluation."""
        if not metrics:
            raise InvalidInput([Problem("An evaluation needs a result: give metrics with values.")])
        results = [_result(name, value, common) for name, value in metrics.items()]
        now = datetime.now(UTC).isoformat(timespec="seconds")
        evaluation = {"subject": self.subject, "suite": suite, "evaluatedAt": now, **about, "metrics": results}
        self._check(evaluations=[evaluation])
        self.evaluations.append(evaluation)

    def profile(self, given: Mapping[str, Any] | str | Path) -> None:
        """State the safety profile: its content, or the YAML or JSON file that has it. Raises OSError."""
        profile = plain(given) if isinstance(given, Mapping) else _profile_in(Path(given))
        self._check(safety_profile=profile)
        self.model["safetyProfile"] = profile

    def manifest(
        self, files: Sequence[tuple[HashedFile, Json]], tensors: Sequence[Json], captured: Json, masker: Masker
    ) -> Json:
        """Return the manifest with the files and what was captured, without secrets, in the shape of GraphQL.

        `tensors` are statements about the files, each a TensorDigestsInput.
        """
        artifacts = [{**about, "digest": file.digest, "size": file.size} for file, about in files]
        model = {**self.model, **captured, **({"artifacts": artifacts} if artifacts else {})}
        whole = {"models": [model], "evaluations": self.evaluations, "tensorDigests": list(tensors)}
        whole = {section: entries for section, entries in whole.items() if entries}
        return _parsed(masker.manifest(whole))

    def _extend(self, part: str, items: list[Json]) -> None:
        self._check(**{part: [*self.model.get(part, ()), *items]})
        if items:
            self.model[part] = [*self.model.get(part, ()), *items]

    def _check(self, evaluations: Sequence[Json] = (), **parts: Any) -> None:
        """Raise InvalidManifest if parts of the version, or evaluations of it, could not be registered."""
        model = {name: value for name, value in self.model.items() if name in ("name", "version")} | parts
        _parsed({"models": [model], "evaluations": list(evaluations)})


def _parsed(manifest: Json) -> Json:
    """Return a manifest in the shape of GraphQL; raises InvalidManifest if it is invalid or breaks a rule of entry."""
    try:
        text = json.dumps(manifest, allow_nan=False)
    except ValueError as error:
        message = "NaN and infinity cannot be registered: leave them out, or give them as text."
        raise InvalidManifest([Problem(message, "INVALID_INPUT")], "run") from error
    checked = parse_manifest(text.encode(), "run", "json")
    checked.check_entry()
    return checked.content


def _result(name: str, value: Any, common: Json) -> Json:
    if isinstance(value, Mapping):
        return {"name": name, **common, **plain(value, (name,))}
    return {"name": name, **common, "value": number(value, (name,))}


def _profile_in(path: Path) -> Json:
    """Return the safety profile in a file, whose keys are in snake_case as in a manifest."""
    shape = manifest_shape().fields["models"].item
    assert shape is not None
    problems: list[Problem] = []

    def report(message: str, place: Place, node: Node | None) -> None:
        line, column = (node.line or None, node.column or None) if node is not None else (None, None)
        problems.append(Problem(message, "INVALID_INPUT", path_text(place) or None, line, column))

    # JSON is YAML, so one reader reads both.
    root = read_yaml(path.read_text("utf-8-sig"), str(path), report)
    profile = convert(root, shape.fields["safetyProfile"], report, graphql_names=True)
    if problems:
        raise InvalidManifest(problems, str(path))
    return profile

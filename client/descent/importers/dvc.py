"""DVC pipelines: `dvc.lock`, and the versions that GTO's tags name (`NAME@v1.2.0`), with their history.

What a stage read is what its outputs are derived from or trained on. An output is a model where `artifacts` in dvc.yaml
says `type: model`, where a mapping file names its path under `models`, or, with `--model`, if it is the one output that
no stage reads and that is no metric or plot. DVC identifies data by its MD5: the version of a dataset is `md5-…`, and
its partition has as digest the SHA-256 of the JSON `{"md5":"…"}`, so that the same data is found again.
"""

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from descent.importers import dvc_tags
from descent.importers.at import At
from descent.importers.claims import Claim, place_of
from descent.importers.draft import UNSTATED, Context, Draft, Unit, json_config, sha256_of
from descent.importers.dvc_tags import Tagged
from descent.importers.reading import Sources, is_file, read_text, read_yaml, refused, yaml_value
from descent.names import fault_in_name, fault_in_new_name

_LOCK: Final = "dvc.lock"
_HASHES: Final = ("md5", "etag", "checksum", "version_id")
_CODE: Final = (
    ".py",
    ".ipynb",
    ".r",
    ".rmd",
    ".jl",
    ".sh",
    ".scala",
    ".java",
    ".kt",
    ".cpp",
    ".c",
    ".rs",
    ".go",
    ".sql",
)


def find(path: str, sources: Sources) -> Iterator[Unit]:
    """Yield the versions that the tags of a repository name, oldest first, then each dvc.lock."""
    locks = set[str | None]()
    for version in dvc_tags.versions(path):
        locks.add(version.lock)
        yield version
    for file in sources.files(path, (_LOCK,)):
        if file.name != _LOCK:
            raise refused(str(file), "This is not a dvc.lock: import it, or the folder that it is in.")
        if locks and read_text(file) in locks:
            continue  # it is that of a version which a tag names
        beside = file.with_name("dvc.yaml")
        yield Unit(str(file), (file, beside) if is_file(beside) else (file,))


def convert(unit: Unit, context: Context) -> Draft:
    """Return the datasets and versions of a pipeline."""
    draft = Draft(unit.source)
    if not isinstance(unit, Tagged):
        design = read_yaml(unit.files[1]) if len(unit.files) > 1 else None
        _Pipeline(_stages(read_yaml(unit.files[0])), design, draft, context, None).add_all()
        return draft
    design = yaml_value(unit.design, unit.source) if unit.design else None
    kind = _kind(unit, design)
    if kind != "model":
        raise refused(unit.source, f"dvc.yaml says that this is of the type {kind}, and versions are of models.")
    if unit.lock is None:
        _add_tag(unit, draft)
    else:
        _Pipeline(_stages(yaml_value(unit.lock, unit.source)), design, draft, context, unit).add_all()
    _claim_stages(unit, draft, context)
    return draft


def _kind(tagged: Tagged, design: At | None) -> str:
    """Return the type of what a tag names, by `artifacts` in dvc.yaml: a model where it says nothing."""
    name = tagged.name.rpartition("=")[2]
    return (design.at("artifacts", name, "type").label() if design is not None else None) or "model"


def _add_tag(tagged: Tagged, draft: Draft) -> None:
    """Add a version of which the repository has no pipeline: its code is all that is known of it."""
    entry = {
        "name": tagged.name,
        "version": tagged.version,
        "createdAt": tagged.created_at,
        "code": {"repository": tagged.repository, "commit": tagged.commit},
    }
    tag = f"{tagged.name}@{tagged.version}"
    draft.add("models", entry, tag, f"model:{tag}, with its code")
    draft.skip("dvc.lock", "There is none in the commit of this tag: what it was made from is not said.")


def _claim_stages(tagged: Tagged, draft: Draft, context: Context) -> None:
    """Add what the stages of a version say of where it served."""
    ref = f"model:{tagged.name}@{tagged.version}"
    for one in tagged.stages:
        place = place_of(one.stage, ref, context, one.stage)
        if place is None:
            draft.skip(one.tag.name, f"{one.stage}: it served nowhere, as you said.")
            continue
        source = f"GTO: tag {one.tag.name} of {tagged.repository}"
        claim = Claim(one.tag.name, ref, *place, one.tag.person or "GTO", source, one.tag.date, one.until)
        draft.claims.append(claim)


@dataclass(slots=True)
class _Stage:
    name: str
    at: At
    inputs: list["_Item"] = field(default_factory=list)
    outputs: list["_Item"] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Item:
    """A file or folder that a stage read or wrote, with its hash."""

    path: str
    hash: str | None
    at: At


def _stages(lock: At) -> list[_Stage]:
    members = lock.mapping()
    stages = lock.at("stages").mapping() if "schema" in members else members  # before DVC 2 there was no schema
    found = [_stage(name, at) for name, at in stages.items() if isinstance(at.value, dict)]
    if not any(stage.outputs for stage in found):
        raise lock.fault("This is not a dvc.lock with outputs: no stage in it has `outs`.")
    return found


def _stage(name: str, at: At) -> _Stage:
    stage = _Stage(name, at)
    for member, items in (("deps", stage.inputs), ("outs", stage.outputs)):
        for one in at.at(member).items():
            path = one.at("path").text()
            if path is None:
                raise one.at("path").expected("the path of a file")
            hash = next((f"{key}-{value}" for key in _HASHES if (value := one.at(key).label())), None)
            items.append(_Item(posixpath.normpath(path) if "://" not in path else path, hash, one))
    return stage


class _Pipeline:
    """The stages of a dvc.lock, and what dvc.yaml says of their outputs."""

    def __init__(
        self, stages: list[_Stage], design: At | None, draft: Draft, context: Context, tagged: Tagged | None
    ) -> None:
        self.stages = stages
        self.draft = draft
        self.context = context
        self.tagged = tagged
        self.read = {item.path for stage in stages for item in stage.inputs}
        self.reports = _reports(design)
        self.artifacts = _artifacts(design)
        self.named: str | None = None
        self.about = self._only_output() if context.model is not None and tagged is None else None
        if tagged is not None and tagged.name not in self.artifacts.values():
            self.artifacts[self._only_output()] = tagged.name

    def add_all(self) -> None:
        for stage in self.stages:
            for item in stage.outputs:
                if item.path in self.reports:
                    self.draft.skip(item.at.place, f"{item.path}: a metric or plot, which DVC keeps in its own file.")
                else:
                    self._add(stage, item)

    def _only_output(self) -> str:
        found = {item.path for stage in self.stages for item in stage.outputs} - self.read - self.reports
        if len(found) != 1:
            message = (
                f"Which output is the model is not said: those that no stage reads are {len(found)} "
                f"({', '.join(sorted(found)) or 'none'}). Name it under `artifacts` in dvc.yaml, with `type: model`, "
                "or under `models` in a --mapping file, as PATH: NAME@VERSION."
            )
            raise refused(self.draft.source, message)
        return found.pop()

    def _model(self, item: _Item) -> str | None:
        """Return the reference to the version that a file is; None if it is no model."""
        name = self.artifacts.get(item.path)
        if self.tagged is not None and name == self.tagged.name:
            return self._valid(item, f"model:{name}@{self.tagged.version}")
        said = self.context.versions.get(item.path) or (name and self.context.versions.get(name)) or name
        if item.path == self.about and not self.context.versions.get(item.path):
            at = At(item.path, item.at.path, item.at.source)
            self.named = self.named or self.context.subject(self.draft, at, None, otherwise=item.hash or UNSTATED)
            return self.named
        if said is None:
            return None
        label, _, version = said.partition("@")
        return self._valid(item, f"model:{label}@{version or item.hash or UNSTATED}")

    def _ref(self, item: _Item) -> str:
        if model := self._model(item):
            return model
        name, _, version = self.context.datasets.get(item.path, item.path).partition("@")
        return self._valid(item, f"dataset:{name}@{version or item.hash or UNSTATED}")

    def _valid(self, item: _Item, ref: str) -> str:
        name, _, version = ref.partition(":")[2].partition("@")
        for part in (name, version):
            if fault := fault_in_name(part) or fault_in_new_name(part):
                raise item.at.fault(f'"{part}" {fault}: name it under `datasets` or `models` in a --mapping file.')
        return ref

    # ------------------------------------------------------------ records

    def _add(self, stage: _Stage, item: _Item) -> None:
        ref = self._ref(item)
        sources = [source for source in dict.fromkeys(self._sources(stage)) if source != ref]
        data = [source for source in sources if source.startswith("dataset:")]
        models = [source for source in sources if source.startswith("model:")]
        name, _, version = ref.partition(":")[2].partition("@")
        entry: dict[str, Any] = {"name": name, "version": version, "description": f"Written by the stage {stage.name}."}
        if ref.startswith("model:"):
            entry |= self._version(stage, item)
            if data:
                entry["trainedOn"] = [{"ref": source, "role": "TRAIN"} for source in data]
            if models:
                entry["parents"] = [{"ref": source, "relation": "OTHER"} for source in models]
        else:
            if item.hash:
                entry["partitions"] = [_partition(item)]
            if data:
                entry["derivedFrom"] = [{"ref": source, "relation": "OTHER"} for source in data]
            if models:
                entry["generatedBy"] = models
        how = f", from {', '.join(sources)}" if sources else ""
        section = "models" if ref.startswith("model:") else "datasets"
        self.draft.add(section, entry, item.at.place, f"{ref}, written by {stage.name}{how}")

    def _version(self, stage: _Stage, item: _Item) -> dict[str, Any]:
        """Return what is known of a version besides its lineage."""
        found: dict[str, Any] = {}
        if params := stage.at.at("params"):
            found["config"] = json_config(params, self.draft)
        if self.tagged is not None:
            found["createdAt"] = self.tagged.created_at
            found["code"] = {"repository": self.tagged.repository, "commit": self.tagged.commit}
        if item.hash:
            self.draft.skip(
                item.at.place, f"{item.path}: an artifact is identified by its SHA-256, and DVC has its MD5."
            )
        return found

    def _sources(self, stage: _Stage) -> Iterator[str]:
        """Yield what a stage read; what no stage wrote is registered by its name and hash."""
        written = {item.path for one in self.stages for item in one.outputs}
        for item in stage.inputs:
            if item.path in self.reports:
                continue
            if item.path.lower().endswith(_CODE) and item.path not in written:
                self.draft.skip(item.at.place, f"{item.path}: code, by its ending, and no data.")
                continue
            ref = self._ref(item)
            if item.path not in written:
                self.draft.mention(ref)
                if ref.startswith("dataset:") and item.hash:
                    self.draft.bare[ref]["partitions"] = [_partition(item)]
            yield ref


def _partition(item: _Item) -> dict[str, Any]:
    assert item.hash is not None
    key, _, value = item.hash.partition("-")
    found: dict[str, Any] = {"name": "data", "digest": sha256_of({key: value})}
    if "://" in item.path:
        found["uri"] = item.path
    return found


# ---------------------------------------------------------------- dvc.yaml


def _reports(design: At | None) -> set[str]:
    """Return the paths of metrics and plots."""
    if design is None:
        return set()
    places = [design, *(at for at in design.at("stages").mapping().values() if isinstance(at.value, dict))]
    found: list[Any] = []
    for place in places:
        for member in ("metrics", "plots"):
            at = place.at(member)
            for one in at.one_or_more():
                found += one.value if isinstance(one.value, dict) else [one.value]
    return {posixpath.normpath(path) for path in found if isinstance(path, str)}


def _artifacts(design: At | None) -> dict[str, str]:
    """Return the names of the artifacts that are models, by their paths."""
    found: dict[str, str] = {}
    for name, at in (design.at("artifacts").mapping() if design is not None else {}).items():
        path = at.at("path").text()
        if at.at("type").value == "model" and path is not None:
            found[posixpath.normpath(path)] = name
    return found

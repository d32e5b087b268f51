"""What a user says beside the files: --model and --mapping."""

from pathlib import Path
from typing import Final

from descent.errors import NotImported
from descent.importers import FORMATS
from descent.importers.at import At
from descent.importers.claims import judgements_of, places_of
from descent.importers.draft import Context
from descent.importers.metrics import MetricTable
from descent.importers.reading import read_yaml, refused
from descent.names import fault_in_name, fault_in_new_name

_SECTIONS: Final = ("models", "datasets", "metrics", "stages", "reviews", *FORMATS)


def context_of(format: str, model: str | None, mapping: str | None, key: str | None = None) -> Context:
    """Return the context for a format; raises NotImported if --model or the mapping file is invalid."""
    own = None if mapping is None else _mapping(Path(mapping))
    said = None if model is None else _model(model)
    if own is None:
        return Context(MetricTable(format), said, key=key)
    versions = {key: _version(given) for key, given in own.at("models").mapping().items()}
    datasets = {key: _version(given) for key, given in own.at("datasets").mapping().items()}
    stages = places_of(own.at("stages").mapping())
    reviews = judgements_of(own.at("reviews").mapping())
    return Context(MetricTable(format, own), said, versions, datasets, stages, reviews, key)


def _mapping(path: Path) -> At:
    own = read_yaml(path)
    for name, section in own.mapping().items():
        if name not in _SECTIONS:
            raise section.fault(f'There is no section "{name}"; a mapping may have {", ".join(_SECTIONS)}.')
    return own


def _version(given: At) -> str:
    text = given.text()
    if text is None:
        raise given.expected("NAME@VERSION")
    try:
        _model(text)
    except NotImported as error:
        raise given.fault(error.message) from error
    return text.removeprefix("model:").removeprefix("dataset:")


def _model(text: str) -> tuple[str, str | None]:
    name, at, version = text.removeprefix("model:").removeprefix("dataset:").partition("@")
    for part in (name, version) if at else (name,):
        if fault := fault_in_name(part) or fault_in_new_name(part):
            raise refused("--model", f'"{part}" {fault}: write NAME@VERSION.')
    return name, version if at else None

"""Importers: files that other tools wrote, as they are, turned into manifests.

One module for each format. Each has two functions:

- `find(path, sources)` yields a `Unit` for each transaction in what a user named: a file with what belongs to it. It
  only looks at names, and opens files where names do not decide.
- `convert(unit, context)` reads a unit and returns a `Draft`: the manifest, what became what, and what could not be
  placed. It raises NotImported, with the file, the place in it and the reason, if the unit cannot be imported.

A third, `join(units)`, is there where what several files say becomes one transaction; it is given all that was found.

`reading` is the only module that opens files, `metrics` the table of metric names, and `runner` does what is common to
all: it goes on after a file that fails, registers, and prints.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from descent.importers.draft import Context, Draft, Unit
    from descent.importers.reading import Sources

FORMATS: Final = {
    "hf": "hf",
    "inspect": "inspect",
    "lm-eval": "lm_eval",
    "mlflow": "mlflow",
    "garak": "garak",
    "openlineage": "openlineage",
    "metrics-csv": "metrics_csv",
    "croissant": "croissant",
    "eee": "eee",
    "cyclonedx": "cyclonedx",
    "helm": "helm",
    "dvc": "dvc",
    "model-signing": "model_signing",
}
"""The formats by their names on the command line, with the module of each."""


class Importer(Protocol):
    """The module of a format."""

    def find(self, path: str, sources: "Sources") -> "Iterator[Unit]":
        """Yield the transactions in what a user named."""

    def convert(self, unit: "Unit", context: "Context") -> "Draft":
        """Return the draft of one transaction."""


def importer(name: str) -> Importer:
    """Return the importer of a format; only its module is imported."""
    module: Importer = import_module(f"descent.importers.{FORMATS[name]}")
    return module

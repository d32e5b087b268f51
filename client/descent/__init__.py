"""Python client of Descent: asks a registry of model lineages, and reads and sends the manifests that fill it.

What reads manifests and what a training needs are imported when they are first used, so that other commands start
sooner.
"""

from typing import TYPE_CHECKING, Any

from descent.answers import Answer
from descent.client import Client, Exposure, Impact
from descent.connection import Connection
from descent.errors import DescentError, InvalidManifest, Problem, Refused, Unintelligible, Unreachable

if TYPE_CHECKING:
    from descent.manifest import Manifest, load_manifest, parse_manifest
    from descent.training import AsyncRun, Run, async_run, run

__all__ = [
    "Answer",
    "AsyncRun",
    "Client",
    "Connection",
    "DescentError",
    "Exposure",
    "Impact",
    "InvalidManifest",
    "Manifest",
    "Problem",
    "Refused",
    "Run",
    "Unintelligible",
    "Unreachable",
    "async_run",
    "load_manifest",
    "parse_manifest",
    "run",
]


def __getattr__(name: str) -> Any:
    if name in ("Manifest", "load_manifest", "parse_manifest"):
        from descent import manifest

        return getattr(manifest, name)
    if name in ("AsyncRun", "Run", "async_run", "run"):
        from descent import training

        return getattr(training, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

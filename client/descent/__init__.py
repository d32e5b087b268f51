"""Python client of Descent: asks a registry of model lineages, and reads and sends the manifests that fill it.

What reads manifests is imported when it is first used, so that commands that read none start sooner.
"""

from typing import TYPE_CHECKING, Any

from descent.client import Client, Exposure, Impact
from descent.connection import Connection
from descent.errors import DescentError, InvalidManifest, Problem, Refused, Unintelligible, Unreachable

if TYPE_CHECKING:
    from descent.manifest import Manifest, load_manifest, parse_manifest

__all__ = [
    "Client",
    "Connection",
    "DescentError",
    "Exposure",
    "Impact",
    "InvalidManifest",
    "Manifest",
    "Problem",
    "Refused",
    "Unintelligible",
    "Unreachable",
    "load_manifest",
    "parse_manifest",
]


def __getattr__(name: str) -> Any:
    if name in ("Manifest", "load_manifest", "parse_manifest"):
        from descent import manifest

        return getattr(manifest, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

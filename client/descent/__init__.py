"""Python client of Descent: asks a registry of model lineages, and reads and sends the manifests that fill it."""

from descent.client import Client, Exposure, Impact
from descent.connection import Connection
from descent.errors import DescentError, InvalidManifest, Problem, Refused, Unintelligible, Unreachable
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

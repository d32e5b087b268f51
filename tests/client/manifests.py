"""Manifests as text: read, or refused with one problem."""

from typing import Any

import pytest

from descent import InvalidManifest, Manifest, Problem, parse_manifest

DIGEST = "sha256:" + "a" * 64


def read(text: str, written_in: Any = "yaml") -> Manifest:
    return parse_manifest(text.encode(), "m", written_in)


def refused(text: str, written_in: Any = "yaml") -> tuple[Problem, ...]:
    with pytest.raises(InvalidManifest) as caught:
        read(text, written_in)
    return caught.value.problems


def models(*entries: str) -> str:
    return "models:\n" + "\n".join(f"- {{{entry}}}" for entry in entries)


# ---------------------------------------------------------------- references among themselves


def parent(ref: str) -> str:
    return f'parents: [{{ref: "{ref}", relation: fine_tune}}]'


def parents(*refs: str) -> dict[str, Any]:
    return {"models": [{"name": "a", "version": "1", "parents": [{"ref": ref, "relation": "MERGE"} for ref in refs]}]}

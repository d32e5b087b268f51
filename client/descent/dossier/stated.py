"""What a registry states about a version and no record holds: answers that it computed, signed by it.

An answer is kept as it came, beside its question. The questions are files that do not change, so that a dossier is
checked by the client of any later year: another question is another file.
"""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from descent.client import Client
from descent.errors import DescentError, NotProved
from descent.notes import Key, open_note
from descent.proofs import Tree

FORMAT = "descent.answer.v1"
_EROSION, _GATE = "erosion-1", "gate-1"
_FIELDS = {_EROSION: "erosion", _GATE: "gate"}

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Statement:
    """An answer whose note was checked: who signed it, when, and as of which entry of the log."""

    origin: str
    moment: str
    tree: Tree


def ask(client: Client, id: str, environments: Sequence[str]) -> list[Json]:
    """Return what the registry answers about erosion and gates of a version, each as `{about, question, answer, note}`.

    What it cannot answer is left out; `note` is None where it has no key.
    """
    asked: list[tuple[str, Json]] = [(_EROSION, {"of": id})]
    asked += [(_GATE, {"of": id, "environment": environment}) for environment in environments]
    found = []
    for name, variables in asked:
        try:
            found.append({"about": name, **client.stated(_text(name), variables)})
        except DescentError:
            if name == _GATE:
                raise  # whoever asks about an environment wants its gate
    return found


def computed(stated: Sequence[Mapping[str, Any]]) -> Json:
    """Return the answers, erosion and gates by environment, of statements."""
    found: Json = {"erosion": None, "gates": {}}
    for each in stated:
        answer, variables = json.loads(each["answer"]), json.loads(each["question"])["variables"]
        if each["about"] == _GATE:
            found["gates"][variables["environment"]] = answer["gate"]
        else:
            found["erosion"] = answer["erosion"]
    return found


def check(stated: Sequence[Mapping[str, Any]], subject: str, keys: Sequence[Key]) -> Iterator[Statement]:
    """Check that each statement answers one of our questions about a version and, with keys, who of them signed it.

    Raises NotProved, also where none of them did. Without keys nothing is yielded.
    """
    for each in stated:
        name, question = each["about"], json.loads(each["question"])
        variables = {"of": subject}
        if name == _GATE:
            variables["environment"] = question["variables"]["environment"]
        if name not in _FIELDS or question["query"] != _text(name) or question["variables"] != variables:
            raise NotProved.because("The dossier holds the answer to a question that dossiers do not ask.")
        if set(json.loads(each["answer"])) != {_FIELDS[name]}:
            raise NotProved.because("The dossier holds an answer that does not belong to its question.")
        if keys:
            yield _statement(each, keys)


def _statement(each: Mapping[str, Any], keys: Sequence[Key]) -> Statement:
    if each["note"] is None:
        raise NotProved.because("What the dossier says under 'computed' is signed by nobody.")
    text, signed = open_note(each["note"], keys)
    lines = text.split("\n")
    if len(lines) != 8 or lines[0] != FORMAT or all(key.name != lines[1] for key in signed):
        raise NotProved.because("The note of a computed answer is not signed with the registry's key.")
    if lines[5:7] != [_digest(each["question"]), _digest(each["answer"])]:
        raise NotProved.because("An answer under 'computed' is not the one that the registry signed.")
    return Statement(lines[1], lines[2], Tree(int(lines[3]), base64.b64decode(lines[4], validate=True)))


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _text(name: str) -> str:
    return resources.files("descent").joinpath("dossier", "questions", f"{name}.graphql").read_text("utf-8")

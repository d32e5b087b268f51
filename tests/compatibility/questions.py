"""Asking a registry everything that a document of GraphQL operations asks, and what commands tell of its store."""

import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import httpx2
from graphql import FragmentDefinitionNode, OperationDefinitionNode, parse

from tests.support.server_process import Asking

Values = Mapping[str, Mapping[str, str]]
"""For each variable what it stands for in turn, by names that are the same on each store."""

COMMANDS: Final = {
    "descentd verify": ("verify",),
    "descentd token list": ("token", "list"),
    "descentd deliveries list": ("deliveries", "list", "--limit", "1000"),
    "descentd deliveries destinations": ("deliveries", "destinations"),
}
"""What is asked of a store itself; each is written as JSON."""

_WRONG: Final = "Wrong"
_AT_ONCE: Final = 4


@dataclass(frozen=True, slots=True)
class Question:
    """An operation with one value for each of its variables; `name` tells it from all others."""

    name: str
    text: str
    variables: Mapping[str, str]

    @property
    def wrong(self) -> bool:
        """Whether an error is the answer."""
        return self.name.startswith(_WRONG)

    @property
    def lasting(self) -> bool:
        """Whether it is a subscription, which goes on after the answer."""
        return self.text.startswith("subscription")


def questions(document: str, values: Values) -> Iterator[Question]:
    """All questions of a document, in its order."""
    definitions = parse(document).definitions
    texts: dict[str, str] = {}
    for one in definitions:
        if isinstance(one, FragmentDefinitionNode):
            assert one.loc
            texts[one.name.value] = document[one.loc.start : one.loc.end]
    for one in definitions:
        if isinstance(one, OperationDefinitionNode):
            assert one.loc
            assert one.name
            text = _whole(document[one.loc.start : one.loc.end], texts)
            variables = [definition.variable.name.value for definition in one.variable_definitions or ()]
            for chosen in itertools.product(*(values[variable].items() for variable in variables)):
                name = " ".join([one.name.value, *(label for label, _ in chosen)])
                yield Question(name, text, dict(zip(variables, (value for _, value in chosen), strict=True)))


def _whole(text: str, fragments: Mapping[str, str]) -> str:
    """An operation with the fragments that it needs."""
    needed: dict[str, str] = {}
    waiting = [text]
    while waiting:
        for name in re.findall(r"\.\.\.(\w+)", waiting.pop()):
            if name not in needed:
                needed[name] = fragments[name]
                waiting.append(fragments[name])
    return "\n".join([text, *needed.values()])


def ask_all(server: Asking, token: str, asked: Iterable[Question]) -> dict[str, Any]:
    """The answer to each question, by its name. Raises AssertionError where one is refused, or none is that should."""
    with server.client() as client, ThreadPoolExecutor(_AT_ONCE) as pool:
        client.headers["Authorization"] = f"Bearer {token}"
        last = sequence(client)
        return dict(pool.map(lambda one: (one.name, _ask(client, one, last)), asked))


def sequence(client: httpx2.Client) -> int:
    """How many records there are."""
    return int(client.get("/readyz").json()["sequence"])


def _ask(client: httpx2.Client, question: Question, last: int) -> Any:
    sent = {"query": question.text, "variables": dict(question.variables)}
    if question.lasting:
        return list(itertools.islice(_events(client, sent), last))
    answer = client.post("/graphql", json=sent).json()
    assert ("errors" in answer) == question.wrong, (question.name, answer)
    return [_told(error) for error in answer["errors"]] if question.wrong else answer["data"]


def _told(error: Mapping[str, Any]) -> dict[str, Any]:
    """An error without what tells one request from another."""
    extensions = {name: value for name, value in error["extensions"].items() if name in {"code", "field"}}
    return {"message": error["message"], **extensions}


def _events(client: httpx2.Client, sent: Any) -> Iterator[Any]:
    with client.stream("POST", "/graphql", json=sent, headers={"Accept": "text/event-stream"}) as stream:
        for line in stream.iter_lines():
            name, _, told = line.partition(":")
            if name == "data" and told.strip():
                yield json.loads(told)["data"]


def command_answers(store: str, run: Callable[..., str]) -> dict[str, Any]:
    """What the commands of a program tell of a store."""
    return {name: json.loads(run(*command, "--store", store, "--format", "json")) for name, command in COMMANDS.items()}

"""Write the fixture of a folder with the code of some commit: `python -m tests.compatibility.make_fixture --help`."""

import argparse
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from tests.app.receiver import SECRET as NOTIFY_SECRET
from tests.app.receiver import Receiver
from tests.compatibility.differences import differences
from tests.compatibility.fixture import FOLDER, STORES, Fixture, address
from tests.compatibility.manifests import first_manifests
from tests.compatibility.neo4j_dump import dump, same
from tests.compatibility.questions import Question, Values, ask_all, command_answers
from tests.compatibility.served import Descentd
from tests.compatibility.story import LASTING, PEOPLE, SECRET, Story
from tests.support.neo4j_find import find
from tests.support.neo4j_server import Neo4jServer
from tests.support.server_process import Asking

READER = "Ada"
"""Who asks: whoever administers may ask everything."""
SOME = ("model:credit@2", "model:credit@3", "model:credit@5", "model:chat@2", "model:chat-merged@1", "model:chat-rag@1")
DATA = ("dataset:web@2023", "dataset:web@2023#forum", "dataset:loans@2024-12#train-us", "dataset:instructions@1")
MOMENTS = ("reviewed", "deployed", "reported", "cleared", "retracted")
OF_EACH_KIND = 5
TOLD = "version.registered, probes.due, flag.registered, incident.registered"
EVENTS = 'subscription { events(after: "0") { record { id ref kind } } }'
Json = dict[str, Any]


class Maker:
    """Makes a registry on each kind of store, keeps it, and asks it before and after it was kept."""

    def __init__(self, fixture: Fixture, descentd: Descentd, folder: Path, neo4j: Neo4jServer) -> None:
        self._fixture = fixture
        self._descentd = descentd
        self._folder = folder
        self._neo4j = neo4j

    def make(self) -> None:
        given: Json = {}
        answers: dict[str, Json] = {}
        for kind in STORES:
            given[kind], answers[kind] = self._make(kind)
        given["secret"] = SECRET
        given["manifests"] = [{"person": person, "manifest": manifest} for person, manifest in first_manifests()]
        self._fixture.write(given, answers)

    def _make(self, kind: str) -> tuple[Json, Json]:
        """What whoever asks later is given, and the answers."""
        self._neo4j.wipe()
        file = self._folder / f"{kind}.db"
        store = f"sqlite:///{file}" if kind == "sqlite" else address(self._neo4j)
        tokens = self._tokens(store)
        story = self._tell(store, tokens)
        if kind == "sqlite":
            self._fixture.keep_sqlite(file)
        else:
            self._fixture.keep_neo4j(self._neo4j)
        with self._served(store) as server:
            values = values_of(server, tokens[READER], story)
        asked = self._fixture.questions(values)
        answers = self._answers(store, tokens[READER], asked)
        again = self._answers(self._put_back(kind), tokens[READER], asked)
        if told := differences(answers, again):
            raise AssertionError("\n".join(["What was kept answers otherwise than what was written:", *told]))
        return {"tokens": tokens, "reader": READER, "values": values, "deliveries": story.deliveries}, answers

    def _served(self, store: str, *options: str, **environment: str) -> AbstractContextManager[Asking]:
        policies = ("--policies", str(self._fixture.policies))
        told = {"DESCENT_WEBHOOK_SECRETS": json.dumps([SECRET]), **environment}
        return self._descentd.served(store, *policies, *options, **told)

    def _tokens(self, store: str) -> dict[str, str]:
        """A token of each person by name, beside one that ends and one that was revoked."""

        def make(person: str, *options: str) -> str:
            roles = [part for role in PEOPLE[person] for part in ("--role", role)]
            made = self._descentd.run("token", "create", "--store", store, "--person", person, *roles, *options)
            return made.splitlines()[-1]

        tokens = {person: make(person) for person in PEOPLE}
        make("Zoë", "--expires", LASTING)
        make("Rob")
        *_, newest = json.loads(self._descentd.run("token", "list", "--store", store, "--format", "json"))
        self._descentd.run("token", "revoke", "--store", store, newest["id"])
        return tokens

    def _tell(self, store: str, tokens: Mapping[str, str]) -> Story:
        """Tell the story to a server that notifies somebody, who refuses the first notification."""
        with Receiver(statuses=[500]) as receiver:
            notify = self._folder / "notify.yaml"
            place = f"{{name: ci, url: '{receiver.url}', secrets: [{NOTIFY_SECRET}], kinds: [{TOLD}], attempts: 1}}"
            notify.write_text(f"destinations: [{place}]\n")
            with self._served(store, "--notify", str(notify), DESCENT_NOTIFY_ALLOW='["127.0.0.1"]') as server:
                story = Story(server, tokens)
                story.tell()
                command = ("deliveries", "destinations", "--store", store, "--format", "json")
                while any(one["behind"] for one in json.loads(self._descentd.run(*command))):
                    pass
        return story

    def _put_back(self, kind: str) -> str:
        """The address of a store that holds what was kept."""
        if kind == "sqlite":
            file = self._folder / "again.db"
            self._fixture.put_sqlite(file)
            return f"sqlite:///{file}"
        self._neo4j.wipe()
        self._fixture.put_neo4j(self._neo4j)
        with self._neo4j.driver() as driver:
            assert same(dump(driver), self._fixture.neo4j_dump())
        return address(self._neo4j)

    def _answers(self, store: str, token: str, asked: Sequence[Question]) -> Json:
        answers = command_answers(store, self._descentd.run)
        with self._served(store) as server:
            return answers | ask_all(server, token, asked)


def values_of(server: Asking, token: str, story: Story) -> Values:
    """What the variables of questions stand for."""
    [events] = ask_all(server, token, [Question("Events", EVENTS, {})]).values()
    records = [event["events"]["record"] for event in events]
    versions = [record["ref"] for record in records if record["kind"] == "MODEL_VERSION"]
    return {
        "record": _spread(records),
        "version": dict(zip(versions, versions, strict=True)),
        "some": dict(zip(SOME, SOME, strict=True)),
        "data": dict(zip(DATA, DATA, strict=True)),
        "moment": {name: story.moments[name] for name in MOMENTS},
        "decision": {name: id for name, id in story.acts.items() if name.startswith("decision")},
    }


def _spread(records: Sequence[Json]) -> dict[str, str]:
    """The ids of a few records of each kind, from the first to the last."""
    by_kind: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for i, record in enumerate(records, 1):
        by_kind[record["kind"]].append((f"{i} {record['kind']}", record["id"]))
    return {name: id for found in by_kind.values() for name, id in found[:: -(-len(found) // OF_EACH_KIND)]}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.compatibility.make_fixture", description=__doc__)
    parser.add_argument("folder", help="name of the folder here, with policies/ and questions.graphql in it")
    usual = Path(sys.executable).with_name("descentd")
    parser.add_argument("--descentd", type=Path, default=usual, help="the program that writes it (default: this one)")
    options = parser.parse_args()
    neo4j = find()
    neo4j.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            Maker(Fixture(FOLDER / options.folder), Descentd(options.descentd), Path(folder), neo4j).make()
    finally:
        neo4j.stop()


if __name__ == "__main__":
    main()

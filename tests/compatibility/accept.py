"""Expect answers that changed on purpose: `python -m tests.compatibility.accept --help`."""

import argparse
import json
import sys
import tempfile
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from tests.compatibility.differences import differences
from tests.compatibility.fixture import BOTH, FOLDER, STORES, Fixture, address
from tests.compatibility.questions import ask_all, command_answers
from tests.compatibility.served import Descentd
from tests.support.neo4j_find import find
from tests.support.neo4j_server import Neo4jServer

Json = dict[str, Any]


def answers_now(fixture: Fixture, kind: str, folder: Path, neo4j: Neo4jServer) -> Json:
    """What today's code answers about a copy of the registry on one store."""
    descentd = Descentd(Path(sys.executable).with_name("descentd"))
    if kind == "sqlite":
        file = folder / "registry.db"
        fixture.put_sqlite(file)
        store = f"sqlite:///{file}"
    else:
        neo4j.wipe()
        fixture.put_neo4j(neo4j)
        store = address(neo4j)
        descentd.run("upgrade", "--store", store, "--backup", str(folder / "backup.json.gz"))
    answers = command_answers(store, descentd.run)
    given = fixture.given()
    own = given[kind]
    secrets = json.dumps([given["secret"]])
    policies = ("--policies", str(fixture.policies))
    with descentd.served(store, *policies, DESCENT_WEBHOOK_SECRETS=secrets) as server:
        return answers | ask_all(server, own["tokens"][own["reader"]], fixture.questions(own["values"]))


def changed(fixture: Fixture, now: dict[str, Json]) -> dict[str, Json]:
    """The new answer to each question that is answered otherwise than is expected so far, by store."""
    expected = fixture.expected_changes()
    found: dict[str, Json] = {}
    for kind in STORES:
        before = fixture.answers(kind)
        for name, answer in now[kind].items():
            known = expected.get(name, {})
            wanted = known.get(BOTH, known.get(kind, before.get(name)))
            if differences({name: wanted}, {name: answer}):
                found.setdefault(name, {})[kind] = answer
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.compatibility.accept", description=__doc__)
    parser.add_argument("fixture", help="the name of a folder here")
    parser.add_argument("sentence", help="what CHANGELOG.md says of the change")
    parser.add_argument("question", nargs="*", help="which questions, such as 'Erosion*'; none: only list what changed")
    options = parser.parse_args()
    fixture = Fixture(FOLDER / options.fixture)
    neo4j = find()
    neo4j.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            now = {kind: answers_now(fixture, kind, Path(folder), neo4j) for kind in STORES}
    finally:
        neo4j.stop()
    found = changed(fixture, now)
    accepted = fixture.expected_changes()
    for name, answers in sorted(found.items()):
        chosen = any(fnmatch(name, pattern) for pattern in options.question)
        sys.stdout.write(f"{'accepted' if chosen else 'open    '}  {name}\n")
        if chosen:
            whole = {kind: now[kind][name] for kind in STORES}
            same = not differences(whole["sqlite"], whole["neo4j"])
            of = {BOTH: whole["sqlite"]} if same else {kind: whole[kind] for kind in STORES}
            accepted[name] = {"changelog": options.sentence, **of}
        else:
            before = fixture.answers("sqlite").get(name)
            for line in differences(before, answers.get("sqlite", before))[:3]:
                sys.stdout.write(f"            {line[:300]}\n")
    fixture.expect(accepted)


if __name__ == "__main__":
    main()

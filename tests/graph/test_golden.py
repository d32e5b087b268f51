"""Ids that must never change: whoever registers the same, with whatever version of Descent, gets these."""

import hashlib
import json
from pathlib import Path

import pytest

from descent.manifest import load_manifest
from descentd.graph.model.kinds import Kind
from descentd.graph.model.log import Entry
from descentd.graph.model.merkle import Frontier
from descentd.graph.model.records import Record
from descentd.graph.store.memory import MemoryStore
from descentd.graph.verify import verify
from tests.graph.samples import send

pytestmark = pytest.mark.anyio

HERE = Path(__file__).parent
STATED = {Kind.EVALUATION, Kind.SAFETY_PROFILE, Kind.POPULATION, Kind.VULNERABILITY, Kind.NOTE}
THINGS = {Kind.DATASET, Kind.PARTITION, Kind.CODE, Kind.CONFIG, Kind.ENVIRONMENT, Kind.MODEL_VERSION}


async def recorded() -> list[Record]:
    store = MemoryStore()
    await send(store, load_manifest(HERE / "golden.yaml").content)
    return [entry.record for entry in await store.entries(range(1, await store.sequence() + 1))]


async def test_the_ids_of_a_whole_manifest() -> None:
    """A line a record: kind, id, and the label where there is one. Records of one kind come by id."""
    records = sorted(await recorded(), key=lambda record: (record.kind, record.id))
    assert {record.kind for record in records} == STATED | THINGS | {Kind.METRIC_DEFINITION}
    told = [" ".join(filter(None, (record.kind, record.id, record.label))) for record in records]
    assert told == (HERE / "golden.ids").read_text().splitlines()


async def test_ids_are_what_the_rule_says() -> None:
    """SHA-256 over the kind and the content, put together here from the standard library alone."""
    for record in await recorded():
        body = record.body
        if record.kind is not Kind.CONFIG:  # where numbers are written in a way that only RFC 8785 knows
            assert (
                body == json.dumps(record.content, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
            )
        tagged = b"descent.record.v1:" + record.kind.encode() + b"\n" + body
        assert record.id == "sha256:" + hashlib.sha256(tagged).hexdigest()


async def test_what_follows_from_a_record_follows_from_its_body() -> None:
    """However the fields of what was sent were ordered."""
    store = MemoryStore()
    await send(store, load_manifest(HERE / "golden.yaml").content)
    assert (await verify(store)).problem is None
    for record in await recorded():
        again = Record(record.kind, record.body)
        assert (again.label, again.edges, again.keys, again.words) == (
            record.label,
            record.edges,
            record.keys,
            record.words,
        )


def test_numbers_and_keys_are_written_as_rfc_8785_has_them() -> None:
    """Its own examples (3.2.3 and appendix B), and keys in UTF-16 order."""
    content = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001, -0.0, 1e21, 1.0, 1e-7],
        "\u20ac": "Euro",
        "\r": "CR",
        "\ufb33": "Hebrew",
        "1": "One",
        "\U0001f600": "Smiley",
        "\u0080": "Control",
        "\u00f6": "O",
    }
    assert Record.of(Kind.CONFIG, content).body.decode() == (
        '{"\\r":"CR","1":"One","numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27,0,1e+21,1,1e-7],"\u0080":"Control",'
        '"\u00f6":"O","\u20ac":"Euro","\U0001f600":"Smiley","\ufb33":"Hebrew"}'
    )


def test_the_hash_of_an_entry_and_the_root_over_some() -> None:
    note = Record.of(Kind.NOTE, {"subject": "sha256:" + "1" * 64, "author": "ann", "text": "Größe."})
    assert note.id == GOLDEN_NOTE
    entries = [Entry(number, 1 + number // 3, note, 1735689600000000 + number, "zoë") for number in range(1, 6)]
    assert entries[0].hash.hex() == GOLDEN_ENTRY
    assert Frontier().append(entry.hash for entry in entries).root().hex() == GOLDEN_ROOT


GOLDEN_NOTE = "sha256:9adb0bd49f3d66a92dd06f66e75c9c30bf7832eb10a24d177c07dd6c91667e57"
GOLDEN_ENTRY = "5e2bbce0b4bd3ceb13e1786e0607804947541ba2e86c6ef27d766924d575631f"
GOLDEN_ROOT = "2844f40b629c15ca419b68f04749161f1f0d776df8084b5af4a860c3546dc5a5"

"""Reading: what every store answers about records that were put into it."""

import random

import pytest

from descentd.graph.model.kinds import KINDS, ROLES, Role
from descentd.graph.store.base import Store
from tests.support.contract.model import Model
from tests.support.histories import Histories, adding

ABSENT = ("model:nobody@1", "dataset:nobody@1#p", "sha256:" + "0" * 64, "", "metric:nobody", "sha256:")


async def filled(
    store: Store, seed: int = 7, transactions: int = 60, together: int = 10, *, disclosing: bool = False
) -> Model:
    """Put a random history into a store, `together` at a time; the model holds the same."""
    model = Model()
    groups = list(Histories(seed, disclosing=disclosing).transactions(transactions))
    for start in range(0, len(groups), together):
        part = groups[start : start + together]
        assert await store.write([adding(*records) for records in part]) == [None] * len(part)
        known = {record.id for record in model.records}
        for record in (record for records in part for record in records):
            if record.id not in known:
                known.add(record.id)
                model.records.append(record)
    return model


class ReadsContract:
    """Look-ups and searches. A subclass has a fixture `store`, open and empty."""

    @pytest.fixture
    async def model(self, store: Store) -> Model:
        """What `store` was filled with."""
        return await filled(store)

    async def test_an_empty_store_holds_nothing(self, store: Store) -> None:
        """Every question has an answer before anything was written."""
        assert await store.sequence() == 0
        assert await store.resolve(ABSENT) == {}
        assert await store.briefs([1, 0, -1]) == []
        assert await store.entries([1, 0, -1]) == []
        assert await store.find_by_keys(["model:m"]) == {}
        assert await store.links([1], ROLES, inward=True) == []
        assert list(await store.find_by_prefix("")) == []
        assert list(await store.search(["m"], "sha256:")) == []
        assert await store.sequence_at(2**60) == 0
        assert await store.audit(0, 10) == []
        assert await store.totals() == Model().totals()

    async def test_names_lead_to_their_records(self, store: Store, model: Model) -> None:
        """Ids and labels resolve, all in one call; what is absent is left out, and nothing at all is fine."""
        names = {name for record in model.records for name in (record.id, record.label) if name}
        assert await store.resolve(names) == model.resolve(names)
        assert await store.resolve([*ABSENT, *names]) == model.resolve(names)
        assert await store.resolve([]) == {}
        assert await store.resolve(list(names)[:1] * 3) == model.resolve(list(names)[:1])

    async def test_a_name_that_is_nearly_right_is_absent(self, store: Store, model: Model) -> None:
        """No look-up folds case, trims, or takes a beginning for the whole."""
        label = next(str(record.label) for record in model.records if record.label)
        id = model.records[0].id
        wrong = [label.upper(), label + " ", label[:-1], id.upper(), id[:-1], id + "0", label + "\0", f"{label}%"]
        assert await store.resolve(wrong) == {}

    async def test_briefs_and_entries_come_in_the_order_asked(self, store: Store, model: Model) -> None:
        """Repeats are repeated, and sequences that are not there are left out."""
        last = len(model.records)
        asked = [last, 1, last + 1, 0, 3, 1, -5, 2]
        there = [last, 1, 3, 1, 2]
        assert await store.briefs(asked) == [model.brief(s) for s in there]
        entries = await store.entries(asked)
        assert [entry.sequence for entry in entries] == there
        assert [entry.record for entry in entries] == [model.records[s - 1] for s in there]
        assert await store.briefs([]) == []
        assert await store.entries([]) == []

    async def test_every_record_is_kept_as_it_was(self, store: Store, model: Model) -> None:
        """Kind and content, byte for byte."""
        entries = await store.entries(range(1, len(model.records) + 1))
        assert [(e.record.kind, e.record.body) for e in entries] == [(r.kind, r.body) for r in model.records]

    async def test_holders_come_by_key_ascending(self, store: Store, model: Model) -> None:
        """Keys that nobody holds are left out."""
        keys = {key for record in model.records for key in record.keys}
        assert await store.find_by_keys([*keys, "digest:none", ""]) == model.find_by_keys(keys)
        assert await store.find_by_keys([]) == {}

    async def test_any_holder_is_one_of_a_keys_holders(self, store: Store, model: Model) -> None:
        """Keys that nobody holds are left out."""
        held = model.find_by_keys({key for record in model.records for key in record.keys})
        chosen = await store.any_by_keys([*held, "digest:none", ""])
        assert chosen.keys() == held.keys()
        assert all(chosen[key] in held[key] for key in held)
        assert await store.any_by_keys([]) == {}

    async def test_links_of_every_role_in_both_directions(self, store: Store, model: Model) -> None:
        """By source, role and target; each link once, however often its ends are asked for."""
        every = range(1, len(model.records) + 1)
        assert {link.role for link in model.all_links()} >= {Role.DERIVED_FROM, Role.TRAINED_ON, Role.INCLUDES}
        for inward in (True, False):
            assert await store.links(every, ROLES, inward=inward) == model.links(every, ROLES, inward=inward)
            for role in ROLES[::4]:
                assert await store.links(every, [role], inward=inward) == model.links(every, [role], inward=inward)

    async def test_links_of_some(self, store: Store, model: Model) -> None:
        """Any records and roles, in any order, with some that are not there."""
        chance = random.Random(3)
        for _ in range(10):
            asked = [chance.randrange(-2, len(model.records) + 3) for _ in range(6)]
            roles = chance.sample(ROLES, chance.randrange(5))
            inward = chance.random() < 0.5
            assert await store.links(asked, roles, inward=inward) == model.links(asked, roles, inward=inward)
        assert await store.links([], ROLES, inward=True) == []
        assert await store.links([1], [], inward=False) == []

    async def test_what_holds_a_key_with_a_beginning(self, store: Store, model: Model) -> None:
        """Exact text: no character of a prefix has a meaning."""
        keys = sorted({key for record in model.records for key in record.keys})
        for prefix in ["", "model:", "digest:sha256:", "metric:a", *keys[::9], "MODEL:", "mode_", "%", "*", "no", "'"]:
            found = await store.find_by_prefix(prefix)
            assert list(found) == model.find_by_prefix(prefix), prefix

    async def test_search_by_beginnings_of_words(self, store: Store, model: Model) -> None:
        """All words must be there; none of them is an operator."""
        present = "modele,mod,modele 3,7 modele 0,cafe,naive cafe 5,国勢,and not,jailbreak,triage,zoe,d2 p0"
        for query in present.split(","):
            assert model.search(query.split(), None), query
        for query in [*present.split(","), "and", "or", "near", "x" * 300, "modele absent", "調査", "hauschen", ""]:
            assert list(await store.search(query.split(), None)) == model.search(query.split(), None), query

    async def test_search_by_digest(self, store: Store, model: Model) -> None:
        """The beginnings of ids, artifact digests and partition digests, or a word beside them."""
        ids = [record.id for record in model.records]
        held = [
            key.partition(":")[2] for r in model.records for key in r.keys if key.startswith(("artifact:", "digest"))
        ]
        for whole in [*ids[::11], *held[::13]]:
            for length in (7, 10, 40, len(whole)):
                assert list(await store.search([], whole[:length])) == model.search([], whole[:length])
        assert list(await store.search(["cafe"], ids[0])) == model.search(["cafe"], ids[0])
        assert list(await store.search(["absent"], ids[0])) == [1]
        assert list(await store.search([], "sha256:zz")) == []

    async def test_kinds_come_back_as_they_were(self, store: Store, model: Model) -> None:
        """A brief's kind is the record's."""
        briefs = await store.briefs(range(1, len(model.records) + 1))
        assert [brief.kind for brief in briefs] == [record.kind for record in model.records]
        assert {brief.kind for brief in briefs} <= set(KINDS)

"""The rules of entry: what is new has to keep them, and what is registered already keeps what it has."""

from typing import Any

import pytest

from descentd.graph.metrics import catalogue
from descentd.graph.model import clock
from descentd.graph.model.errors import Code
from descentd.graph.model.kinds import Kind
from descentd.graph.model.names import rfc3339
from descentd.graph.model.records import Record
from descentd.graph.registration.entry_rules import Rules, broken_rules, faults
from descentd.graph.store.base import Proposal, Reads, Store
from descentd.graph.store.committer import Committer
from descentd.graph.verify import verify
from descentd.queries.evaluation.trend import trend
from descentd.queries.registry import Registry
from tests.graph.entering import BASE, SUITE, evaluation, problems
from tests.graph.samples import digest, send

pytestmark = pytest.mark.anyio


async def put(store: Store, *records: Record, person: str = "ann") -> None:
    """Records as they were registered before a rule was made."""

    async def draft(_reads: Reads) -> list[Record]:
        return list(records)

    await Committer(store).submit(Proposal(draft, person))


@pytest.mark.parametrize(
    ("metric", "value", "words"),
    [
        ("ece", 5.1, "0.051 for 5.1 %"),
        ("mc2", 41.0, "0.41 for 41 %"),
        ("f1", 83, "0.83 for 83 %"),
        ("auroc", 1.2, "check the value; if it is a percentage, send it as a fraction, 0.012 for 1.2 %"),
        ("mcc", -1.5, "check the value; if it is a percentage, send it as a fraction, -0.015 for -1.5 %"),
        ("mcc", 60.5, "given: send it as a fraction, 0.605 for 60.5 %"),
        ("f1", -50, "given: check the value, or define a metric"),
        ("r2", 85, "given: send it as a fraction, 0.85 for 85 %"),
        ("weat_effect_size", 60, "given: check the value, or define a metric"),
        ("win_rate", 55, "from 0 to 1"),
        ("demographic_parity_difference", -0.1, "from 0 to 1"),
        ("statistical_parity_difference", -12, "-0.12 for -12 %"),
        ("perplexity", 0.9, "1 or more"),
        ("latency_p95", -1, "0 or more"),
        ("r2", 1.1, "1 or less"),
        ("accuracy", 87.1, "0.871 for 87.1 %"),
        ("own", 7, "from 1 to 6"),
    ],
)
async def test_a_value_out_of_range_is_refused(memory: Store, metric: str, value: float, words: str) -> None:
    own = {"name": "own", "category": "BIAS", "direction": "LOWER_IS_BETTER", "minimum": 1, "maximum": 6}
    await send(memory, BASE | {"metrics": [own]})
    [(code, field, message)] = await problems(memory, evaluation({"name": metric, "value": value}))
    assert (code, field) == (Code.INVALID_INPUT, "evaluations[0].metrics[0].value")
    assert words in message


@pytest.mark.parametrize("metric", catalogue().values(), ids=catalogue())
async def test_every_metric_of_the_catalogue_has_a_range(metric: Any) -> None:
    least, most = metric.range
    assert least > float("-inf") or most < float("inf")
    for bound, outside in ((least, least - 0.001), (most, most + 0.001)):
        if abs(bound) < float("inf"):
            record = Record.of(Kind.EVALUATION, {"suite": SUITE, "metrics": [{"name": metric.name, "value": bound}]})
            assert not list(faults(record, Rules(catalogue().get, 0)))
            record = Record.of(Kind.EVALUATION, {"suite": SUITE, "metrics": [{"name": metric.name, "value": outside}]})
            assert [fault.field for fault in faults(record, Rules(catalogue().get, 0))] == ["metrics[0].value"]


BROKEN = {
    "no items": (evaluation({"name": "accuracy", "value": 0, "n": 0}), "evaluations[0].metrics[0].n"),
    "a slice with a space": (
        evaluation({"name": "accuracy", "value": 0, "slice": [{"attribute": "lang", "value": "en "}]}),
        "evaluations[0].metrics[0].slice[0].value",
    ),
    "an attribute with a space": (
        evaluation({"name": "accuracy", "value": 0, "slice": [{"attribute": " lang", "value": "en"}]}),
        "evaluations[0].metrics[0].slice[0].attribute",
    ),
    "a result of the future": (
        evaluation({"name": "accuracy", "value": 0}, evaluatedAt=rfc3339(clock.now() + 3_600_000_000)),
        "evaluations[0].evaluatedAt",
    ),
    "an evaluator of two scripts": (
        evaluation({"name": "accuracy", "value": 0}, evaluator="\u0430da"),
        "evaluations[0].evaluator",
    ),
    "a suite with a backslash": (
        evaluation({"name": "accuracy", "value": 0}, suite={"name": "a\\b", "version": "1"}),
        "evaluations[0].suite.name",
    ),
    "counts of what is no rate": (
        evaluation({"name": "ece", "value": 0, "pairedWith": [{"subject": "model:m@0", "n01": 1, "n10": 2}]}),
        "evaluations[0].metrics[0].pairedWith[0].n01",
    ),
    "a threshold in percent": (
        {"vulnerabilities": [{"subject": "model:m@1", "title": "t", "severity": "LOW",
                              "probe": {"suite": SUITE, "metric": "toxic_frac", "threshold": 5}}]},
        "vulnerabilities[0].probe.threshold",
    ),
    "a claim in percent": (
        {"safetyProfiles": [{"subject": "model:m@1", "profile": {
            "intendedUse": "u", "mustNotDo": [], "claims": [{"text": "t", "metric": "toxic_frac", "atMost": 5}]}}]},
        "safetyProfiles[0].profile.claims[0].atMost",
    ),
    "a population with a space": (
        {"datasets": [{"name": "d", "version": "1", "partitions": [
            {"name": "p", "digest": digest(1), "population": [{"attribute": "source", "value": "Books3 "}]}]}]},
        "datasets[0].partitions[0].population[0].value",
    ),
    "a complete list of nobody": (
        {"datasets": [{"name": "d", "version": "1", "partitions": [
            {"name": "p", "digest": digest(1), "populationDocumented": "COMPLETE",
             "population": [{"attribute": "a", "value": "b", "share": 0}]}]}]},
        "datasets[0].partitions[0].population",
    ),
    "a parent twice": (
        {"models": [{"name": "c", "version": "1", "parents": [
            {"ref": ref, "relation": "MERGE"} for ref in ("model:m@1", "model:m@0", "model:m@1")]}]},
        "models[0].parents[2].ref",
    ),
    "a parent twice, in two relations": (
        {"models": [{"name": "c", "version": "1", "parents": [
            {"ref": "model:m@1", "relation": relation} for relation in ("MERGE", "FINE_TUNE")]}]},
        "models[0].parents[1].ref",
    ),
    **{
        f"the name {name!r}": ({"models": [{"name": name, "version": "1"}]}, "models[0].name")
        for name in ("a\\b", "/a", "a/./b", ".", "a\ufe0fb", "a\u2800", "a\u034fb")
    },
    "a note that turns around": (
        {"notes": [{"subject": "model:m@1", "author": "ann", "text": "a\u202eb"}]}, "notes[0].text"
    ),
    "a description that turns around": (
        {"models": [{"name": "c", "version": "1", "description": "a\u202db",
                     "config": {"data": "\u202e"}}]},
        "models[0].description",
    ),
    "a profile that turns around": (
        {"models": [{"name": "c", "version": "1", "safetyProfile": {
            "intendedUse": "u", "mustNotDo": ["b", "a\u202eb"]}}]},
        "models[0].safetyProfile.mustNotDo[1]",
    ),
    "the version '/1'": ({"models": [{"name": "a", "version": "/1"}]}, "models[0].version"),
    "the partition '.'": (
        {"datasets": [{"name": "d", "version": "1", "partitions": [{"name": ".", "digest": digest(1)}]}]},
        "datasets[0].partitions[0].name",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
async def test_what_is_new_keeps_the_rules(memory: Store, case: str) -> None:
    manifest, broken = BROKEN[case]
    await send(memory, BASE)
    await send(memory, {"models": [{"name": "m", "version": "0", "config": {"a": 0}}]})
    found = await problems(memory, manifest)
    assert [(code, field) for code, field, _ in found] == [(Code.INVALID_INPUT, broken)]


@pytest.mark.parametrize("case", ["a slice with a space", "a result of the future", "no items"])
async def test_what_is_registered_already_is_registered_again(each: Store, case: str) -> None:
    """The same content adds nothing, whatever rule it breaks by now."""
    done = await send(each, BASE)
    [version] = [record for record in done.records if record.kind is Kind.MODEL_VERSION]
    manifest, _ = BROKEN[case]
    content = manifest["evaluations"][0] | {"subject": version.id}
    await put(each, Record.of(Kind.EVALUATION, content))
    again = await send(each, manifest)
    assert not again.created
    assert [record.kind for record in again.records] == [Kind.EVALUATION]


async def test_a_text_that_is_older_than_its_rule_is_registered_again_and_listed(each: Store) -> None:
    done = await send(each, BASE)
    [version] = [record for record in done.records if record.kind is Kind.MODEL_VERSION]
    manifest, _ = BROKEN["a note that turns around"]
    await put(each, Record.of(Kind.NOTE, manifest["notes"][0] | {"subject": version.id}))
    assert not (await send(each, manifest)).created
    [found] = [one async for one in broken_rules(each)]
    assert (found.kind, found.field) == (Kind.NOTE, "text")
    assert "U+202E" in found.message


async def test_a_name_that_is_registered_stays_a_ref(each: Store) -> None:
    old = Record.of(Kind.MODEL_VERSION, {"name": "/a", "version": "1"})
    await put(each, old)
    assert not (await send(each, {"models": [{"name": "/a", "version": "1"}]})).created
    child = {"name": "b", "version": "1", "parents": [{"ref": "model:/a@1", "relation": "FINE_TUNE"}]}
    done = await send(each, {"models": [child]})
    assert done.records[0].content["parents"][0]["node"] == old.id


async def test_a_clock_may_be_a_little_ahead(memory: Store) -> None:
    near = rfc3339(clock.now() + 200_000_000)
    assert (await send(memory, BASE | evaluation({"name": "accuracy", "value": 0}, evaluatedAt=near))).created


@pytest.mark.parametrize(
    ("written", "meant"),
    [("acc,none", "acc"), ("f1,none", "f1"), ("mc2,none", "mc2"), ("exact_match,strict-match", "exact_match")],
)
async def test_keys_of_a_harness_are_suggested_rightly(memory: Store, written: str, meant: str) -> None:
    await send(memory, BASE)
    [(code, field, message)] = await problems(memory, evaluation({"name": written, "value": 0.5}))
    assert (code, field) == (Code.UNKNOWN_METRIC, "evaluations[0].metrics[0].name")
    assert f"did you mean {meant}?" in message


async def test_a_key_with_at_is_told_its_name(memory: Store) -> None:
    [(code, field, message)] = await problems(memory, evaluation({"name": "pass@1", "value": 0.5}))
    assert (code, field) == (Code.INVALID_INPUT, "evaluations[0].metrics[0].name")
    assert "write 'pass_at_1'" in message
    assert "pass_at_1" in catalogue()


async def test_not_a_number_gets_one_advice(memory: Store) -> None:
    advice = {(await problems(memory, evaluation({"name": "accuracy", "value": value})))[0][2].partition(":")[2]
              for value in ("NaN", ".nan", float("nan"), float("inf"))}  # fmt: skip
    assert advice == {" where nothing was measured, leave the result out."}


async def test_an_empty_description_is_none(memory: Store) -> None:
    await send(memory, BASE)
    same = BASE["models"][0] | {"description": ""}
    assert not (await send(memory, {"models": [same]})).created


async def test_the_audit_lists_what_is_older_than_a_rule(each: Store) -> None:
    done = await send(each, BASE)
    [version] = [record for record in done.records if record.kind is Kind.MODEL_VERSION]
    assert not [one async for one in broken_rules(each)]
    old = [
        Record.of(Kind.EVALUATION, BROKEN[case][0]["evaluations"][0] | {"subject": version.id})
        for case in ("a slice with a space", "a result of the future", "no items")
    ]
    await put(each, *old, Record.of(Kind.MODEL_VERSION, {"name": "/a", "version": "1"}), person="\u0430da")
    found = [(one.sequence - await each.sequence() + 4, one.field) async for one in broken_rules(each)]
    assert found == [
        (1, "metrics[0].slice[0].value"),
        (1, "recordedBy"),
        (2, "evaluatedAt"),
        (2, "recordedBy"),
        (3, "metrics[0].n"),
        (3, "recordedBy"),
        (4, "name"),
        (4, "recordedBy"),
    ]


async def test_what_is_older_than_a_rule_clears_nothing(registry: Registry) -> None:
    """Results that break a rule stay on record and count in no answer, though one would be the newest or the best."""
    await send(registry.store, {"models": [{"name": "m", "version": "1"}]} | evaluation({"name": "ece", "value": 0.2}))
    subject = (await registry.store.resolve(["model:m@1"]))["model:m@1"].id
    for metric, more in (
        ({"name": "ece", "value": -3}, {}),
        ({"name": "ece", "value": 0.01, "n": 0}, {}),
        ({"name": "ece", "value": 0.01, "slice": [{"attribute": "lang", "value": "en "}]}, {}),
        ({"name": "ece", "value": 0.01}, {"evaluatedAt": "2199-01-01T00:00:00Z"}),
    ):
        content = {"subject": subject, "suite": SUITE, "metrics": [metric], **more}
        await put(registry.store, Record.of(Kind.EVALUATION, content))
    found = await trend(registry, "model:m@1", "ece", None, None)
    assert [point.result.value for _, line in found.lines for point in line.points] == [0.2]


async def test_what_was_stored_before_look_alikes_had_a_key_is_verified(each: Store) -> None:
    old = Record.of(Kind.DATASET, {"name": "Ch\u0430t", "version": "1"})
    assert old.keys
    old.__dict__["keys"] = ()
    await put(each, old)
    assert (await verify(each)).problem is None
    assert not (await send(each, {"datasets": [{"name": "Ch\u0430t", "version": "1"}]})).created

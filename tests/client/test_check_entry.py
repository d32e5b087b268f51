"""`descent check` applies the rules of entry in the registry's words; the registry itself is the oracle."""

import asyncio
import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from descent.errors import InvalidManifest
from descent.manifest import parse_manifest
from descentd.graph.model.errors import DescentError, Invalid
from descentd.graph.store.memory import MemoryStore
from tests.client.test_check import MODEL, evaluation, found, measured, metric, refused
from tests.graph.samples import send
from tests.support.manifests import Manifest


def result(name: str, value: float, more: dict[str, Any] | None = None, **of_it: Any) -> Manifest:
    """A manifest with one result, whose evaluation has `more`."""
    given = evaluation(name) | (more or {})
    return {"models": [MODEL, PARENT], "evaluations": [given | {"metrics": [{"name": name, "value": value} | of_it]}]}


PARENT = MODEL | {"name": "p"}
AGAIN = {"category": "BIAS", "direction": "HIGHER_IS_BETTER"}
OLD = [{"attribute": "age ", "value": "65+"}]
LATER: list[Manifest] = [
    *(
        result(name, value)
        for name, value in (
            ("f1", 1.2),
            ("f1", -50),
            ("f1", 83),
            ("f1", 2.1),
            ("mcc", -1.5),
            ("mcc", 60.5),
            ("r2", 85),
            ("auroc", -0.1),
            ("perplexity", 0.3),
            ("rmse", -1),
            ("weat_effect_size", 60),
        )
    ),
    result("f1", 0.5, n=0),
    result("f1", 0.5, slice=OLD),
    result("f1", 0.5, n=10, pairedWith=[{"subject": "model:p@1", "n01": 1, "n10": 2}]),
    result("f1", 0.5, {"evaluatedAt": "2999-01-01T00:00:00Z"}),
    {"metrics": [{"name": "f1", **AGAIN}, *metric(minimum=2, maximum=7)["metrics"]]} | result("own", 8),
    {"metrics": [{"name": "f1", **AGAIN, "tolerance": 0.01}]} | result("f1", 83),
]
"""What breaks a rule that holds for new records."""


@pytest.mark.parametrize("manifest", LATER, ids=lambda manifest: json.dumps(manifest["evaluations"])[-90:])
def test_rules_of_entry_are_those_of_the_registry(manifest: Manifest) -> None:
    """The same places and the same sentences, but for whose clock it is and how a field is spelled in YAML."""

    def plain(message: str) -> str:
        return message.replace("the registry's clock", "this machine's clock").replace("differenceVariance", "(it)")

    with pytest.raises(DescentError) as error:
        asyncio.run(send(MemoryStore(), manifest))
    expected = error.value.problems if isinstance(error.value, Invalid) else [error.value]
    with pytest.raises(InvalidManifest) as offline:
        parse_manifest(json.dumps(manifest).encode(), "m.json", "json").check()
    found = [(one.field, one.message.replace("difference_variance", "(it)")) for one in offline.value.problems]
    assert found == [(one.field, plain(one.message)) for one in expected]


def texts(given: str) -> dict[str, Manifest]:
    """Manifests with a text in one of their fields, by the field."""
    partition = {"name": "p", "digest": "sha256:" + "1" * 64, "population": [{"attribute": given, "value": "x"}]}
    lineage = {"parents": [{"ref": "model:p@1", "relation": "FINE_TUNE"}], "source": given, "reason": "r"}
    return {
        "evaluator": result("f1", 0.5, {"evaluator": given}),
        "slice": result("f1", 0.5, slice=[{"attribute": "a", "value": given}]),
        "population": {"datasets": [{"name": "d", "version": "1", "partitions": [partition]}]},
        "author": {"models": [MODEL], "notes": [{"subject": "model:m@1", "author": given, "text": "x"}]},
        "text": {"models": [MODEL], "notes": [{"subject": "model:m@1", "author": "a", "text": given}]},
        "license": {"datasets": [{"name": "d", "version": "1", "license": given}]},
        "description": {"datasets": [{"name": "d", "version": "1", "description": given}]},
        "mustNotDo": {"models": [MODEL | {"safetyProfile": {"intendedUse": "t", "mustNotDo": [given]}}]},
        "commit": {"models": [MODEL | {"code": {"repository": "r", "commit": given}}]},
        "dependency": {"models": [MODEL | {"environment": {"dependencies": [{"name": given, "version": "1"}]}}]},
        "source": {"models": [MODEL, PARENT], "disclosures": [{"subject": "model:m@1", **lineage}]},
        "unit": metric(unit=given),
        "name": {"models": [MODEL | {"name": given}]},
        "suite": result("f1", 0.5, {"suite": {"name": given, "version": "1"}}),
    }


@pytest.mark.parametrize("field", texts(""))
@pytest.mark.parametrize(
    "given",
    [
        *("", "  ", " x ", "a\u202eb", "an\u200cna", "a\u200bb", "a\x07b", "a\nb", "x\u00b2", "../x", "\u3164a"),
        *(
            "\u0440\u0430ypal",
            "\uff21\uff22",
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
            "x" * 300,
            "ana@acme",
        ),
    ],
    ids=lambda given: ascii(given)[:20],
)
def test_texts_are_refused_where_the_registry_does(field: str, given: str) -> None:
    """Characters that cannot be seen, texts of nothing but spaces, and what no person's name has."""
    manifest = texts(given)[field]
    assert [at for _, at in found(manifest)] == [at for _, at in refused(manifest)]


def test_keys_of_harnesses_are_suggested_as_the_registry_does() -> None:
    for key in ("acc,none", "f1,none", "mc2,none", "acc_norm,none", "exact_match,strict-match", "Accuracy", "roc-auc"):
        with pytest.raises(InvalidManifest) as offline:
            parse_manifest(json.dumps(measured(key)).encode(), "m.json", "json").check()
        [problem] = offline.value.problems
        with pytest.raises(DescentError, match="did you mean") as error:
            asyncio.run(send(MemoryStore(), measured(key)))
        meant = error.value.message.partition("did you mean ")[2].partition("?")[0].partition(",")[0]
        assert f": write {meant.partition(' ')[0]}, or define it" in problem.message


def test_a_definition_has_the_bounds_of_the_catalogue_only_where_it_means_the_same() -> None:
    other = {"metrics": [{"name": "f1", **AGAIN, "tolerance": 3}]} | result("f1", 83)
    assert (refused(other), found(other)) == ([], [])


@pytest.mark.parametrize(("seconds", "problems"), [(200, 0), (500, 1)])
def test_a_result_may_be_as_far_ahead_as_clocks_differ(seconds: int, problems: int) -> None:
    moment = datetime.now(timezone(timedelta(hours=-7))) + timedelta(seconds=seconds)
    given = result("f1", 0.5, {"evaluatedAt": f"{moment.isoformat()[:-6]}123-07:00"})
    assert len(found(given)) == len(refused(given)) == problems

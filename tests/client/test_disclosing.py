"""Lineage that was learned later, on the command line: what follows it, how it is shown, and how it is taken back."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.client.cli import run
from tests.support.server_process import ServerProcess

DATA = {"name": "p", "digest": "sha256:" + "1" * 64, "populationDocumented": "COMPLETE"}
SWAHILI = [{"attribute": "lang", "value": "sw", "share": 1}]
LINEAGE: dict[str, Any] = {
    "datasets": [{"name": "d", "version": "1", "partitions": [DATA | {"population": SWAHILI}]}],
    "models": [{"name": name, "version": "1", "config": {"name": name}} for name in ("base", "child")],
}
PARENT = {"parents": [{"ref": "model:base@1", "relation": "FINE_TUNE"}], "source": "the card", "reason": "Left out."}
LEARNED = {"trainedOn": [{"ref": "dataset:d@1#p", "role": "TRAIN"}], "source": "a letter", "reason": "Told later."}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with ServerProcess("memory:") as server:
        sent(server.url, LINEAGE)
        sent(server.url, {"disclosures": [{"subject": "model:child@1"} | PARENT]})
        sent(server.url, {"disclosures": [{"subject": "model:base@1", "complete": True} | LEARNED]})
        yield server.url


def sent(url: str, manifest: dict[str, Any]) -> None:
    ran = run("register", "-", "--url", url, stdin=json.dumps(manifest))
    assert ran.exit_code == 0, ran.output


def done(url: str, *args: str) -> str:
    ran = run(*args, "--url", url)
    assert ran.exit_code == 0, ran.output
    return ran.stdout


@pytest.mark.parametrize(
    "args",
    [("impact", "dataset:d@1#p"), ("trained-on", "lang=sw"), ("paths", "dataset:d@1#p", "model:child@1")],
    ids=lambda args: args[0],
)
def test_a_disclosure_is_a_step_that_points_to_its_subject(url: str, args: tuple[str, ...]) -> None:
    """It states an edge of its own and is about its subject: the arrow from it leads on, not back."""
    said = done(url, *args)
    assert "dataset:d@1#p ←TRAINED_ON- sha256:" in said
    assert " -ABOUT→ model:base@1 ←DERIVED_FROM- sha256:" in said
    assert " -ABOUT→ model:child@1" in said
    assert "←ABOUT-" not in said


def test_a_lineage_marks_what_was_disclosed(url: str) -> None:
    rows = done(url, "lineage", "model:child@1", "--ancestors").splitlines()
    marked = [row for row in rows if row.endswith(" (disclosed)")]
    assert [row.split()[2] for row in marked] == ["model:base@1", "dataset:d@1#p"]
    assert len(rows) > len(marked) + 1  # a version names its config itself


def test_what_is_retracted_no_longer_counts_until_that_is_retracted(url: str) -> None:
    page = json.loads(done(url, "show", "model:child@1", "--format", "json"))
    [disclosure] = page["disclosures"]
    gone = json.loads(done(url, "retract", disclosure["id"], "--reason", "Forged.", "--format", "json"))["id"]
    assert done(url, "paths", "model:base@1", "model:child@1").startswith("0 derivations")
    assert "retracted" in done(url, "show", "model:child@1")
    done(url, "retract", gone, "--reason", "It was genuine.")
    assert done(url, "paths", "model:base@1", "model:child@1").startswith("1 derivation\n")


def test_one_that_closes_a_cycle_is_refused(url: str) -> None:
    back = {"subject": "model:base@1"} | PARENT | {"parents": [{"ref": "model:child@1", "relation": "DISTILL"}]}
    ran = run("register", "-", "--url", url, stdin=json.dumps({"disclosures": [back]}))
    assert ran.exit_code == 1
    assert "model:base@1 would descend from itself, because model:child@1 descends from it" in ran.stderr

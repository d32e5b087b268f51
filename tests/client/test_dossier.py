"""The dossier of a version: complete, proved, refused after any change, and checked by the client alone."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from descent.cli import app
from descent.client import Client
from descent.dossier import views
from descent.dossier.file import check, dump, export
from descent.dossier.page import page
from descent.dossier.stated import computed
from descent.errors import InvalidInput, NotProved
from descent.notes import Key
from descentd.app.checkpoints.signed_note import SigningKey
from tests.client.credit import BASE, SUBJECT, digest, evaluation, manifest
from tests.support.server_process import ServerProcess

KEY = SigningKey.generate("example.org/dossiers")
PUBLIC = Key.parse(str(KEY.public))
POLICY = """\
environment: production
quorum: 0
rules:
  - name: measured
    expression: metrics["accuracy"].all(m, m.value >= 0.5)
    message: Accuracy has to be at least 0.5.
"""


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("dossier")
    (folder / "policies").mkdir()
    (folder / "policies" / "production.yaml").write_text(POLICY, "utf-8")
    options = ("--policies", str(folder / "policies"))
    with ServerProcess(f"sqlite:///{folder / 'r.db'}", *options, DESCENT_SIGNING_KEY=KEY.dump()) as server:
        claim = {"by": "Rita", "source": "minutes of 2024-05-02"}
        with Client(server.url) as client:
            client.register(manifest())
            client.review(
                {"subject": SUBJECT, "environment": "production", "decision": "GO", "reason": "Fair.", "claimed": claim}
            )
            client.promote(SUBJECT, "production")
            client.deploy({"subject": SUBJECT, "environment": "production", "endpoint": "/score"})
            incident = {"title": "Scores drop", "severity": "HIGH", "environment": "production", "endpoint": "/score"}
            client.report_incident(incident)
            retracted = next(iter(client.evaluations(SUBJECT)))["node"]["id"]
            client.register({"evaluations": [{**evaluation(SUBJECT), "evaluator": "Eva"}]})
            client.retract({"subjects": [retracted], "reason": "Wrong split."})
        yield server


@pytest.fixture(scope="module")
def dossier(registry: ServerProcess) -> dict[str, Any]:
    with Client(registry.url) as client:
        return export(client, SUBJECT, ["production"])


def test_it_holds_what_is_on_record_and_says_what_is_not(dossier: dict[str, Any]) -> None:
    assert dossier["version"]["ref"] == SUBJECT
    assert [one["ref"] for one in dossier["ancestry"]] == [BASE]
    assert dossier["ancestry"][0]["digests"] == [digest(1)]
    data = {one["ref"]: one for one in dossier["data"]}
    assert set(data) == {"dataset:loans@1#train", "dataset:loans@1#holdout"}
    assert data["dataset:loans@1#train"]["populationDocumented"] == "COMPLETE"
    assert data["dataset:loans@1#holdout"]["populationDocumented"] is None
    accuracy = [one for one in dossier["evaluations"] if one["metric"] == "accuracy"]
    assert [one["retracted"] for one in accuracy] == [True, False]
    assert accuracy[0]["interval"] == pytest.approx([0.8804, 0.9196], abs=1e-4)
    [gap] = dossier["subgroupGaps"]
    assert (gap["attribute"], gap["lowest"], gap["highest"]) == ("age_group", "65+", "18-64")
    assert gap["gap"] == pytest.approx(0.15)
    assert dossier["profile"]["content"]["mustNotDo"] == ["Decline alone."]
    assert dossier["policies"][0]["content"]["rules"][0]["name"] == "measured"
    counts = {
        name: len(dossier[name]) for name in ("reviews", "promotions", "deployments", "incidents", "notes", "flags")
    }
    assert counts == {"reviews": 1, "promotions": 1, "deployments": 1, "incidents": 1, "notes": 1, "flags": 0}
    assert dossier["reviews"][0]["content"]["claimed"]["source"] == "minutes of 2024-05-02"
    assert dossier["computed"]["erosion"]["verdict"]
    assert [rule["name"] for rule in dossier["computed"]["gates"]["production"]["rules"]][:1] == ["measured"]
    assert "No code of the version is recorded." in dossier["notKnown"]
    assert "The population of dataset:loans@1#holdout is not documented." in dossier["notKnown"]
    assert (
        "4 of 6 results have no recorded standard error above 0, so there is no interval for them."
        in dossier["notKnown"]
    )
    refs = {one["record"]["ref"] for one in dossier["records"]}
    assert "model:credit@3" not in refs, "a descendant is no part of it"
    assert "dataset:other@1" not in refs
    assert dossier["complete"] is True


def test_it_is_proved_and_signed(dossier: dict[str, Any]) -> None:
    checked = check(dump(dossier), [PUBLIC])
    assert (checked.ref, checked.records) == (SUBJECT, len(dossier["records"]))
    assert checked.signed is not None
    assert checked.signed.origin == KEY.name
    assert checked.signed.tree == checked.tree
    assert {one.origin for one in checked.stated} == {KEY.name}
    assert len(checked.stated) == 2
    assert check(dump(dossier), []).stated == []
    with pytest.raises(NotProved, match="none of the given keys"):
        check(dump(dossier), [Key.parse(str(SigningKey.generate(KEY.name).public))])


def test_any_byte_that_changes_is_refused(dossier: dict[str, Any]) -> None:
    written = dump(dossier)
    places = {int.from_bytes(hashlib.sha256(bytes([n])).digest()[:4], "big") % len(written) for n in range(200)}
    for place in sorted({0, len(written) - 1, *places}):
        for other in (bytes([written[place] ^ 1]), b" ", b""):
            changed = written[:place] + other + written[place + 1 :]
            if changed != written:
                with pytest.raises(NotProved):
                    check(changed, [PUBLIC])


def forged(dossier: dict[str, Any], change: Callable[[dict[str, Any]], object]) -> bytes:
    """The file of somebody who also puts the digest right."""
    other = json.loads(json.dumps(dossier))
    change(other)
    del other["digest"]
    return dump({**other, "digest": "sha256:" + hashlib.sha256(dump(other)).hexdigest()})


def test_the_forger_puts_digests_right(dossier: dict[str, Any]) -> None:
    assert forged(dossier, lambda one: None) == dump(dossier)


def first(one: dict[str, Any], kind: str) -> dict[str, Any]:
    return next(each for each in one["records"] if each["record"]["kind"] == kind)


def answer_otherwise(one: dict[str, Any], number: int, field: str, note: object = "", **values: str) -> None:
    """Change an answer of the registry, or its note, wherever the dossier repeats it."""
    stated = one["stated"][number]
    answer = json.loads(stated["answer"])
    answer[field].update(values)
    stated |= {"answer": json.dumps(answer), "note": stated["note"] if note == "" else note}
    one["computed"] = computed(one["stated"])


def ask_otherwise(one: dict[str, Any], number: int, **variables: str) -> None:
    """Change what a question was about, wherever the dossier repeats it."""
    stated = one["stated"][number]
    question = json.loads(stated["question"])
    question["variables"].update(variables)
    stated["question"] = json.dumps(question)
    one["computed"] = computed(one["stated"])


@pytest.mark.parametrize(
    "change",
    [
        lambda one: one["evaluations"][0].update(value=0.99),
        lambda one: one["evaluations"].pop(),
        lambda one: one["notKnown"].clear(),
        lambda one: one["reviews"][0].update(recordedBy="Rita"),
        lambda one: one["reviews"].clear(),
        lambda one: one["profile"]["content"].update(mustNotDo=[]),
        lambda one: one["subgroupGaps"].clear(),
        lambda one: one.update(subject=one["ancestry"][0]["id"]),
        lambda one: one.update(subject=digest(9)),
        lambda one: one["records"].pop(0),
        lambda one: one["records"].append(one["records"][0]),
        lambda one: first(one, "REVIEW").update(body=first(one, "REVIEW")["body"].replace("GO", "NO_GO")),
        lambda one: first(one, "REVIEW").update(entry=first(one, "REVIEW")["entry"] + "x"),
        lambda one: first(one, "REVIEW").update(index=0),
        lambda one: first(one, "REVIEW").update(inclusion=[]),
        lambda one: first(one, "REVIEW")["record"].update(kind="NOTE"),
        lambda one: first(one, "MODEL_VERSION")["record"].update(ref="model:other@1"),
        lambda one: one["log"].update(root="0" * 64),
        lambda one: one["log"].update(size=one["log"]["size"] + 1),
        lambda one: one.update(checkpoint=None),
        lambda one: one.update(checkpoint=KEY.sign(f"{KEY.name}\n1\n{'A' * 43}=\n")),
        lambda one: one.update(checkpoint=one["checkpoint"].replace("example.org", "example.com")),
        lambda one: one["computed"]["erosion"].update(verdict="IMPROVED"),
        lambda one: one["computed"]["gates"].clear(),
        lambda one: one["computed"]["gates"].update(staging=one["computed"]["gates"]["production"]),
        lambda one: one["stated"].append(one["stated"][0] | {"about": "other"}),
        lambda one: answer_otherwise(one, 0, "erosion", verdict="IMPROVED"),
        lambda one: answer_otherwise(one, 1, "gate", outcome="BLOCKED"),
        lambda one: answer_otherwise(one, 0, "erosion", note=None),
        lambda one: answer_otherwise(one, 0, "erosion", note=one["stated"][1]["note"]),
        lambda one: answer_otherwise(one, 0, "erosion", note=one["checkpoint"]),
        lambda one: answer_otherwise(
            one, 0, "erosion", note=one["stated"][0]["note"].replace("answer.v1", "answer.v2")
        ),
        lambda one: ask_otherwise(one, 0, of=digest(7)),
        lambda one: ask_otherwise(one, 1, environment="staging"),
        lambda one: one["stated"][0].update(
            question=one["stated"][0]["question"].replace("erosion(of", "e: erosion(of")
        ),
        lambda one: one.update(records={}),
        lambda one: one.pop("records"),
        lambda one: one.update(format="other"),
    ],
)
def test_what_is_forged_with_the_right_digest_is_refused(
    dossier: dict[str, Any], change: Callable[[dict[str, Any]], object]
) -> None:
    with pytest.raises(NotProved):
        check(forged(dossier, change), [PUBLIC])


@pytest.mark.parametrize(
    "written", [b"", b"{", b"[]", b"null", b"\xff", b'{"format": "descent.dossier.v2"}', b"[" * 99999]
)
def test_what_is_no_dossier(written: bytes) -> None:
    with pytest.raises(NotProved):
        check(written, [])


def test_the_command_line_and_a_machine_that_has_the_client_alone(registry: ServerProcess, tmp_path: Path) -> None:
    file, key = tmp_path / "credit.json", tmp_path / "key"
    key.write_text(f"{KEY.public}\n", "utf-8")
    done = CliRunner().invoke(app, ["export", "dossier", SUBJECT, "-o", str(file), "--url", registry.url])
    assert (done.exit_code, done.stdout.split()) == (0, [str(file), str(file.with_suffix(".html"))])
    alone = (
        "import sys, socket\n"
        "sys.modules['descentd'] = None\n"
        "def refuse(*given): raise OSError('no network')\n"
        "socket.socket.connect = refuse\n"
        "sys.argv[0] = 'descent'\n"
        "from descent.cli import main\n"
        "main()\n"
    )

    def verify(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", alone, "verify-dossier", str(file), *options]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    verified = verify("--key", str(key))
    assert (verified.returncode, f"statements of {KEY.name} at entry" in verified.stdout) == (0, True)
    unsigned = verify()
    assert (unsigned.returncode, "Who signed was not checked" in unsigned.stderr) == (0, True)
    content = file.read_bytes()
    file.write_bytes(content.replace(b"Wrong split", b"Wrong splat"))
    changed = verify("--key", str(key))
    assert (changed.returncode, "was changed" in changed.stderr) == (1, True)


def test_a_registry_without_a_key_states_what_nobody_signed(tmp_path: Path) -> None:
    with ServerProcess(f"sqlite:///{tmp_path / 'r.db'}") as server, Client(server.url) as client:
        client.register(manifest())
        dossier = export(client, SUBJECT)
        assert {one["note"] for one in dossier["stated"]} == {None}
        assert check(dump(dossier), []).stated == []
        with pytest.raises(NotProved):
            check(dump(dossier), [PUBLIC])
        assert "nobody signed it" in page(dossier, "eu-ai-act-annex-iv")


def test_only_a_version_has_a_dossier(registry: ServerProcess) -> None:
    with Client(registry.url) as client, pytest.raises(InvalidInput, match="not a model version"):
        export(client, "dataset:loans@1")


# The page and the views


class Page(HTMLParser):
    """Whatever begins and ends in a page, and what it says."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""
        self.tags: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not {name for name, _ in attrs} & {"src", "href", "onclick"}
        self.tags.add(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_says_the_same_and_runs_nothing(dossier: dict[str, Any]) -> None:
    found = Page(page(dossier, "eu-ai-act-annex-iv"))
    assert found.open == []
    assert not found.tags & {"script", "b", "img", "link", "iframe"}
    for said in (
        "Rank <b>loans</b> & nothing else.",
        "Scores drop",
        "0.8804 to 0.9196",
        "minutes of",
        *dossier["notKnown"],
    ):
        assert said in found.text


def test_characters_that_mislead_are_shown_as_what_they_are(dossier: dict[str, Any]) -> None:
    changed = json.loads(json.dumps(dossier))
    changed["notes"][0]["content"]["text"] = "a\u202eb"
    assert "\u202e" not in page(changed, "eu-ai-act-annex-iv")


def test_every_view_names_sections_that_there_are(dossier: dict[str, Any]) -> None:
    assert views.names() == ["eu-ai-act-annex-iv"]
    for name in views.names():
        clauses = views.view(name)["clauses"]
        assert len({clause["clause"] for clause in clauses}) == len(clauses)
        for clause in clauses:
            parts = [*clause.get("recorded", ()), *clause.get("declared", ())]
            assert all(part.split(".")[0] in dossier for part in parts)
            assert parts or clause["owner"], "what is not held here has an owner"


def test_a_clause_is_recorded_declared_or_not_held(dossier: dict[str, Any]) -> None:
    states = {row["clause"]: row["state"] for row in views.rows("eu-ai-act-annex-iv", dossier)}
    assert states["2(d)"] == "recorded"
    assert states["1(h)"] == "declared"
    assert states["8"] == "not held here"
    nothing = {**dossier, "data": [], "profile": None}
    states = {row["clause"]: row["state"] for row in views.rows("eu-ai-act-annex-iv", nothing)}
    assert states["2(d)"] == "held here, but not recorded"
    with pytest.raises(InvalidInput, match="There is no view x"):
        views.view("x")

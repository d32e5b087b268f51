"""Reviewing, deploying, flagging, incidents and tracing from the command line, on a real server."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from descent.cli import app
from tests.app.tokens import new_token
from tests.queries.governed import CHILD, PARENT, digest, evaluation, lineage, weakness
from tests.support.server_process import ServerProcess

POLICY = """\
environment: production
quorum: 1
rules:
  - {name: accurate, expression: 'metrics["accuracy"].all(m, m.value >= 0.8)'}
"""
PLACE = ("-e", "production", "-p", "/score")
PERSON = {"reg": ("registrar",), "eva": ("evaluator",), "rev": ("reviewer",)}
CODE = {"repository": "https://git.example.org/m", "commit": "c0ffee", "path": "train"}
LATER = {"intendedUse": "Rank loans, and nothing else.", "mustNotDo": ["Decline alone."]}


class People:
    """A server with a policy, and whoever asks it by name."""

    def __init__(self, url: str, tokens: dict[str, str]) -> None:
        self.url = url
        self._tokens = tokens

    def run(self, person: str, *args: str, stdin: str = "") -> Result:
        told = {"DESCENT_URL": self.url, "DESCENT_TOKEN": self._tokens[person], "NO_COLOR": "1"}
        return CliRunner().invoke(app, list(args), input=stdin, env=told)

    def done(self, person: str, *args: str, **sections: Any) -> str:
        """What a command that has to succeed writes; sections are a manifest for `register -`."""
        result = self.run(person, *args, stdin=json.dumps(sections))
        assert result.exit_code == 0, result.output
        return result.stdout

    def json(self, person: str, *args: str, **sections: Any) -> Any:
        return json.loads(self.done(person, *args, "--format", "json", **sections))


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    folder = tmp_path_factory.mktemp("governing")
    (folder / "policies").mkdir()
    (folder / "policies" / "production.yaml").write_text(POLICY)
    store = f"sqlite:///{folder / 'registry.db'}"
    tokens = {person: new_token(store, person, *roles) for person, roles in PERSON.items()}
    with ServerProcess(store, "--policies", str(folder / "policies")) as server:
        people = People(server.url, tokens)
        people.done(
            "reg", "register", "-", **lineage(
                safetyProfile=LATER, code=CODE, config={"depth": 6}, trainedOn=[{"ref": "dataset:d@1", "role": "TRAIN"}]
            )
        )  # fmt: skip
        for version in (PARENT, CHILD):
            people.done("eva", "register", "-", evaluations=[evaluation(version, "accuracy", 0.9)])
        yield people


def moment() -> str:
    """A moment between what was recorded before and what comes."""
    now = datetime.now(UTC)
    while datetime.now(UTC) <= now:
        time.sleep(0)
    return now.isoformat()


def promoted(people: People, version: str) -> None:
    people.done("rev", "review", version, "go", "-e", "production", "--reason", "Looked at it.")
    people.done("reg", "promote", version, "-e", "production")


def test_from_review_to_what_serves(people: People) -> None:
    refused = people.run("reg", "deploy", CHILD, *PLACE)
    assert (refused.exit_code, refused.stdout) == (3, "")
    assert "not promoted to production" in refused.stderr
    said = people.done("rev", "review", CHILD, "no-go", "-e", "production", "--reason", "Too soon.")
    assert said.startswith(f"NO_GO: {CHILD} for production, sha256:")
    assert people.run("reg", "promote", CHILD, "-e", "production").exit_code == 3
    own = people.run("reg", "review", CHILD, "go", "-e", "production", "--reason", "Mine.")
    assert (own.exit_code, "FORBIDDEN" in own.stderr) == (1, True)
    said = people.done(
        "rev", "review", CHILD, "go", "-e", "production", "--reason", "Fine.", "--condition", "Watch it."
    )
    assert "1 of 1 person said GO: rev" in said
    said = people.done("reg", "promote", CHILD, "-e", "production")
    promotion, decision = (line.split()[-1] for line in said.splitlines()[-2:])
    assert f"PASSED: {CHILD} is promoted to production, {promotion}\ndecision {decision}\n" in said
    assert "1 REVIEW" in said
    for id in (promotion, decision):
        assert f"PASSED: {CHILD} for production, decided" in people.done("rev", "gate", "--replay", id)
    assert decision in people.done("rev", "show", CHILD, "--history")

    wrong = people.run("reg", "deploy", CHILD, *PLACE, "--artifact", digest(9))
    assert (wrong.exit_code, "artifactDigest" in wrong.stderr) == (1, True)
    done = people.json("reg", "deploy", CHILD, *PLACE, "--artifact", digest(2), "--since", "2026-01-01T00:00:00Z")
    assert (done["version"]["ref"], done["since"]) == (CHILD, "2026-01-01T00:00:00Z")
    later = people.done("reg", "deploy", CHILD, "-e", "production", "-p", "/later", "--since", "2999-01-01T00:00:00Z")
    assert later.startswith(f"{CHILD} is to serve at /later in production from 2999-01-01T00:00:00Z on, sha256:")
    [row] = people.done("rev", "serving").splitlines()[1:]
    # An evaluation came after the profile: what drift calls stale is not current here either.
    assert row.split() == ["production", "/score", CHILD, "2026-01-01T00:00:00Z", "met", "not", "current"]
    people.done("rev", "flag", CHILD, "--action", "review", "--reason", "Odd.")
    people.done("rev", "flag", CHILD, "--action", "quarantine", "--reason", "Leaks.")
    told = people.done("rev", "serving").splitlines()[2:]
    assert told == [
        "",
        f"{CHILD} at /score in production",
        " • flagged (blocked): It is flagged QUARANTINE: Leaks.",
        " • flagged REVIEW: Odd.",
    ]
    people.done("rev", "flag", CHILD, "--action", "clear", "--reason", "Mended.")
    gone = people.json("rev", "retract", PARENT, "--reason", "Poisoned.")["id"]
    again = people.run("rev", "retract", PARENT, "--reason", "Again.")
    assert again.stderr.startswith(f"warning: {PARENT} was retracted already by rev, {gone}: Poisoned.")
    [*_, last] = people.done("rev", "serving").splitlines()
    assert last.startswith(f" • it came from {PARENT}, retracted 20")
    assert last.endswith(" by rev (Poisoned.)")
    for one in (gone, again.stdout.splitlines()[0].split()[-1]):
        people.done("rev", "retract", one, "--reason", "Mistaken.")
    before = people.run("rev", "serving", "--at", "2025-12-31T23:59:59Z")
    assert (before.exit_code, len(before.stdout.splitlines())) == (0, 1)
    assert "Nothing served there at" in before.stderr
    assert people.json("rev", "serving", "-e", "staging") == []


def test_a_trace_says_all_that_it_takes(people: People) -> None:
    """A deployment that was claimed for a time before anything was on record, and a profile that was revised."""
    promoted(people, PARENT)
    place = ("-e", "production", "-p", "/trace")
    people.done("reg", "deploy", PARENT, *place, "--since", "2026-02-01T00:00:00Z")
    unrevised = moment()
    people.done("reg", "register", "-", safetyProfiles=[{"subject": PARENT, "profile": LATER, "reason": "Narrower."}])

    early = people.done("rev", "trace", *place, "--at", "2026-02-02T00:00:00Z")
    assert f"{PARENT} served at /trace in production, since 2026-02-01T00:00:00Z" in early
    for said in ("The version was not registered yet", "The deployment was not recorded yet", "did not pass the gate"):
        assert said in early
    assert "Intended use" not in early
    then = people.done("rev", "trace", *place, "--at", unrevised)
    assert "Intended use\nRank loans.\n" in then
    assert "It passed the gate of production, by what was recorded." in then
    assert "Never recorded: config, environment, code." in then
    assert "not registered yet" not in then
    assert "not recorded yet" not in then
    assert "rev: GO, " in then
    assert "promoted by reg (" in then
    assert f"TRAIN  dataset:d@1#p  {digest(100)}" in then
    now = people.done("rev", "trace", *place)
    assert "Rank loans, and nothing else." in now
    assert "revised after the promotion" in now

    found = people.json("rev", "trace", *PLACE)
    version = found["version"]
    assert version["artifacts"] == [{"uri": "s3://m", "digest": digest(2), "size": None, "mediaType": None}]
    assert version["config"]["parameters"] == {"depth": 6}
    assert {key: version["code"][key] for key in CODE} == CODE
    [source] = version["trainedOn"]
    assert [part["digest"] for part in source["node"]["partitions"]] == [digest(100), digest(101)]
    assert found["then"]["safetyProfile"]["intendedUse"] == LATER["intendedUse"]
    text = people.done("rev", "trace", *PLACE)
    assert "https://git.example.org/m  c0ffee train" in text
    assert f"TRAIN  dataset:d@1#h  {digest(101)}" in text

    nothing = people.run("rev", "trace", "-e", "production", "-p", "/nowhere")
    assert (nothing.exit_code, nothing.stdout) == (1, "")
    assert "Nothing served at /nowhere in production: `descent serving` lists what serves." in nothing.stderr
    nothing = people.run("rev", "trace", "-e", "Production", "-p", "/trace", "--at", unrevised)
    assert f"Nothing served at /trace in Production at {unrevised}: " in nothing.stderr
    assert "did you mean production?" in nothing.stderr
    nothing = people.run("rev", "serving", "-e", "Production")
    assert (nothing.exit_code, nothing.stdout.splitlines()[1:]) == (0, [])
    assert "warning: No policy is for Production and nothing serves there: did you mean production?" in nothing.stderr


def test_what_is_claimed_is_shown_as_claimed(people: People) -> None:
    place = ("-e", "claims", "-p", "/old")
    claim = ("--claimed-by", "The board of 2023", "--source", "minutes.pdf")
    went = people.done("rev", "review", PARENT, "go", "-e", "claims", "--reason", "Fair.", *claim)
    assert "0 of 1 person said GO: nobody" in went
    since = "2023-05-02T00:00:00Z"
    served = people.done("reg", "deploy", PARENT, *place, "--since", since, *claim)
    assert "It is claimed by The board of 2023, from before this registry was in use: minutes.pdf." in served
    trace = people.done("rev", "trace", *place, "--at", "2023-06-01T00:00:00Z")
    assert "claimed by The board of 2023, from before this registry was in use: minutes.pdf" in trace
    assert "The board of 2023: GO, Fair. (claimed, counts for no quorum: minutes.pdf; recorded by rev, " in trace
    assert "nobody" not in trace
    assert f"(claims, /old, since {since}, claimed)" in people.done("rev", "impact", "dataset:d@1", "--all")
    future = people.run("reg", "deploy", PARENT, *place, "--since", "2999-01-01T00:00:00Z", *claim)
    assert future.exit_code == 1
    assert "since: 2999-01-01T00:00:00Z is more than 300 seconds ahead" in future.stderr


def test_probes_are_not_begun_by_those_who_cannot_register_results(people: People, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    probe = weakness(
        PARENT, title="Loud", metric="attack_success_rate", threshold=0.5, command=f"touch {ran}; echo 0.1"
    )
    people.done("eva", "register", "-", vulnerabilities=[probe])
    for person, role in (("reg", "registrar"), ("rev", "reviewer")):
        refused = people.run(person, "probes", "run", "--of", CHILD, "--exec")
        assert refused.exit_code == 1
        assert f"{person} has the role {role}" in refused.stderr
        assert "registered by the role evaluator: nothing was run" in refused.stderr
        assert not ran.exists()
        assert people.run(person, "probes", "run", "--of", CHILD).exit_code == 0  # shown to all
    people.done("eva", "probes", "run", "--of", CHILD, "--exec")
    assert ran.exists()


def test_who_may_not_register_something_is_told_who_may(people: People) -> None:
    refused = people.run(
        "rev", "register", "-", stdin=json.dumps({"evaluations": [evaluation(CHILD, "accuracy", 0.5)]})
    )
    assert refused.exit_code == 1
    assert "evaluations needs the role evaluator" in refused.stderr


def test_everybody_may_note_and_quote(people: People) -> None:
    own = people.done("rev", "note", PARENT, "Ask the data team.")
    assert own.startswith("sha256:")
    assert "recorded before" in people.run("rev", "note", PARENT, "Ask the data team.").stderr
    people.done("rev", "note", PARENT, "We never checked.", "--quoting", "data team")
    page = people.done("reg", "show", PARENT)
    assert "rev: Ask the data team." in page
    assert "rev quotes data team: We never checked." in page


def test_the_versions_are_listed(people: People) -> None:
    assert PARENT in people.done("reg", "models")
    found = people.json("reg", "models", "--derived-from", PARENT, "--status", "unreviewed,flagged,approved,rejected")
    assert [one["ref"] for one in found["versions"]] == [CHILD]
    assert "Nothing was found" in people.run("reg", "models", "--name", "nothing").stderr
    assert people.run("reg", "models", "--status", "good").exit_code == 1


def test_every_kind_of_record_is_shown_whole(people: People) -> None:
    review = people.json("rev", "review", CHILD, "no-go", "-e", "staging", "--reason", "Too early.")
    page = people.done("reg", "show", review["id"])
    for line in ("It counts.", "  decision: NO_GO", "  reason: Too early.", f"  subject: {CHILD}"):
        assert line in page.splitlines()
    seen = [one for ref in (PARENT, CHILD) for one in people.json("reg", "show", ref, "--history")["history"]]
    first = {one["kind"]: one["id"] for one in seen}
    assert {"REVIEW", "MODEL_VERSION", "EVALUATION", "SAFETY_PROFILE"} <= first.keys()
    for id in first.values():
        assert id in people.done("reg", "show", id).splitlines()


def test_incidents(people: People) -> None:
    place = ("-e", "production", "-p", "/incidents")
    promoted(people, PARENT)
    people.done("reg", "deploy", PARENT, *place)
    told = ("--severity", "high", *place, "--label", "region=eu", "--external-id", "pager-1")
    found = people.json("reg", "report-incident", "Scores drift", *told)
    assert found["version"] == {"ref": PARENT}
    assert {one["kind"]: one["count"] for one in found["affected"]}["MODEL_VERSION"] == 1
    again = people.done("reg", "report-incident", "Scores drift", *told)
    assert again.startswith(f"{found['id']}: about {PARENT}, profile sha256:")
    unmatched = people.done("reg", "report-incident", "Odd", "--severity", "low", "-e", "x", "-p", "y")
    assert "no version served there" in unmatched
    rows = [line.split() for line in people.done("rev", "incidents").splitlines()[1:]]
    assert [row[1:3] for row in rows] == [["HIGH", "OPEN"], ["LOW", "OPEN"]]
    assert [row[-4:-1] for row in rows] == [[PARENT, "production", "/incidents"], ["unmatched", "x", "y"]]
    shown = people.done("rev", "show", found["id"])
    for said in ("Scores drift", "HIGH", "OPEN", "production", "/incidents", PARENT, "region", "eu", "MODEL_VERSION"):
        assert said in shown
    page = people.done("rev", "show", PARENT)
    [own] = [line for line in page.partition("Open incidents\n")[2].splitlines() if found["id"] in line]
    assert own.split()[1:4] == ["HIGH", "Scores", "drift"]
    odd = unmatched.partition(":")[0] + ":" + unmatched.split(":")[1]
    assert "unmatched: no version served there" in people.done("rev", "show", odd)
    entity = people.json("rev", "show", found["id"])
    assert entity["affected"] == found["affected"]
    assert entity["profile"] is not None
    assert people.json("rev", "incidents", PARENT)["totalCount"] == 1
    # It is a question to what came from the version too, and shown there.
    [row] = [line for line in people.done("rev", "show", CHILD).splitlines() if "Scores drift" in line]
    assert row.split()[:3] == [PARENT, "ancestor", "HIGH"]
    over = people.done("reg", "resolve-incident", found["id"], "--reason", "Rolled back.")
    assert over == f"RESOLVED: {found['id']}\n"
    assert "resolved" in people.done("rev", "show", found["id"])
    assert "Open incidents" not in people.done("rev", "show", PARENT)
    said = people.done("reg", "end-deployment", *place, "--reason", "Gone.")
    assert said.startswith("Ended at /incidents in production: ")
    ended = people.run("reg", "end-deployment", *place, "--reason", "Gone.")
    assert (ended.exit_code, "NOT_FOUND" in ended.stderr) == (1, True)


def test_flags_and_retractions(people: People) -> None:
    said = people.done("rev", "flag", "dataset:d@1#p", "--action", "review", "--reason", "Odd.", "--propagate")
    assert said.startswith("REVIEW: dataset:d@1#p, sha256:")
    assert ["2", "MODEL_VERSION"] in [line.split() for line in said.splitlines()]
    assert "Flagged review: Odd." in people.done("rev", "show", CHILD)
    cleared = people.json("rev", "flag", "dataset:d@1#p", "--action", "clear", "--reason", "Fine.")
    assert cleared["action"] == "CLEAR"
    nothing = people.run("rev", "flag", CHILD, "--action", "clear", "--reason", "Fine.")
    assert (nothing.exit_code, "nothing to clear" in nothing.stderr) == (1, True)
    made = people.json("eva", "register", "-", evaluations=[evaluation(CHILD, "accuracy", 0.1)])
    [mistake] = [record["id"] for record in made["records"] if record["kind"] == "EVALUATION"]
    assert people.done("eva", "retract", mistake, "--reason", "Typo.").startswith(f"Retracted: {mistake}, sha256:")
    assert "no: retracted" in people.done("rev", "evaluations", CHILD)


@pytest.mark.parametrize(
    "args",
    [
        ("review", CHILD, "perhaps", "-e", "production", "--reason", "r"),
        ("review", CHILD, "go", "--reason", "r"),
        ("review", CHILD, "go", "-e", "production", "--reason", "r", "--expires", "30"),
        ("flag", CHILD, "--action", "burn", "--reason", "r"),
        ("flag", "--action", "clear", "--reason", "r"),
        ("retract", CHILD),
        ("deploy", CHILD, "-e", "production"),
        ("deploy", CHILD, *PLACE, "--claimed-by", "The board"),
        ("review", CHILD, "go", "-e", "production", "--reason", "r", "--source", "minutes.pdf"),
        ("trace", "-e", "production"),
        ("report-incident", "t", "--severity", "low"),
        ("report-incident", "t", "--severity", "low", "--of", CHILD, "--label", "x"),
        ("resolve-incident", "sha256:0"),
    ],
)
def test_wrong_usage(args: tuple[str, ...], tmp_path: Path) -> None:
    result = CliRunner().invoke(app, list(args), env={"DESCENT_URL": "http://127.0.0.1:9"})
    assert (result.exit_code, result.stdout) == (2, "")

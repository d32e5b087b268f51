"""The file of destinations: what is read, the line of what is wrong, and no secret in any of it."""

import base64
from pathlib import Path

import pytest

from descentd.app.notifications.destinations import ATTEMPTS, read_destinations
from descentd.graph.model.errors import Invalid
from descentd.queries.production.announcements import ALL_TYPES
from tests.app.receiver import OTHER, SECRET

WHOLE = f"""\
destinations:
- name: ci
  url: https://ci.example.org/hook
  secrets:
  - {SECRET}
  - {OTHER}
  kinds: [version.registered, probes.due]
  environments: [production]
  attempts: 3
- name: board
  url: http://board.internal:8080/
  secrets: [{SECRET}]
"""


def problems(folder: Path, text: str, *allowed: str) -> list[str]:
    file = folder / "notify.yaml"
    file.write_text(text)
    with pytest.raises(Invalid) as caught:
        read_destinations(file, allowed)
    return [problem.message.removeprefix(f"{folder}/") for problem in caught.value.problems]


def entry(**parts: str) -> str:
    given = {"name": "ci", "url": "https://ci.example.org/", "secrets": f"[{SECRET}]"} | parts
    return "destinations:\n- " + "\n  ".join(f"{key}: {value}" for key, value in given.items()) + "\n"


def test_what_is_said_and_what_holds_otherwise(tmp_path: Path) -> None:
    file = tmp_path / "notify.yaml"
    file.write_text(WHOLE)
    board, ci = sorted(read_destinations(file, ["board.internal"]), key=lambda one: one.name)
    assert (ci.name, ci.url, ci.attempts) == ("ci", "https://ci.example.org/hook", 3)
    assert ci.keys == [b"a secret of 24 bytes....", b"another one of 24 bytes."]
    assert (set(ci.kinds), ci.environments) == ({"version.registered", "probes.due"}, frozenset({"production"}))
    assert (board.kinds, board.environments, board.attempts) == (frozenset(ALL_TYPES), None, ATTEMPTS)
    assert "secret" not in repr(ci)
    assert "example.org" not in repr(ci)


SHORT = "whsec_" + base64.b64encode(b"short").decode()


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "notify.yaml:1: The file holds 0"),
        ("destinations: []\n", "notify.yaml:1: destinations: "),
        ("destination: []\n", "There is no field 'destination'"),
        (entry(nme="x"), "notify.yaml:5: destinations[0].nme: There is no field"),
        (entry(secrets=SECRET), "notify.yaml:4: destinations[0].secrets: Expected secrets to be a list"),
        (entry(secrets="[]"), "Expected 1 to 4 secrets"),
        (entry(secrets=f"[{SHORT}]"), "Expected a secret of 24 to 64 bytes."),
        (entry(secrets=f"[{SECRET[:-1]}]"), "Expected base64 after whsec_"),
        (entry(secrets=f"[{SECRET[6:]}]"), "Expected a secret as whsec_"),
        (entry(secrets=f"[{SECRET}, {SECRET}]"), "A secret is given twice"),
        (entry(secrets=f"{{a: {SECRET}}}"), "Expected secrets to be a list of texts"),
        (entry(kinds="[version.retired]"), "destinations[0].kinds[0]: There is no kind of event 'version.retired'"),
        (entry(kinds="[]"), "notify.yaml:5: destinations[0].kinds: "),
        (entry(attempts="0"), "notify.yaml:5: destinations[0].attempts: Expected attempts from 1 to 100."),
        (entry(attempts="many"), "notify.yaml:5: destinations[0].attempts: "),
        (entry(url="ftp://ci.example.org/"), "notify.yaml:3: destinations[0].url: The url is not understood"),
        (entry(url="https:///x"), "The url is not understood"),
        (entry(url="https://ci.example.org:99999/"), "The url is not understood"),
        (entry(url='"https://ci.example.org/a b"'), "The url is not understood"),
        (entry(url='"https://ci.example.org/\\r\\nx: y"'), "The url is not understood"),
        (entry(url="https://user:whsec_pass@ci.example.org/"), "holds a user, a password or a fragment"),
        (entry(url="http://ci.example.org/"), "notify.yaml:3: destinations[0].url: The url is http"),
        (entry(url="https://127.0.0.1/"), "notify.yaml:3: destinations[0].url: The url's address is not public"),
        (entry(url="https://127.0.0.1/"), "DESCENT_NOTIFY_ALLOW"),
        (entry(url="http://ci.example.org/"), "DESCENT_NOTIFY_ALLOW"),
        (entry(url="https://[::1]/"), "address is not public"),
        (entry(url="https://169.254.169.254/latest/meta-data"), "address is not public"),
        (entry() + entry(attempts="3").removeprefix("destinations:\n"), "The name 'ci' is given twice"),
        (f"destinations: {SECRET}\n", "notify.yaml:1: destinations: "),
        (f"destinations: [{SECRET}]\n", "notify.yaml:1: destinations[0]: "),
    ],
)
def test_what_is_wrong_is_named_with_its_line_and_without_a_secret(tmp_path: Path, text: str, wrong: str) -> None:
    found = problems(tmp_path, text)
    assert any(wrong in problem for problem in found), found
    for secret in (SECRET, SECRET[6:], SECRET[:-1], SHORT, "whsec_pass", "pass@"):
        assert not any(secret in problem for problem in found)


def test_what_is_wrong_is_told_in_the_order_of_the_lines(tmp_path: Path) -> None:
    zoe = entry(name="zoe", url="http://zoe.example.org/")
    abe = entry(name="abe", url="https://10.0.0.1/").removeprefix("destinations:\n")
    found = problems(tmp_path, zoe + abe)
    assert [one.partition(": ")[0] for one in found] == ["notify.yaml:3", "notify.yaml:6"]
    found = problems(tmp_path, (zoe + abe).replace("name: ", "nme: ").replace("http:", "ftp:"))
    lines = [int(one.split(":")[1]) for one in found]
    assert lines == sorted(lines)
    assert len(set(lines)) > 2


def test_allowed_is_exactly_what_is_named(tmp_path: Path) -> None:
    assert problems(tmp_path, entry(url="http://ci.example.org/"), "example.org", "CI.example.com")
    (tmp_path / "notify.yaml").write_text(entry(url="http://CI.example.org/"))
    assert read_destinations(tmp_path / "notify.yaml", ["ci.example.org"])[0].host == "ci.example.org"

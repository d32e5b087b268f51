"""Attacks by names: those that look like others, that cannot be seen, that lead elsewhere, or that a terminal obeys."""

import json
import subprocess
import sys

from tests.app.command_line import call
from tests.attack.attack import Run, Table
from tests.attack.target import Target

attack = Table()
REGISTER = "mutation M($m: ManifestInput!) { register(manifest: $m) { created } }"


def name_refused(name: str) -> Run:
    """A name that no new version gets."""

    def run(target: Target) -> None:
        before = target.sequence()
        target.refused("INVALID_INPUT", REGISTER, "ada", m={"models": [{"name": name, "version": "1"}]})
        assert target.sequence() == before

    return run


def person_refused(person: str) -> Run:
    """A name that no person gets."""

    def run(target: Target) -> None:
        made = call("token", "create", "--store", target.store, "--person", person, "--role", "reviewer")
        assert made.returncode != 0
        assert "Traceback" not in made.stderr

    return run


attack.each(
    {
        f"a name with {what}": name_refused(name)
        for what, name in {
            "a zero-width space": "m\u200b",
            "a variation selector": "m\ufe0f",
            "a combining grapheme joiner": "m\u034f",
            "a braille blank": "m\u2800",
            "a soft hyphen": "m\u00ad",
            "a tag character": "m\U000e0041",
            "text from right to left": "m\u202egpj.exe",
            "an isolate": "m\u2066x\u2069",
            "a bell": "m\u0007",
            "an escape of a terminal": "m\x1b[31m",
            "an escape of one byte": "m\x9b31m",
            "a NUL": "m\0",
            "a line separator": "m\u2028",
            "letters that are wide": "\uff4d",
            "a ligature": "\ufb01",
            "a backslash": "a\\b",
            "a slash before it": "/etc/passwd",
            "two dots": "a/../b",
            "one dot": "a/./b",
            "an @": "a@b",
            "a #": "a#b",
            "201 characters": "n" * 201,
            "nothing": "",
            "a space": " ",
        }.items()
    }
)
attack.each(
    {
        f"a person called {what}": person_refused(person)
        for what, person in {
            "Ada with a variation selector": "ada\ufe0f",
            "Ada with a joiner": "a\u200dda",
            "Ada with a Cyrillic letter": "\u0430da",
            "Ada in full width": "\uff41da",
            "Ada with a space behind": "ada ",
            "Ada from right to left": "\u202eada",
            "an escape of a terminal": "ada\x1b]0;x\x07",
        }.items()
    },
    cheap=False,
)


@attack("capitals are no other person")
def _(target: Target) -> None:
    """Nobody gets a token as ADA beside ada."""
    done = call("token", "create", "--store", target.store, "--person", "ADA", "--role", "reviewer")
    assert done.returncode != 0
    assert "count as one person" in done.stderr


@attack("escapes of a terminal, and text from right to left, in what the command line prints", cheap=False)
def _(target: Target) -> None:
    """Notes hold any text; a reader's terminal gets none of it as it is."""
    text = "a\x1b[2Jb\x9bc\u2066e\rf\x07"
    note = {"subject": "model:m@1", "author": "x", "text": text}
    answer = target.ask(REGISTER, "vic", m={"notes": [note]})
    if "errors" in answer:  # refused is right, too
        return
    for command in (("show", "model:m@1"), ("show", "model:m@1", "--format", "json"), ("search", "a")):
        shown = subprocess.run(
            [sys.executable, "-m", "descent", *command, "--url", target.url],
            capture_output=True,
            check=False,
            env={"DESCENT_TOKEN": target.tokens["vic"], "PATH": "", "NO_COLOR": "1"},
        )
        for bad in ("\x1b", "\x9b", "\u202e", "\u2066", "\r", "\x07"):
            assert bad.encode() not in shown.stdout + shown.stderr, (command, bad)


@attack("text from right to left in notes")
def _(target: Target) -> None:
    for bad in ("\u202e", "\u202d"):
        answer = target.ask(REGISTER, "vic", m={"notes": [{"subject": "model:m@1", "author": "x", "text": f"a{bad}b"}]})
        [error] = answer["errors"]
        assert f"U+{ord(bad):04X}" in error["message"]


@attack("escapes of a terminal in errors and in the server's log")
def _(target: Target) -> None:
    for query in ("{ a\x1b[31m }", '{ entity(ref: "model:\\u009b@1") { ref } }'):
        target.ask(query)
    raw = json.dumps(target.server.log, ensure_ascii=False) + "".join(target.server.other)
    for bad in ("\x1b", "\x9b", "\u202e"):
        assert bad not in raw


@attack("escapes of a terminal in arguments of a command", cheap=False)
def _(target: Target) -> None:
    done = call("token", "create", "--store", target.store, "--person", "\x1b[2J\u202ex", "--role", "viewer")
    assert done.returncode != 0
    for bad in ("\x1b", "\u202e"):
        assert bad not in done.stdout + done.stderr

"""Sentences of rules and decisions in the words of the pages."""

from typing import Final

import pytest

from descentd.app.explorer.wording import Wording
from descentd.app.explorer.words import Words

WORDING: Final = Wording(Words.of(), is_past=False)


@pytest.mark.parametrize(
    ("recorded", "shown"),
    [
        ("0 of 1 people said GO on what is known now.", "0 of 1 person said go on what is known now."),
        ("1 of 2 people said GO; rita's GO no longer holds.", "1 of 2 people said go; rita's go no longer holds."),
        ("rob said NO_GO for production: no GO is needed.", "rob said no-go for production: no go is needed."),
        ("NO_GO for archive: it was retracted.", "No-go for archive: it was retracted."),
        ("GOAL and model:GO@1 stay.", "GOAL and model:GO@1 stay."),
    ],
)
def test_decisions_are_words_in_sentences(recorded: str, shown: str) -> None:
    assert WORDING.decided(recorded) == shown


def test_what_is_counted_is_named() -> None:
    summary = "Safety got worse along the ancestry: a, b, c and 3 more (33 questions were asked)."
    assert WORDING.verdict(summary).endswith("a, b, c and 3 more metrics or groups.")
    assert WORDING.verdict(summary.replace("3 more", "1 more")).endswith("c and 1 more metric or group.")
    assert WORDING.verdict("It improved: a (1 question was asked). Shown.") == "It improved: a. Shown."
    rule = "Erosion is ERODED (STEP_REGRESSION of a, STEP_REGRESSION of b, TRADE_OFF of a and 1,200 more)."
    assert WORDING.plain(rule).endswith(
        "loss for a gain elsewhere of a and 1,200 more findings, of which one metric or group can have several)."
    )
    assert WORDING.plain("a is 1, b is 2 and 8 more") == "a is 1, b is 2 and 8 more"
    assert WORDING.saw("a is 1 (how bad: 1), b is 2 and 8 more") == "a is 1 (how bad: 1), b is 2 and 8 more values"
    assert WORDING.saw("a is 1 and 1 more") == "a is 1 and 1 more value"


def test_flags_are_words_where_a_rule_names_them() -> None:
    assert WORDING.plain("It is flagged QUARANTINE: Asked for.") == "It is quarantined: Asked for."
    assert WORDING.plain("flagged REVIEW: Why? and flagged DECOMMISSION: Old.") == (
        "to be looked at: Why? and to be taken out of service: Old."
    )
    assert WORDING.flagged("Flagged quarantine: It leaks names.") == "Quarantined: It leaks names."
    assert WORDING.decided("local said ABSTAIN for demo: No idea.") == "local abstained for demo: No idea."
    assert WORDING.decided("rita's ABSTAIN no longer holds") == "rita's abstention no longer holds"
    assert WORDING.decided("ABSTAIN for demo") == "Abstention for demo"
    for age in ("0", "0.00003", "3e-05", "0.9"):
        assert WORDING.saw(f"the safety profile is {age} days old") == "the safety profile is less than a day old"
    for age in ("1", "10", "10.5"):
        assert WORDING.saw(f"the safety profile is {age} days old") == f"the safety profile is {age} days old"
    assert WORDING.plain("It is flagged DECOMMISSION: Old.") == "It is to be taken out of service: Old."


def test_what_was_known_is_said_of_the_past() -> None:
    said = "0 of 1 people said GO on what is known now."
    assert WORDING.plain(said, then=True) == "0 of 1 person said go on what was known then."
    assert Wording(Words.of(), is_past=True).plain(said) == "0 of 1 person said go on what was known then."

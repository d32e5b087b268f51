"""What names, persons and moments may be, by Unicode's own words where there are any."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from descent.names import Ref, fault_in_name
from descent.names import fault_in_new_name as client_fault
from descent.names import fault_in_person as client_fault_in_person
from descentd.graph.inputs.acts import ClaimedInput
from descentd.graph.model.accounts import fault_in_person, person, person_key
from descentd.graph.model.characters import is_unseen, joiner_allowed, mixes_scripts, skeleton
from descentd.graph.model.errors import Invalid, InvalidInput
from descentd.graph.model.kinds import Kind
from descentd.graph.model.names import date_time, fault_in_new_name, given_instant, instant, name, ref, rfc3339
from descentd.graph.model.records import Record

PERSIAN = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
DEVANAGARI = "\u0915\u094d\u200d\u0937"
CYRILLIC_A = "\u0430"
NAMES = ["PR\u00b2", "\u03c4\u00b2-bench", "H\u2082O", PERSIAN, DEVANAGARI, "v1.0", "a b", "a/b"]
IN_NO_REF = [
    "a\u200cb",
    "a\u200d",
    "\u200ca",
    "a\u202eb",
    "a\u2069",
    "\ufb01",
    "\uff21",
    "x\u2122",
    "a/../b",
    " a",
    "a\n",
]
NOT_NEW = ["a\\b", "/a", "a/./b", "a\ufe0f", "a\u034fb", "\u2800a", "a\u115f", "a\u1680b", "a\U000e0100"]
LATIN = ["ada@example.org", "Zo\u00eb M\u00fcller"]
PERSONS = [
    *LATIN,
    "\u0418\u0432\u0430\u043d",
    "\u5c71\u7530 Taro",
    "\u0438\u0432\u0430\u043d@example.org",
    PERSIAN,
    DEVANAGARI,
]
MIXED = [CYRILLIC_A + "da", "ada@ex" + CYRILLIC_A + "mple.org", "\u03b1da"]
NO_PERSONS = [*MIXED, "ada\ufe0f@x.org", "ada\u034f", "ada\u2800", "a\u200dda", "PR\u00b2", "a/../b", " ada", "a" * 201]


@pytest.mark.parametrize(
    "given", ["PR\u00b2", "\u03c4\u00b2-bench", "H\u2082O", PERSIAN, DEVANAGARI, "v1.0", "a b", "a/b"]
)
def test_names_that_are_taken(given: str) -> None:
    assert name(given) == given
    assert fault_in_new_name(given) is None
    assert ref(f"dataset:{given}@1") == f"dataset:{given}@1"
    assert fault_in_name(given) is client_fault(given) is None
    assert str(Ref.parse(f"dataset:{given}@1")) == f"dataset:{given}@1"


@pytest.mark.parametrize(
    "given",
    ["a\u200cb", "a\u200d", "\u200ca", "a\u202eb", "a\u2069", "\ufb01", "\uff21", "x\u2122", "a/../b", " a", "a\n"],
)
def test_names_that_no_ref_has(given: str) -> None:
    with pytest.raises(InvalidInput):
        name(given)
    assert fault_in_name(given)


@pytest.mark.parametrize(
    "given", ["a\\b", "/a", "a/./b", "a\ufe0f", "a\u034fb", "\u2800a", "a\u115f", "a\u1680b", "a\U000e0100"]
)
def test_names_that_nothing_new_has(given: str) -> None:
    """What is registered so already stays what refs name."""
    assert name(given) == given
    assert fault_in_new_name(given)
    assert client_fault(given)


@given(st.text(max_size=12))
def test_server_and_client_say_the_same_of_names(given: str) -> None:
    try:
        normal = name(given)
    except InvalidInput:
        assert fault_in_name(given)
        return
    assert fault_in_name(given) is None
    assert (fault_in_new_name(normal) is None) == (client_fault(given) is None)


@given(st.characters())
def test_what_is_unseen_is_no_letter_of_a_word(character: str) -> None:
    """Every space but the plain one is; letters are not, but for the fillers of Hangul."""
    category = unicodedata.category(character)
    if category == "Zs":
        assert is_unseen(character) == (character != " ")
    if is_unseen(character):
        assert category in ("Cf", "Mn", "Zs", "Cn", "So") or "HANGUL" in unicodedata.name(character)


def test_joiners_only_where_scripts_join() -> None:
    assert joiner_allowed(PERSIAN, 2)
    assert joiner_allowed(DEVANAGARI, 2)
    assert not joiner_allowed(PERSIAN.replace("\u200c", "\u200d"), 2)
    assert not joiner_allowed("\u0627\u200c\u0628", 1)  # alef joins nothing that follows
    assert not any(joiner_allowed("a\u200cb\u200dc", i) for i in range(5))


@pytest.mark.parametrize("given", PERSONS)
def test_persons_that_are_taken(given: str) -> None:
    assert person(given) == given


@pytest.mark.parametrize("given", NO_PERSONS)
def test_persons_that_are_refused(given: str) -> None:
    with pytest.raises(InvalidInput):
        person(given)


@given(
    st.text("a\u0627\u06cc\u0645\u0647\u0915\u094d\u0937", min_size=1, max_size=6),
    st.integers(0, 6),
    st.sampled_from("\u200c\u200d"),
)
def test_a_joiner_is_in_a_person_where_scripts_join_and_makes_no_other_person(
    plain: str, place: int, joiner: str
) -> None:
    """So nobody is a second person by what cannot be seen, and server and client say the same."""
    given = plain[:place] + joiner + plain[place:]
    assert person_key(given) == person_key(plain)
    if fault_in_person(plain) is None:
        taken = joiner_allowed(given, min(place, len(plain)))
        assert (fault_in_person(given) is None) == (client_fault_in_person(given) is None) == taken


def test_a_person_is_one_whatever_is_hidden_in_the_name() -> None:
    assert person_key("Ada\ufe0f@x.org") == person_key("ada@x.org") == person_key("\uff21DA@x.org")
    assert person_key("ada") != person_key(CYRILLIC_A + "da")


def test_look_alikes_have_one_skeleton() -> None:
    assert skeleton("Ch" + CYRILLIC_A + "tterjee2018") == "Chatterjee2018"
    assert skeleton("\u041d\u0415\u041b\u041c") != "HELM"  # El looks like no Latin letter
    assert mixes_scripts("Ch" + CYRILLIC_A + "t")
    assert not mixes_scripts("2018-\u043c\u0438\u0440")


def test_a_name_of_another_script_is_found_by_its_skeleton() -> None:
    record = Record.of(Kind.DATASET, {"name": "Ch" + CYRILLIC_A + "t", "version": "1"})
    named = "lookalike:named:dataset:Ch" + CYRILLIC_A + "t"
    assert record.keys == ("lookalike:dataset:Chat", "lookalike:dataset:Chat@1", named)
    assert Record.of(Kind.DATASET, {"name": "Chat", "version": "1"}).keys == ("lookalike:named:dataset:Chat",)
    for called in ("score", "Score"):
        assert Record.of(Kind.METRIC_DEFINITION, {"name": called}).keys == ("lookalike:metric:score",)


@given(st.integers(-62135596800, 253402300799), st.integers(0, 999_999))
def test_moments_have_years_of_four_digits(seconds: int, micros: int) -> None:
    written = rfc3339(seconds * 1_000_000 + micros)
    assert written.index("-") == 4
    assert instant(written) == seconds * 1_000_000 + micros
    assert date_time(written) == written


def test_years_of_early_records_are_read() -> None:
    assert instant("1-01-01T00:00:00Z") == instant("0001-01-01T00:00:00Z")
    for early in ("1-01-01T00:00:00Z", "99-01-01T00:00:00Z"):
        for read in (date_time, given_instant):
            with pytest.raises(InvalidInput, match="four digits"):
                read(early)


@pytest.mark.parametrize("by", MIXED)
def test_who_is_claimed_to_have_decided_is_a_person(by: str) -> None:
    assert ClaimedInput.read({"by": "Ada", "source": "minutes of 2 May"}).by == "Ada"
    with pytest.raises(Invalid, match="several scripts"):
        ClaimedInput.read({"by": by, "source": "minutes of 2 May"})

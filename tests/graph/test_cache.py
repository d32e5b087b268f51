"""Answers that are kept, and questions that are asked while they are being answered."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event

import pytest

from descentd.graph.cache import Cache


@dataclass
class Answer:
    name: str


def weigh(_answer: Answer) -> int:
    return 10


def test_the_oldest_go_first() -> None:
    cache, found = Cache[Answer](25), list[str]()

    def ask(name: str) -> str:
        def find() -> Answer:
            found.append(name)
            return Answer(name)

        return cache.find(name, find, weigh).name

    assert [ask(name) for name in "abacab"] == list("abacab")
    assert found == ["a", "b", "c", "b"]


def test_a_question_asked_by_many_at_once_is_answered_once() -> None:
    cache, begun, go, found = Cache[Answer](100), Event(), Event(), list[str]()

    def find() -> Answer:
        begun.set()
        assert go.wait(20)
        found.append("once")
        return Answer("a")

    with ThreadPoolExecutor(4) as threads:
        first = threads.submit(cache.find, "a", find, weigh)
        assert begun.wait(20)
        others = [threads.submit(cache.find, "a", find, weigh) for _ in range(3)]
        go.set()
        assert {id(asked.result(20)) for asked in [first, *others]} == {id(first.result())}
    assert found == ["once"]


def test_who_waits_is_told_of_a_failure_and_the_next_tries_again() -> None:
    cache = Cache[Answer](100)

    def fail() -> Answer:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        cache.find("a", fail, weigh)
    assert cache.find("a", lambda: Answer("b"), weigh).name == "b"


def test_what_was_not_asked_for_goes_first() -> None:
    kept = Cache[str](10)
    for grounds in "abc":
        kept.keep(grounds, grounds.upper(), 4)
    assert [kept.get(grounds) for grounds in "abc"] == [None, "B", "C"]
    assert kept.get("b") == "B"
    kept.keep("d", "D", 4)
    assert [kept.get(grounds) for grounds in "bcd"] == ["B", None, "D"]


def test_what_is_too_large_is_not_kept() -> None:
    kept = Cache[str](10)
    kept.keep("a", "A", 4)
    kept.keep("b", "B", 11)
    assert (kept.get("a"), kept.get("b")) == ("A", None)

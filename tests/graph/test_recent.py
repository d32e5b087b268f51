"""Answers that are kept, and questions that are asked while they are being answered."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event

import pytest

from descentd.graph.index.recent import Recent


@dataclass
class Answer:
    name: str
    held: int = 10


def test_the_oldest_go_first() -> None:
    recent, found = Recent[Answer](25), list[str]()

    def ask(name: str) -> str:
        def find() -> Answer:
            found.append(name)
            return Answer(name)

        return recent.get(name, find).name

    assert [ask(name) for name in "abacab"] == list("abacab")
    assert found == ["a", "b", "c", "b"]


def test_a_question_asked_by_many_at_once_is_answered_once() -> None:
    recent, begun, go, found = Recent[Answer](100), Event(), Event(), list[str]()

    def find() -> Answer:
        begun.set()
        assert go.wait(20)
        found.append("once")
        return Answer("a")

    with ThreadPoolExecutor(4) as threads:
        first = threads.submit(recent.get, "a", find)
        assert begun.wait(20)
        others = [threads.submit(recent.get, "a", find) for _ in range(3)]
        go.set()
        assert {id(asked.result(20)) for asked in [first, *others]} == {id(first.result())}
    assert found == ["once"]


def test_who_waits_is_told_of_a_failure_and_the_next_tries_again() -> None:
    recent = Recent[Answer](100)

    def fail() -> Answer:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        recent.get("a", fail)
    assert recent.get("a", lambda: Answer("b")).name == "b"

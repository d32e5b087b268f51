"""Answers that are kept: the ones asked for last, within their room."""

from descentd.graph.cache import Cache


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

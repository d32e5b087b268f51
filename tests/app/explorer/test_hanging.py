"""What becomes of a test whose browser does not answer any more: a clear message, and a new browser for the next."""

import contextlib
import os
import signal

import pytest
from playwright.sync_api import Browser, Error

from tests.support.chromium import ATTEMPTS, Chromium, HungError, descendants, limited


def stop(processes: set[int]) -> None:
    """Let processes do nothing any more, not even end."""
    for one in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(one, signal.SIGSTOP)


def test_a_browser_that_hangs_is_killed_and_started_anew() -> None:
    before = descendants(os.getpid())
    with Chromium(lambda browser: browser.new_page()) as chromium:
        browser, _ = chromium.running()
        started = descendants(os.getpid()) - before
        stop(started)
        message = r"did not answer within 0.5 s \(a new context\)"
        with pytest.raises(HungError, match=message), limited(0.5, "a new context", chromium.kill):
            browser.new_context()
        again, page = chromium.running()
        assert again is not browser
        assert page.evaluate("1 + 1") == 2
        assert not started & descendants(os.getpid())
    assert descendants(os.getpid()) <= before


def test_a_script_without_end_ends_with_its_browser() -> None:
    with Chromium(lambda browser: browser.new_page()) as chromium:
        _, page = chromium.running()
        with pytest.raises(HungError), limited(0.5, "a script", chromium.kill):
            page.evaluate("for (;;);")
        with pytest.raises(Error):
            page.evaluate("1 + 1")


def test_a_start_that_fails_is_repeated_and_then_fails_at_once() -> None:
    tried: list[Browser] = []

    def prepare(browser: Browser) -> None:
        tried.append(browser)
        raise Error("The page crashed.")

    with Chromium(prepare) as chromium:
        for _ in range(2):
            with pytest.raises(Error, match="The page crashed"):
                chromium.running()
    assert len(tried) == ATTEMPTS


def test_who_answers_in_time_is_not_disturbed() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with limited(60, "nothing", lambda: pytest.fail("it was ended")):
        pass
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)

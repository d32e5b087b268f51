"""What tests of the pages do in a real browser, and see of it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from threading import Thread
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.support.chromium import close
from tests.support.server_process import ServerProcess


class FrontEnd(BaseHTTPRequestHandler):
    """Serves one page, whatever is asked for."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Front end</title><h1>Front end</h1>")

    def log_message(self, format: str, *args: object) -> None:
        """Write nothing."""


@contextmanager
def front_end_served() -> Iterator[int]:
    """The port of a server of somebody else's pages, for browsers another origin by each name of this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), FrontEnd) as serving:
        thread = Thread(target=serving.serve_forever)
        thread.start()
        yield serving.server_port
        serving.shutdown()
        thread.join()


def signed_in(browser: Browser, server: ServerProcess, secret: str) -> BrowserContext:
    """A context of its own in which somebody has signed in with a token."""
    context = browser.new_context(base_url=server.url)
    page = context.new_page()
    page.goto("/reviews")
    assert "/sign-in" in page.url
    page.get_by_label("Token").fill(secret)
    page.get_by_role("button", name="Sign in with the token").click()
    assert page.url == f"{server.url}/reviews"
    close(page)
    return context


def opened_page(context: BrowserContext, faults: list[str], server: ServerProcess) -> Page:
    """An empty page that notes in `faults` what the browser complains of, loads from elsewhere, or pops up."""
    page = context.new_page()
    page.on("console", lambda message: faults.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("dialog", lambda dialog: faults.append(dialog.message))
    page.on("request", lambda one: None if one.url.startswith((server.url, "data:")) else faults.append(one.url))
    return page


def grave_findings(page: Page, *rules: str) -> list[tuple[str, list[str]]]:
    """What axe-core finds serious or critical on a page, by all its rules unless some are named.

    GraphiQL is left out: how its editors look and are called is its authors'.
    """
    page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8"))
    only = {"runOnly": list(rules)} if rules else {}
    found = page.evaluate(
        "options => axe.run({exclude: ['.graphiql-container']}, options)", {"resultTypes": ["violations"], **only}
    )
    grave = [one for one in found["violations"] if one["impact"] in {"serious", "critical"}]
    return [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in grave]


def child(name: str, version: str, *parents: str) -> dict[str, Any]:
    return {
        "name": name,
        "version": version,
        "parents": [{"ref": f"model:{parent}", "relation": "FINE_TUNE"} for parent in parents],
    }


def opened_at(page: Page, path: str) -> None:
    page.goto(f"/lineage/{path}")
    expect(page.locator("lineage-drawing[data-ready]")).to_be_attached()


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.querySelector('title').textContent"))


def node(page: Page, ref: str) -> Locator:
    return page.locator("a[data-place]", has=page.locator("title", has_text=re.compile(f"^{ref}")))

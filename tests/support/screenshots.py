"""`python -m tests.support.screenshots`: photograph pages of the demo for README and docs, into docs/images."""

import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.support.debian import CHROMIUM
from tests.support.server_process import ServerProcess

IMAGES = Path(__file__).parents[2] / "docs" / "images"
VERSION = "model:EleutherAI/pythia-12b@step143000"
PAGES = {
    "record": (f"/record/{VERSION}", 1180),
    "trend": (f"/trend/{VERSION}?metric=pct_stereotype&slice=everybody", 720),
    "population": ("/population?attribute=source&value=Books3", 760),
}
"""By the name of the image, the address and the height of its window in pixels; the drawing is that of a finding."""
WIDTH = 1200


def photograph(page: Page, url: str) -> None:
    """Open each page, once what got worse is worked out, and write it as a PNG."""
    IMAGES.mkdir(exist_ok=True)
    page.goto(f"{url}/record/{VERSION}")
    drawing = page.locator("a.to-drawing").first.get_attribute("href") or ""
    for name, (address, height) in {**PAGES, "lineage": (drawing, 760)}.items():
        page.set_viewport_size({"width": WIDTH, "height": height})
        page.goto(url + address, wait_until="networkidle")
        while "being worked out" in page.inner_text("main"):
            page.wait_for_timeout(1000)
            page.reload(wait_until="networkidle")
        page.screenshot(path=IMAGES / f"{name}.png", animations="disabled")


def main() -> None:
    """Serve the demo, and photograph it."""
    path = CHROMIUM.find()
    if path is None:
        sys.exit(f"There is {CHROMIUM.missing}.")
    with tempfile.TemporaryDirectory() as folder:
        store = f"sqlite:///{folder}/pythia.db"
        demo = [sys.executable, "-m", "descentd.app", "demo", "--no-serve", "--store", store]
        subprocess.run(demo, check=True, stdout=subprocess.DEVNULL)
        with ServerProcess(store) as server, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
            photograph(browser.new_page(color_scheme="light", locale="en-GB"), server.url)
            browser.close()


if __name__ == "__main__":
    main()

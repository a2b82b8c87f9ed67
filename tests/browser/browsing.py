"""A browser at a console: Chromium of the system, a server process, and what must not happen."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

CHROMIUM = os.environ.get("ROUTING_ENGINE_TEST_CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
AXE = Path(__file__).parent / "axe" / "axe.min.js"
WAIT_MS = 30_000

# Runs in every page before its own scripts.
WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation",
    (event) => window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
"""


def needed() -> None:
    """Skip where there is no browser, with the reason."""
    pytest.importorskip("playwright", reason="the extra browser is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium; install it, or name one by ROUTING_ENGINE_TEST_CHROMIUM")


@contextmanager
def browser() -> Iterator:
    """Chromium, without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield started
        started.close()


class Tab:
    """A page of a browser that notes what a browser forbids, and what scripts stumble over."""

    def __init__(self, context) -> None:
        self.wrong: list[str] = []
        self.page = context.new_page()
        self.page.set_default_timeout(WAIT_MS)
        self.page.add_init_script(WATCH)
        self.page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        self.page.on("console", self._heard)
        self.page.on("request", self._asked)

    def _heard(self, message) -> None:
        if "Content Security Policy" in message.text or "Content-Security-Policy" in message.text:
            self.wrong.append(message.text)

    def _asked(self, request) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            self.wrong.append(f"asked {request.url}")

    def check(self) -> None:
        """Nothing was forbidden, nothing failed, no other host was asked."""
        self.wrong += self.page.evaluate("window.violations")
        assert self.wrong == []

    def serious(self) -> list[str]:
        """What axe-core finds on the page that is serious or critical."""
        # Evaluated by the debugger, which no policy of the page forbids.
        self.page.evaluate(AXE.read_text(encoding="utf-8") + "; null")
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{item['id']}: {json.dumps([node['html'][:120] for node in item['nodes']][:3])}"
            for item in found["violations"]
            if item["impact"] in ("serious", "critical")
        ]

    def sign_in(self, url: str, key: str) -> None:
        """Sign in, by the keyboard."""
        self.page.goto(f"{url}/console/")
        self.page.keyboard.type(key)
        self.page.keyboard.press("Enter")
        self.page.wait_for_selector("h1:has-text('Locations')")

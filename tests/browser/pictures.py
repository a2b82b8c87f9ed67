"""The pictures of the console in the documentation: ``python -m tests.browser.pictures``.

They are taken of a server of its own, by the encoder that ships, with the sample franchise.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import httpx

from tests.browser import browsing
from tests.docs.pages import ROOT
from tests.server.test_process import KEY, server

ASSETS = ROOT / "docs" / "assets"
SIZE = {"width": 1180, "height": 700}


def opened(api: httpx.Client, name: str) -> str:
    """A call of an agent, once the server answers for it."""
    while (response := api.post(f"{name}/calls")).status_code == 503:
        time.sleep(0.5)
    call_id: str = response.json()["data"]["callId"]
    return call_id


def main(folder: Path = ASSETS, encoder: str = "default") -> None:
    """Take them anew."""
    options = {
        "ROUTING_ENGINE_BOOTSTRAP_KEY": KEY,
        "ROUTING_ENGINE_STORE_TRANSCRIPTS": "true",
        "ROUTING_ENGINE_ENCODER": encoder,
    }
    with (
        tempfile.TemporaryDirectory() as place,
        server(Path(place), **options) as started,
        started.client(KEY) as api,
        browsing.browser() as chromium,
    ):
        context = chromium.new_context(viewport=SIZE, color_scheme="light")
        tab = browsing.Tab(context)
        tab.sign_in(started.url, KEY)
        page = tab.page
        page.goto(f"{started.url}/console/import")
        page.set_input_files("input[type=file]", ROOT / "data" / "franchise.csv")
        page.once("dialog", lambda dialog: dialog.accept())
        page.get_by_role("button", name="Apply and publish").click()
        page.wait_for_selector("text=applied and published", timeout=120_000)
        page.screenshot(path=folder / "console-import.png")
        agent = api.get("/agents", params={"limit": 1}).json()["data"]["items"][0]
        name = f"/agents/{agent['id']}"
        for said in ("I was charged twice", "are you open on sunday", "I want to book a clean",
                     "there is water everywhere", "what does it cost"):  # fmt: skip
            call_id = opened(api, name)
            api.post(f"/calls/{call_id}/turns", json={"text": said})
            api.post(f"/calls/{call_id}/outcome", json={"outcome": "transferred"})
        rules = agent["handoffConfig"]["transferRules"]
        rules[0] = {**rules[0], "destination": "+14155550199"}
        api.patch(name, json={"handoffConfig": {"transferRules": rules}})
        page.goto(f"{started.url}/console/locations")
        page.screenshot(path=folder / "console-locations.png")
        page.goto(f"{started.url}/console/locations/{agent['id']}")
        page.get_by_label("What the caller says").fill("there's a charge I don't recognise")
        page.get_by_role("button", name="Try", exact=True).click()
        page.wait_for_selector(".gates")
        page.screenshot(path=folder / "console-location.png")
        page.goto(f"{started.url}/console/calls?agent={agent['id']}")
        page.screenshot(path=folder / "console-calls.png")
        tab.check()


if __name__ == "__main__":
    main(*(Path(name) for name in sys.argv[1:2]), *sys.argv[2:3])

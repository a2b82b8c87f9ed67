"""The console in a browser: by keyboard, by mouse, by two people, and through failures."""

from __future__ import annotations

import re

import httpx
import pytest

from tests.browser import browsing
from tests.server.test_process import KEY, Server, server
from tests.support.planes import BILLING, CONFIG, MAIN

pytestmark = pytest.mark.slow

HEADER = "location_id,default_destination,label,when,destination"
SHEET = "\n".join(
    [
        HEADER,
        *(f"sheet-{i},{MAIN},Billing,caller asks about an invoice,{BILLING}" for i in range(40)),
    ]
)


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    browsing.needed()
    folder = tmp_path_factory.mktemp("desk")
    options = {"ROUTING_ENGINE_BOOTSTRAP_KEY": KEY, "ROUTING_ENGINE_STORE_TRANSCRIPTS": "true"}
    with server(folder, **options) as started:
        yield started


@pytest.fixture(scope="module")
def chromium():
    browsing.needed()
    with browsing.browser() as started:
        yield started


@pytest.fixture
def tab(chromium, desk: Server):
    context = chromium.new_context()
    opened = browsing.Tab(context)
    opened.sign_in(desk.url, KEY)
    yield opened
    opened.check()
    context.close()


@pytest.fixture(scope="module")
def api(desk: Server):
    with desk.client(KEY) as client:
        yield client


def an_agent(api: httpx.Client, name: str, *, publish: bool = True) -> str:
    made = api.post("/agents", json={"name": name, "locationId": name.lower(), **CONFIG})
    agent_id = made.json()["data"]["id"]
    if publish:
        assert api.post(f"/agents/{agent_id}/publish").status_code == 201
    return agent_id


def tab_to(page, name: str) -> None:
    """Press Tab until what has this name has the focus."""
    for _ in range(150):
        page.keyboard.press("Tab")
        named = page.evaluate(
            "(document.activeElement.getAttribute('aria-label') || document.activeElement.labels?.[0]?.innerText"
            " || document.activeElement.innerText || '').trim()"
        )
        if named.startswith(name):
            return
    raise AssertionError(f"Tab does not lead to {name}")


def test_the_life_of_a_location_by_the_keyboard_alone(tab, api):
    page = tab.page
    tab_to(page, "New location")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("Keyboard store")
    page.keyboard.press("Tab")
    page.keyboard.type("key-1")
    page.keyboard.press("Enter")
    page.wait_for_selector("h1:has-text('Keyboard store')")
    tab_to(page, "Add a rule")
    page.keyboard.press("Enter")
    page.wait_for_selector("form.rule")
    page.wait_for_function("document.activeElement.name === 'label'")
    page.keyboard.type("Refunds")
    tab_to(page, "When")
    page.keyboard.type("caller wants their money back")
    tab_to(page, "Goes to")
    page.keyboard.type("(415) 555-0155")
    page.wait_for_selector("text=+14155550155 — kept like this")
    tab_to(page, "What callers say")
    page.keyboard.type("I want my money back")
    tab_to(page, "Save")
    page.keyboard.press("Enter")
    page.wait_for_selector("#rules strong:has-text('Refunds')")
    tab_to(page, "Default number")
    page.keyboard.type("415 555 0100")
    page.keyboard.press("Enter")
    page.wait_for_selector("input[name=transferDestination][value='+14155550100']")
    tab_to(page, "What the caller says")
    page.keyboard.type("I want my money back")
    page.keyboard.press("Enter")
    page.wait_for_selector(".verdict >> text=+14155550155")
    tab_to(page, "Note")
    page.keyboard.type("first version")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Version 1 is published")
    page.wait_for_selector("#status >> text=version 1 is published")
    page.wait_for_selector("#versions >> text=first version")
    found = api.get("/agents", params={"locationId": "key-1"}).json()["data"]["items"][0]
    assert found["version"] == 1


def test_searching_as_one_types_and_publishing_all_that_was_found(tab, api):
    for i in range(7):
        an_agent(api, f"Bulk-{i}", publish=False)
    page = tab.page
    page.keyboard.press("/")
    page.keyboard.type("bulk-")
    page.wait_for_selector("text=7 locations")
    assert page.locator("tbody tr").count() == 7
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Publish all with changes").click()
    page.wait_for_selector("text=7 done.")
    assert page.locator("#bulk .tag.ok").count() == 7
    found = api.get("/agents", params={"locationId": "bulk-6"}).json()["data"]["items"][0]
    assert found["version"] == 1


def test_an_import_that_fails_changes_nothing_and_one_that_is_right_shows_its_progress(tab, api):
    page = tab.page
    page.get_by_role("link", name="Import").click()
    wrong = f"{HEADER}\nwrong-1,555 01A2,Billing,x,{BILLING}\n"
    page.set_input_files(
        "input[type=file]", {"name": "s.csv", "mimeType": "text/csv", "buffer": wrong.encode()}
    )
    page.get_by_role("button", name="Apply to drafts").click()
    page.wait_for_selector("text=failed: nothing was changed")
    assert "555 01A2" in page.inner_text("#import")
    assert tab.serious() == []
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as CSV").click()
    assert "row" in download.value.path().read_text().splitlines()[0]
    page.set_input_files(
        "input[type=file]", {"name": "s.csv", "mimeType": "text/csv", "buffer": SHEET.encode()}
    )
    page.get_by_role("button", name="Check").click()
    page.wait_for_selector("text=40 locations are new")
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Apply and publish").click()
    page.wait_for_selector("text=applied and published")
    found = api.get("/agents", params={"locationId": "sheet-39"}).json()["data"]["items"][0]
    assert found["version"] == 1


def test_headers_are_chosen_and_the_import_is_undone(tab, api):
    page = tab.page
    page.get_by_role("link", name="Import").click()
    odd = f"Wo,Haupt,Rechnung\nodd-1,{MAIN},{BILLING}\n"
    page.set_input_files(
        "input[type=file]", {"name": "s.csv", "mimeType": "text/csv", "buffer": odd.encode()}
    )
    page.wait_for_selector("text=no location column")
    for header, means in (("Wo", "location_id"), ("Haupt", "default_destination")):
        with page.expect_response("**/import/headers"):
            page.get_by_label(f"{header} is").select_option(means)
        page.wait_for_function(
            "name => [...document.querySelectorAll('.headers tr')].some("
            "row => row.innerText.startsWith(name) && row.querySelector('.tag.ok'))",
            arg=header,
        )
    assert tab.serious() == []
    # Who does not want it after all is asked first.
    asked = []
    page.once("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    page.get_by_role("button", name="Apply and publish").click()
    assert asked == ["Change the drafts of every location in this sheet, and publish them?"]
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Apply and publish").click()
    page.wait_for_selector("text=applied and published")
    assert api.get("/agents", params={"locationId": "odd-1"}).json()["data"]["items"]
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Undo this import").click()
    page.wait_for_selector("text=undone: everything is as it was before")
    assert api.get("/agents", params={"locationId": "odd-1"}).json()["data"]["items"] == []


def test_what_callers_said_is_labelled_by_the_keyboard_and_learned_from(tab, api):
    ids = [an_agent(api, f"Learn-{i}") for i in range(2)]
    for agent_id in ids:
        call_id = api.post(f"/agents/{agent_id}/calls").json()["data"]["callId"]
        api.post(f"/calls/{call_id}/turns", json={"text": "statement looks funny"})
        api.post(f"/calls/{call_id}/outcome", json={"outcome": "transferred"})
    page = tab.page
    page.get_by_role("link", name="Review").click()
    page.wait_for_selector("strong:has-text('statement looks funny')")
    assert tab.serious() == []
    page.locator("[data-review]", has_text="statement looks funny").focus()
    with page.expect_response("**/console/review"):
        page.keyboard.press("1")
    page.wait_for_selector("text=labelled Billing")
    page.reload()
    page.get_by_role("button", name="Report what would be gained").click()
    page.wait_for_selector("#learned >> text=2 gained, 0 lost.")
    page.get_by_role("button", name="Add these examples at").click()
    page.wait_for_selector("#taught >> text=have the examples")
    rules = api.get(f"/agents/{ids[1]}").json()["data"]["handoffConfig"]["transferRules"]
    assert rules[0]["examples"][-1] == "statement looks funny"


def test_two_people_editing_one_rule_are_shown_each_others(chromium, desk, api):
    agent_id = an_agent(api, "Shared")
    tabs = []
    for _ in range(2):
        tab = browsing.Tab(chromium.new_context())
        tab.sign_in(desk.url, KEY)
        tab.page.goto(f"{desk.url}/console/locations/{agent_id}")
        tab.page.get_by_role("button", name="Edit Billing").click()
        tab.page.wait_for_selector("form.rule")
        tabs.append(tab)
    for tab, when in zip(tabs, ("money of the first", "money of the second"), strict=True):
        tab.page.get_by_label("When", exact=True).fill(when)
        tab.page.get_by_role("button", name="Save", exact=True).first.click()
        tab.page.wait_for_timeout(300)
    page = tabs[1].page
    page.wait_for_selector("text=Somebody changed this rule meanwhile")
    assert "money of the first" in page.inner_text(".editing .notice")
    page.get_by_role("button", name="Save", exact=True).first.click()
    page.wait_for_selector("#rules >> text=money of the second")
    rules = api.get(f"/agents/{agent_id}").json()["data"]["handoffConfig"]["transferRules"]
    assert rules[0]["when"] == "money of the second"
    for tab in tabs:
        tab.check()
        tab.page.context.close()


def test_a_session_that_was_ended_in_another_tab_leads_to_the_sign_in(tab, desk):
    other = tab.page.context.new_page()
    other.goto(f"{desk.url}/console/settings")
    other.get_by_role("button", name="Sign out of every browser").click()
    other.wait_for_url("**/console/sign-in")
    tab.page.fill("#q", "x")
    tab.page.wait_for_url("**/console/sign-in")


def test_pages_are_fit_for_everybody_light_and_dark_wide_and_narrow(chromium, desk, api):
    agent_id = an_agent(api, "Fit")
    call_id = api.post(f"/agents/{agent_id}/calls").json()["data"]["callId"]
    api.post(f"/calls/{call_id}/turns", json={"text": "I was charged twice"})
    api.post(f"/calls/{call_id}/outcome", json={"outcome": "transferred"})
    paths = [
        "/locations", f"/locations/{agent_id}", "/import", f"/calls?agent={agent_id}", f"/calls/{call_id}",
        "/calls", "/review", "/keys", "/audit", "/settings", "/nothing",
    ]  # fmt: skip
    for scheme, width in (("light", 1280), ("dark", 390)):
        context = chromium.new_context(
            color_scheme=scheme, viewport={"width": width, "height": 800}
        )
        tab = browsing.Tab(context)
        tab.page.goto(f"{desk.url}/console/")
        assert tab.serious() == []
        tab.sign_in(desk.url, KEY)
        for path in paths:
            tab.page.goto(f"{desk.url}/console{path}")
            if agent_id in path and path.startswith("/locations"):
                # Each answer moves what stands below it: a click waits until it has come.
                tab.page.get_by_role("button", name="Edit Billing").click()
                tab.page.wait_for_selector("form.rule")
                tab.page.get_by_label("What the caller says").fill("I was charged twice")
                tab.page.get_by_role("button", name="Try", exact=True).click()
                tab.page.wait_for_selector(".gates")
                tab.page.get_by_role("button", name="Check the draft").click()
                tab.page.wait_for_selector("#report .notice")
            assert tab.serious() == [], (path, scheme)
            wide = tab.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, (path, width)
        tab.check()
        context.close()


def test_a_restarted_server_knows_who_is_signed_in(chromium, tmp_path):
    port = "18743"
    options = {"ROUTING_ENGINE_BOOTSTRAP_KEY": KEY}
    context = chromium.new_context()
    tab = browsing.Tab(context)
    with server(tmp_path, "--port", port, **options) as first:
        tab.sign_in(first.url, KEY)
        first.process.kill()
        first.process.wait()
    tab.page.fill("#q", "while it is down")
    with server(tmp_path, "--port", port, **options) as second:
        assert re.search(port, second.url)
        tab.page.fill("#q", "again")
        tab.page.wait_for_selector("text=0 locations")
        tab.check()
    context.close()

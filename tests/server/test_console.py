"""The console without a browser: who is let in, what they see, and what they may change."""

from __future__ import annotations

import re
import time

import pytest

from routing_engine.server.console import tokens
from routing_engine.server.console.app import HEADERS, PARTS
from routing_engine.server.console.visits import COOKIE
from routing_engine.server.security import SCOPES
from tests.support.planes import BILLING, CONFIG, MAIN, Served, served

HOSTILE = """<script>alert(1)</script>"><img src=x onerror=alert(2)>'{{7*7}}${7*7}</textarea>"""
SHEET = f"location_id,default_destination,label,when,destination\nz-1,{MAIN},Billing,invoices,{BILLING}\n"


@pytest.fixture
def api(tmp_path):
    with served(tmp_path, store_transcripts=True, rate_burst=100_000) as made:
        yield made


class Desk:
    """Somebody at the console, with a browser that keeps cookies."""

    def __init__(self, api: Served, token: str) -> None:
        self.client = api.client
        self.client.cookies.clear()
        response = self.client.post("/console/sign-in", data={"key": token}, follow_redirects=False)
        self.status = response.status_code
        self.cookie = response.headers.get("set-cookie", "")
        self.session = self.client.cookies.get(COOKIE)
        self.client.cookies.clear()

    def _options(self, options: dict) -> dict:
        headers = {"Cookie": f"{COOKIE}={self.session}", **options.pop("headers", {})}
        return {"headers": headers, "follow_redirects": False, **options}

    def get(self, path: str, **options):
        return self.client.get(f"/console{path}", **self._options(options))

    def post(self, path: str, data: dict | None = None, **options):
        headers = {"X-CSRF-Token": tokens.masked(self.session), "HX-Request": "true"}
        headers |= options.pop("headers", {})
        return self.client.post(
            f"/console{path}", data=data, **self._options({"headers": headers, **options})
        )


@pytest.fixture
def desk(api: Served):
    return Desk(api, api.token)


RULE = {
    "label": "Refunds", "when": "caller wants their money back", "destination": "(415) 555-0155",
    "examples": "I want a refund\nmoney back please", "enabled": "on", "action": "transfer",
}  # fmt: skip


def mark_of(page: str, number: int = 0) -> str:
    return re.findall(r'"mark": "([0-9a-f]{16})"', page.replace("&#34;", '"'))[number * 2]


def form_mark(page: str, form: str) -> str:
    """The mark of a form of a page."""
    return re.search(rf'/{form}"[^>]*>\s*<input type="hidden" name="mark" value="(\w+)"', page)[1]


class TestSigningIn:
    def test_a_key_begins_a_session_in_a_cookie_that_no_script_reads(self, desk):
        assert desk.status == 303
        for part in ("HttpOnly", "SameSite=strict", "Path=/console", "Max-Age=43200"):
            assert part in desk.cookie
        assert "Secure" not in desk.cookie
        assert desk.get("/locations").status_code == 200

    def test_behind_tls_the_cookie_is_for_tls_alone(self, api: Served):
        response = api.client.post(
            "/console/sign-in", data={"key": api.token}, headers={"X-Forwarded-Proto": "https"},
            follow_redirects=False,
        )  # fmt: skip
        assert "; Secure" in response.headers["set-cookie"]

    def test_without_a_session_every_page_leads_to_the_sign_in(self, api: Served):
        agent_id = api.published()
        for part in PARTS:
            for method, path in part.scopes:
                shown = path.replace("{agent}", agent_id)
                for cookie in (b"", f"{COOKIE}=wrong".encode(), f"{COOKIE}=\xe9".encode("latin-1")):
                    response = api.client.request(
                        method,
                        f"/console{shown}",
                        headers={"Cookie": cookie},
                        follow_redirects=False,
                    )
                    assert response.status_code == 303, (method, path)
                    assert response.headers["location"].startswith("/console/sign-in")
                    assert agent_id not in response.text

    def test_it_leads_back_to_where_one_wanted_to_go_and_nowhere_else(self, api: Served):
        first = api.client.get("/console/calls", follow_redirects=False)
        assert first.headers["location"] == "/console/sign-in?next=/console/calls"
        for wanted, gone in (
            ("/console/calls", "/console/calls"),
            ("https://evil.example/", "/console/locations"),
            ("//evil.example", "/console/locations"),
            ("/console//evil.example", "/console/locations"),
            ("/console/\\evil", "/console/locations"),
        ):
            response = api.client.post(
                "/console/sign-in", params={"next": wanted}, data={"key": api.token},
                follow_redirects=False,
            )  # fmt: skip
            assert response.headers["location"] == gone

    def test_wrong_keys_are_slowed_down_and_then_refused_for_a_while(
        self, api: Served, monkeypatch
    ):
        monkeypatch.setattr("routing_engine.server.console.signing.SLOWED_S", 0.05)
        began = time.monotonic()
        statuses = [
            api.client.post("/console/sign-in", data={"key": f"rk_{'x' * 40}{i}"}).status_code
            for i in range(7)
        ]
        assert statuses == [401] * 5 + [429] * 2
        assert time.monotonic() - began >= 7 * 0.05
        assert Desk(api, api.token).status == 303  # a right key is let in all the same

    def test_another_site_cannot_sign_anybody_in(self, api: Served):
        response = api.client.post(
            "/console/sign-in", data={"key": api.token}, headers={"Origin": "https://evil.example"}
        )
        assert response.status_code == 403
        assert "set-cookie" not in response.headers

    def test_a_session_ends_by_signing_out_here_or_everywhere_or_with_its_key(self, api: Served):
        one, other = Desk(api, api.token), Desk(api, api.token)
        assert one.post("/sign-out").headers["hx-redirect"] == "/console/sign-in"
        assert one.get("/locations").status_code == 303
        assert other.get("/locations").status_code == 200
        third = Desk(api, api.token)
        third.post("/sign-out-everywhere")
        assert other.get("/locations").status_code == third.get("/locations").status_code == 303
        made = api.data("POST", "/keys", json={"name": "k", "scopes": ["agents:read"]})
        fourth = Desk(api, made["key"])
        assert fourth.get("/locations").status_code == 200
        api.data("DELETE", f"/keys/{made['id']}")
        assert fourth.get("/locations").status_code == 303

    def test_a_part_of_a_page_is_told_to_load_the_sign_in(self, api: Served):
        response = api.client.get("/console/locations", headers={"HX-Request": "true"})
        assert (response.status_code, response.headers["hx-redirect"]) == (401, "/console/sign-in")


class TestTokens:
    def test_nothing_changes_without_the_token_of_the_page(self, api: Served, desk):
        other = Desk(api, api.token)
        for token in ("", "x", "é", tokens.masked(other.session), tokens.masked(desk.session)[:-4]):
            response = desk.post(
                "/locations", {"name": "New"}, headers={"X-CSRF-Token": token.encode("latin-1")}
            )
            assert response.status_code == 403
        assert (
            desk.post(
                "/locations",
                {"name": "New", "csrf": "x"},
                headers={"Origin": "https://evil.example"},
            ).status_code
            == 403
        )
        assert (
            desk.post(
                "/locations", {"name": "New"}, headers={"Sec-Fetch-Site": "cross-site"}
            ).status_code
            == 403
        )
        assert api.data("GET", "/agents")["items"] == []
        assert desk.post("/locations", {"name": "New"}).status_code == 204

    def test_every_page_has_another_mask_and_all_are_good(self):
        made = {tokens.masked("session") for _ in range(20)}
        assert len(made) == 20
        assert all(tokens.is_of(token, "session") for token in made)
        assert not any(tokens.is_of(token, "other") for token in made)


class TestScopes:
    def test_each_page_asks_for_its_scope_and_no_more_is_shown(self, api: Served):
        agent_id = api.published(name="Hidden name")
        paths = {"{agent}": agent_id, "{rule}": "0", "{test}": "0", "{version}": "1", "{key}": "key_x",
                 "{import}": "imp_x", "{call}": "cal_x"}  # fmt: skip
        without = {scope: api.key(*(item for item in SCOPES if item != scope)) for scope in SCOPES}
        desks = {scope: Desk(api, token) for scope, token in without.items()}
        n = 0
        for part in PARTS:
            for (method, path), scope in part.scopes.items():
                if scope is None:
                    continue
                shown = path
                for name, value in paths.items():
                    shown = shown.replace(name, value)
                ask = desks[scope].get if method == "GET" else desks[scope].post
                response = ask(shown)
                assert response.status_code == 403, (method, path)
                assert scope in response.text
                assert "Hidden name" not in response.text
                n += 1
        assert n > 30

    def test_who_may_only_read_is_shown_no_button_that_writes(self, api: Served):
        agent_id = api.published()
        reader = Desk(api, api.key("agents:read"))
        page = reader.get(f"/locations/{agent_id}").text
        for word in (">Edit<", "Publish the draft", ">Save<", "Delete the location", "Try it"):
            assert word not in page
            assert word in Desk(api, api.token).get(f"/locations/{agent_id}").text


class OnBothDatabases:
    """Tests that run on SQLite and on PostgreSQL."""

    @pytest.fixture
    def api(self, tmp_path, store_url):
        with served(
            tmp_path, database=store_url, store_transcripts=True, rate_burst=100_000
        ) as made:
            yield made


class TestIsolation(OnBothDatabases):
    def test_another_organisation_sees_nothing_of_it_on_any_page(self, api: Served, desk):
        agent_id = api.published(name="Ours alone", location_id="ours-1")
        call_id = api.data("POST", f"/agents/{agent_id}/calls")["callId"]
        import_id = api.imported(SHEET.encode())["id"]
        key_id = api.data("POST", "/keys", json={"name": "ours", "scopes": ["calls:read"]})["id"]
        theirs = Desk(api, api.other_token)
        names = {"{agent}": agent_id, "{rule}": "0", "{test}": "0", "{version}": "1", "{key}": key_id,
                 "{import}": import_id, "{call}": call_id}  # fmt: skip
        form = {**RULE, "utterance": "x", "said": "hello", "version": "1", "label": "Billing",
                "text": "x", "sentences": "x", "confirm": "ours-1", "agent": agent_id}  # fmt: skip
        before = api.data("GET", f"/agents/{agent_id}")
        for part in PARTS:
            for method, path in part.scopes:
                if path.startswith("/sign-out"):
                    continue
                shown = path
                for name, value in names.items():
                    shown = shown.replace(name, value)
                response = theirs.get(shown) if method == "GET" else theirs.post(shown, form)
                if "{" in path:
                    assert response.status_code in (404, 422), (method, path, response.text)
                for secret in ("Ours alone", "ours-1", agent_id, call_id, BILLING):
                    echoed = secret in shown
                    assert echoed or secret not in response.text.replace(
                        f'value="{agent_id}"', ""
                    ), (method, path)
        assert api.data("GET", f"/agents/{agent_id}") == before
        assert theirs.get(f"/calls?agent={agent_id}").status_code == 404
        assert "Ours alone" in desk.get("/locations").text


class TestHeaders:
    def test_every_answer_forbids_what_it_does_not_need(self, api: Served, desk):
        for response in (
            desk.get("/locations"), desk.get("/nothing"), desk.get("/"), api.client.get("/console/sign-in"),
            desk.get("/locations/agt_x"),
        ):  # fmt: skip
            for name, value in HEADERS.items():
                assert response.headers[name] == value
            assert "unsafe" not in response.headers["content-security-policy"]
            assert response.headers["cache-control"] == "no-store"

    def test_pages_have_no_inline_script_or_style_and_ask_no_other_host(self, api: Served, desk):
        agent_id = api.published()
        for path in (
            "/locations",
            f"/locations/{agent_id}",
            "/import",
            "/calls",
            f"/calls?agent={agent_id}",
            "/keys",
            "/audit",
            "/settings",
        ):
            page = desk.get(path).text
            assert re.findall(r"<script(?![^>]* src=)", page) == []
            assert re.findall(r"<style|\sstyle=|\son\w+=|javascript:", page) == []
            assert re.findall(r"(?:src|href|action)=\"(?:https?:)?//", page) == []

    def test_the_first_load_is_small(self, api: Served, desk):
        page = desk.get("/locations", headers={"Accept-Encoding": "gzip"})
        n_bytes = int(page.headers.get("content-length", 0))
        for path in re.findall(r'(?:src|href)="(/console/static/[^"]+)"', page.text):
            got = api.client.get(path, headers={"Accept-Encoding": "gzip"})
            assert got.status_code == 200
            assert "immutable" in got.headers["cache-control"]
            n_bytes += int(got.headers["content-length"])
        assert 10_000 < n_bytes < 60_000

    def test_a_static_file_has_one_address(self, api: Served):
        for path in ("x/console.css", "x/../app.py", f"{'0' * 12}/console.css"):
            assert api.client.get(f"/console/static/{path}").status_code == 404

    def test_a_setting_takes_the_console_away(self, tmp_path):
        with served(tmp_path, console=False) as api:
            assert api.client.get("/console/sign-in").status_code == 404


class TestALife(OnBothDatabases):
    def test_from_nothing_to_a_published_rule(self, api: Served, desk):
        made = desk.post("/locations", {"name": "Oakland", "locationId": "store-7"})
        path = made.headers["hx-redirect"].removeprefix("/console")
        details = {
            "name": "Oakland",
            "transferDestination": "415 555 0100",
            "mark": form_mark(desk.get(path).text, "details"),
        }
        assert "version" not in desk.get(f"{path}/versions").text
        assert desk.post(f"{path}/details", details).status_code == 200
        saved = desk.post(f"{path}/rules/new", RULE)
        assert saved.status_code == 200
        assert "+14155550155" in saved.text
        assert "never published" in saved.text
        assert (
            desk.post(
                f"{path}/tests", {"utterance": "I want a refund", "expect": "Refunds"}
            ).status_code
            == 200
        )
        report = desk.get(f"{path}/report").text
        assert "passes" in report
        tried = desk.post(f"{path}/try", {"said": "agent: hello\nI want a refund"}).text
        assert "+14155550155" in tried
        assert "example: “I want a refund”" in tried
        published = desk.post(f"{path}/publish", {"note": "first"})
        assert "Version 1 is published" in published.text
        assert "version 1 is published" in desk.get(path).text
        agent = api.data("GET", "/agents")["items"][0]
        assert agent["handoffConfig"]["transferRules"] == [
            {
                "label": "Refunds", "when": "caller wants their money back", "destination": "+14155550155",
                "examples": ["I want a refund", "money back please"], "action": "transfer", "enabled": True,
            } | {name: value for name, value in agent["handoffConfig"]["transferRules"][0].items() if value is False}
        ]  # fmt: skip


class TestALocation:
    def test_a_rule_is_changed_in_place_and_keeps_what_the_form_does_not_have(
        self, api: Served, desk
    ):
        rules = [dict(rule) for rule in CONFIG["handoffConfig"]["transferRules"]]
        rules[0]["ringTimeoutsS"] = [20]
        agent_id = api.agent(handoffConfig={**CONFIG["handoffConfig"], "transferRules": rules})
        row = desk.get(f"/locations/{agent_id}/rules/0").text
        mark = re.search(r'name="mark" value="(\w+)"', row)[1]
        form = {**RULE, "label": "Billing", "when": "caller asks for money", "mark": mark}
        assert desk.post(f"/locations/{agent_id}/rules/0", form).status_code == 200
        changed = api.data("GET", f"/agents/{agent_id}")["handoffConfig"]["transferRules"]
        assert changed[0]["when"] == "caller asks for money"
        assert changed[0]["ringTimeoutsS"] == [20]
        assert changed[1]["label"] == "Cancel"

    def test_two_people_changing_different_rules_undo_nothing(self, api: Served, desk):
        agent_id = api.agent()
        marks = [
            re.search(
                r'name="mark" value="(\w+)"', desk.get(f"/locations/{agent_id}/rules/{i}").text
            )[1]
            for i in (0, 1)
        ]
        for i, label in enumerate(("Billing", "Cancel")):
            form = {**RULE, "label": label, "when": f"changed {i}", "mark": marks[i]}
            assert desk.post(f"/locations/{agent_id}/rules/{i}", form).status_code == 200
        found = api.data("GET", f"/agents/{agent_id}")["handoffConfig"]["transferRules"]
        assert [rule["when"] for rule in found] == ["changed 0", "changed 1"]

    def test_two_people_changing_the_same_rule_are_shown_both(self, api: Served, desk):
        agent_id = api.agent()
        mark = re.search(
            r'name="mark" value="(\w+)"', desk.get(f"/locations/{agent_id}/rules/0").text
        )[1]
        first = {
            **RULE,
            "label": "Billing",
            "when": "what the first wrote",
            "mark": mark,
            "was": "Billing",
        }
        assert desk.post(f"/locations/{agent_id}/rules/0", first).status_code == 200
        second = {**first, "when": "what the second wrote"}
        shown = desk.post(f"/locations/{agent_id}/rules/0", second)
        assert shown.status_code == 412
        assert "what the first wrote" in shown.text
        assert 'value="what the second wrote"' in shown.text
        mark = re.search(r'name="mark" value="(\w+)"', shown.text)[1]
        assert (
            desk.post(f"/locations/{agent_id}/rules/0", {**second, "mark": mark}).status_code == 200
        )
        found = api.data("GET", f"/agents/{agent_id}")["handoffConfig"]["transferRules"]
        assert found[0]["when"] == "what the second wrote"

    def test_what_is_wrong_with_a_rule_stands_at_its_field_and_nothing_is_changed(
        self, api: Served, desk
    ):
        agent_id = api.agent()
        before = api.data("GET", f"/agents/{agent_id}")
        shown = desk.post(
            f"/locations/{agent_id}/rules/new",
            {**RULE, "destination": "555 01A2", "threshold": "high"},
        )
        assert shown.status_code == 422
        assert "555 01A2" in shown.text
        assert "is not a phone number" in shown.text
        assert api.data("GET", f"/agents/{agent_id}") == before

    def test_hours_guardrails_examples_and_deleting(self, api: Served, desk):
        agent_id = api.agent(location_id="store-9")
        page = desk.get(f"/locations/{agent_id}").text
        hours = {"mark": form_mark(page, "hours"), "timezone": "America/Los_Angeles", "monday": "09:00-12:00, 13:00-17:00",
                 "holidays": "2026-12-24 09:00-12:00 Christmas Eve\n2026-12-25 Christmas Day", "allowHumanTransfer": "no"}  # fmt: skip
        assert desk.post(f"/locations/{agent_id}/hours", hours).status_code == 200
        kept = api.data("GET", f"/agents/{agent_id}")["businessHours"]
        assert kept["weekly"]["monday"] == ["09:00-12:00", "13:00-17:00"]
        assert [day["closed"] for day in kept["holidays"]] == [False, True]
        assert kept["afterHours"]["allowHumanTransfer"] is False
        stale = desk.post(f"/locations/{agent_id}/hours", hours)
        assert stale.status_code == 412
        assert (
            desk.post(
                f"/locations/{agent_id}/guardrails", {"requiresConfirmation": "Billing"}
            ).status_code
            == 200
        )
        assert api.data("GET", f"/agents/{agent_id}/guardrails")["requiresConfirmation"] == [
            "Billing"
        ]
        added = desk.post(
            f"/locations/{agent_id}/examples", {"label": "Billing", "text": "a strange fee"}
        )
        assert "Added" in added.text
        rules = api.data("GET", f"/agents/{agent_id}")["handoffConfig"]["transferRules"]
        assert "a strange fee" in rules[0]["examples"]
        table = desk.get(f"/locations/{agent_id}/rules").text
        assert (
            desk.post(
                f"/locations/{agent_id}/rules/1/delete", {"mark": mark_of(table, 1)}
            ).status_code
            == 200
        )
        assert len(api.data("GET", f"/agents/{agent_id}")["handoffConfig"]["transferRules"]) == 1
        assert desk.post(f"/locations/{agent_id}/delete", {"confirm": "x"}).status_code == 422
        assert desk.post(f"/locations/{agent_id}/delete", {"confirm": "store-9"}).status_code == 204
        assert api("GET", f"/agents/{agent_id}").status_code == 404

    def test_a_failing_test_blocks_until_somebody_insists(self, api: Served, desk):
        agent_id = api.agent(routingTests=[{"utterance": "bananas", "expect": "Billing"}])
        blocked = desk.post(f"/locations/{agent_id}/publish", {"note": "n"})
        assert blocked.status_code == 409
        assert "Publish in spite of it" in blocked.text
        assert "bananas" in blocked.text
        forced = desk.post(f"/locations/{agent_id}/publish", {"note": "n", "reason": "it is late"})
        assert forced.status_code == 200
        assert api.data("GET", f"/agents/{agent_id}/versions")["items"][0]["forced"] == "it is late"
        assert "it is late" in desk.get(f"/locations/{agent_id}/versions").text

    def test_versions_are_compared_and_an_earlier_one_comes_back(self, api: Served, desk):
        agent_id = api.published()
        api.data("PATCH", f"/agents/{agent_id}", json={"name": "Berkeley"})
        api.data("POST", f"/agents/{agent_id}/publish")
        shown = desk.get(f"/locations/{agent_id}/versions/2").text
        assert "Oakland" in shown
        assert "Berkeley" in shown
        assert (
            desk.post(
                f"/locations/{agent_id}/rollback", {"version": "1", "note": "back"}
            ).status_code
            == 204
        )
        assert api.data("GET", f"/agents/{agent_id}")["name"] == "Oakland"
        assert desk.get(f"/locations/{agent_id}/versions/x").status_code == 404

    def test_draft_and_published_version_are_tried_side_by_side(self, api: Served, desk):
        agent_id = api.published()
        rules = [{**CONFIG["handoffConfig"]["transferRules"][0], "destination": "+14155550177"}]
        api.data("PATCH", f"/agents/{agent_id}", json={"handoffConfig": {"transferRules": rules}})
        shown = desk.post(
            f"/locations/{agent_id}/try", {"said": "I was charged twice", "at": "2026-11-26T18:00"}
        ).text
        assert "different places" in shown
        assert "+14155550177" in shown
        assert BILLING in shown
        compared = desk.post(
            f"/locations/{agent_id}/compared", {"sentences": "I was charged twice\nbananas"}
        ).text
        assert "<strong>1 of 2</strong>" in compared
        assert desk.post(f"/locations/{agent_id}/try", {"said": "agent: hello"}).status_code == 422
        assert (
            desk.post(f"/locations/{agent_id}/try", {"said": "x", "at": "noon"}).status_code == 422
        )

    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("(415) 555-0111", "+14155550111"), ("+1 415 555 0111", "kept like this"), ("", ""),
            ("555 01A2", "is not a phone number"), ("+1 900 555 0111", "premium"),
        ],
    )  # fmt: skip
    def test_a_number_is_checked_as_it_is_typed(self, desk, text, shown):
        response = desk.get("/number", params={"destination": text})
        assert response.status_code == 200
        assert shown in response.text


class TestTheList:
    def test_searching_and_filtering(self, api: Served, desk):
        api.published(name="Oakland", location_id="store-1")
        api.agent(name="Reno", location_id="store-2")
        names = {"Oakland", "Reno"}

        def found(**query):
            page = desk.get("/locations", params=query, headers={"HX-Request": "true"}).text
            return {name for name in names if f">{name}</a>" in page}

        assert found() == names
        assert found(q="OAK") == {"Oakland"}
        assert found(q="store-2") == {"Reno"}
        assert found(state="unpublished") == {"Reno"}
        assert found(state="changed") == set()
        assert found(q="nothing like it") == set()

    def test_several_are_published_one_after_the_other_with_a_report(self, api: Served, desk):
        ids = [api.agent(name=f"Store {i}", location_id=f"s-{i}") for i in range(6)]
        ids.append(api.agent(name="Broken", location_id="s-9", handoffConfig={}))
        first = desk.post("/locations/publish", {"which": "all", "note": "bulk"})
        left = re.search(r'"waiting": "([^"]+)"', first.text.replace("&#34;", '"'))[1]
        assert first.text.count("version 1") + first.text.count("not published") == 5
        second = desk.post("/locations/publish", {"waiting": left, "note": "bulk", "total": "7"})
        assert "7 done" in second.text
        text = first.text + second.text
        assert text.count("not published") == 1
        assert [api.data("GET", f"/agents/{one}")["version"] for one in ids] == [1] * 6 + [None]
        assert desk.post("/locations/publish", {"which": "chosen"}).status_code == 422


class TestImports:
    def upload(self, desk, what, sheet=SHEET):
        files = {"file": ("stores.csv", sheet.encode())}
        return desk.post("/import", {"what": what, "region": ""}, files=files)

    def ended(self, api, desk, response):
        import_id = re.search(r"/console/import/(imp_[\w-]+)/events", response.text)[1]
        api.ended(import_id)
        return import_id, desk.get(f"/import/{import_id}", headers={"HX-Request": "true"}).text

    def test_checking_changes_nothing_and_publishing_does(self, api: Served, desk):
        _, text = self.ended(api, desk, self.upload(desk, "check"))
        assert "checked: nothing was changed" in text
        assert "1 locations are new" in text
        assert api.data("GET", "/agents")["items"] == []
        import_id, text = self.ended(api, desk, self.upload(desk, "publish"))
        assert "applied and published" in text
        assert api.data("GET", "/agents")["items"][0]["version"] == 1
        told = desk.get(f"/import/{import_id}/events")
        assert told.headers["content-type"].startswith("text/event-stream")
        assert '"status": "done"' in told.text
        assert import_id in desk.get("/import").text

    def test_errors_stand_by_cause_and_can_be_downloaded(self, api: Served, desk):
        sheet = SHEET + "z-2,555 01A2,=1+1,x,y\nz-3,555 01A3,,,\n"
        import_id, text = self.ended(api, desk, self.upload(desk, "apply", sheet))
        assert "failed: nothing was changed" in text
        assert "555 01A2" in text
        rows = desk.get(f"/import/{import_id}/issues.csv").text.splitlines()
        assert rows[0] == "severity,row,column,code,message"
        assert len(rows) > 2
        assert not any(cell.startswith(("=", "+", "@")) for row in rows for cell in row.split(","))

    def test_headers_are_said_and_locations_that_are_missing_go(self, api: Served, desk):
        api.published(name="Old", location_id="old-1")
        sheet = SHEET.replace("location_id", "Wherever")
        files = {"file": ("stores.csv", sheet.encode())}
        shown = desk.post("/import/headers", files=files).text
        assert "no location column" in shown
        assert re.findall(r'name="header" value="(\w+)"', shown)[0] == "Wherever"
        mapped = {"header": ["Wherever", "when"], "means": ["location_id", ""]}
        assert "no location column" not in desk.post("/import/headers", mapped, files=files).text
        assert 'value="location_id" selected' not in desk.post("/import/headers", files=files).text
        form = {"what": "check", **mapped}
        _, text = self.ended(api, desk, desk.post("/import", form, files=files))
        assert "1 are not in the sheet" in text
        assert "old-1" in text
        # What was chosen is remembered for the next sheet, until something else is.
        remembered = desk.post("/import/headers", files=files).text
        assert remembered.count('value="location_id" selected') == 1
        assert "z-1" in remembered
        other = {"header": ["Wherever"], "means": [""]}
        assert "no location column" in desk.post("/import/headers", other, files=files).text
        form |= {"what": "publish", "removeMissing": "on"}
        _, text = self.ended(api, desk, desk.post("/import", form, files=files))
        assert "failed: nothing was changed" in text  # that is more than a twentieth
        form |= {"maxRemoved": "100"}
        _, text = self.ended(api, desk, desk.post("/import", form, files=files))
        assert "1 were deleted" in text
        assert [agent["locationId"] for agent in api.data("GET", "/agents")["items"]] == ["z-1"]
        for wrong in (
            {"header": "a"},
            {"header": "a", "means": "no"},
            {"maxRemoved": "101"},
            {"maxRemoved": "x"},
        ):
            assert desk.post("/import", {"what": "check", **wrong}, files=files).status_code == 422

    def test_an_import_is_undone_unless_something_was_changed_since(self, api: Served, desk):
        import_id, text = self.ended(api, desk, self.upload(desk, "publish"))
        assert "Undo this import" in text
        agent = api.data("GET", "/agents")["items"][0]
        other = SHEET.replace("invoices", "money")
        second, _ = self.ended(api, desk, self.upload(desk, "publish", other))
        refused = desk.post(f"/import/{import_id}/undo")
        assert refused.status_code == 409
        assert "a later import changed 1 of its locations" in refused.text
        assert "undone: everything is as it was before" in desk.post(f"/import/{second}/undo").text
        now = api.data("GET", f"/agents/{agent['id']}")
        assert now["handoffConfig"] == agent["handoffConfig"]
        assert now["version"] == 3
        assert "import.undo" in desk.get("/audit").text
        assert desk.post(f"/import/{second}/undo").status_code == 409
        third, text = self.ended(api, desk, self.upload(desk, "apply"))
        api.data("PATCH", f"/agents/{agent['id']}", json={"name": "Mine"})
        refused = desk.post(f"/import/{third}/undo")
        assert "changed or published since: &#39;z-1&#39;" in refused.text
        assert api.data("GET", f"/agents/{agent['id']}")["name"] == "Mine"

    def test_what_is_no_sheet_is_refused(self, desk):
        assert desk.post("/import", {"what": "check"}).status_code == 422
        for name, content in (("x.exe", b"MZ"), ("x.csv", b"%PDF"), ("x.xlsx", b"PK")):
            told = desk.post("/import/headers", files={"file": (name, content)})
            assert told.status_code == 422 or "notice bad" in told.text
        assert desk.post("/import/headers").status_code == 422
        wrong = desk.post("/import", {"what": "check"}, files={"file": ("x.exe", b"MZ")})
        assert wrong.status_code == 422
        assert desk.get("/import/imp_nothing/events").status_code == 404


class TestCalls:
    def test_figures_and_one_call_with_its_decisions(self, api: Served, desk):
        agent_id = api.published(name="Oakland")
        call_id = api.data("POST", f"/agents/{agent_id}/calls")["callId"]
        api.data("POST", f"/calls/{call_id}/turns", json={"text": "I was charged twice"})
        api.data("POST", f"/calls/{call_id}/outcome", json={"outcome": "transferred"})
        api.data("POST", f"/agents/{agent_id}/route", json={"utterance": "bananas"})
        api.plane.recorder.flush()
        page = desk.get(f"/calls?agent={agent_id}").text
        rows = re.findall(r'<th scope="row">([^<]+)</th><td class="num">([^<]+)<', page)
        assert rows == [("Oakland", "2"), ("the 31 days before", "0")]
        other = api.published(name="Reno", location_id="reno-1")
        beside = desk.get(f"/calls?agent={agent_id}&beside=reno-1").text
        assert '<th scope="row">Reno</th><td class="num">0<' in beside
        assert other not in beside
        assert desk.get(f"/calls?agent={agent_id}&beside=nowhere").status_code == 422
        assert "Calls by day" in page
        assert 'aria-label="Calls by rule"' in page
        assert desk.get(f"/calls.csv?agent={agent_id}").text.splitlines()[1].endswith(",2,2,0")
        every = desk.get("/calls").text
        rows = re.findall(r'<th scope="row">([^<]+)</th><td class="num">([^<]+)<', every)
        assert rows == [("All locations", "2"), ("the 31 days before", "0")]
        assert 'aria-label="Calls by location"' in every
        assert desk.get("/calls.csv").text.splitlines()[1].endswith(",2,2,0")
        assert desk.get("/calls.csv?by=rule").text.splitlines() == ["rule,calls", "Billing,1"]
        assert desk.get("/calls.csv?by=location").text.splitlines()[1] == "Oakland,2,2,0"
        assert desk.get("/calls.csv?by=hour").status_code == 422
        assert (
            'All locations</th><td class="num">0<' in Desk(api, api.other_token).get("/calls").text
        )
        one = desk.get(f"/calls/{call_id}").text
        assert "I was charged twice" in one
        assert "rule matched, Billing" in one
        assert "Oakland" in desk.get("/calls?q=oak").text
        assert desk.get(f"/calls?agent={agent_id}&since=soon").status_code == 422
        assert desk.get(f"/calls?agent={agent_id}&outcome=wrong").status_code == 422


class TestReview:
    def test_what_no_rule_took_becomes_an_example_or_a_test(self, api: Served, desk):
        agent_id = api.published(name="Oakland")
        for said in ("bananas please", "bananas please", "I was charged twice"):
            call_id = api.data("POST", f"/agents/{agent_id}/calls")["callId"]
            api.data("POST", f"/calls/{call_id}/turns", json={"text": said})
            api.data("POST", f"/calls/{call_id}/turns", json={"event": "agentFailed"})
            ended = {"outcome": "contained" if "charged" in said else "transferred"}
            api.data("POST", f"/calls/{call_id}/outcome", json=ended)
        page = desk.get(f"/review?agent={agent_id}").text
        assert "bananas please" in page
        assert "2 calls" in page
        assert "charged twice" not in page
        form = {"agent": agent_id, "text": "bananas please", "label": "Billing"}
        example = desk.post("/review", {**form, "what": "example"})
        assert "an example of Billing now" in example.text
        test = desk.post("/review", {**form, "what": "test"})
        assert "a routing test: Billing now" in test.text
        agent = api.data("GET", f"/agents/{agent_id}")
        assert "bananas please" in agent["handoffConfig"]["transferRules"][0]["examples"]
        assert [(t["utterance"], t["expect"]) for t in agent["routingTests"]] == [
            ("bananas please", "Billing")
        ]
        assert "the draft now: Billing" in desk.get(f"/review?agent={agent_id}").text
        for wrong, status in (
            ({**form, "label": "", "what": "example"}, 422), ({**form, "what": "x"}, 422),
            ({**form, "text": " ", "what": "label"}, 422), ({"what": "label"}, 422),
            ({**form, "label": "Gone", "what": "label"}, 404),
        ):  # fmt: skip
            assert desk.post("/review", wrong).status_code == status
        assert "Oakland" in desk.get("/review").text
        # What was labelled is a routing case, once.
        assert desk.get("/review.csv").text.splitlines() == [
            "location_id,utterance,label", f"{agent_id},bananas please,Billing",
        ]  # fmt: skip
        made = {
            **form, "what": "rule", "newLabel": "Fruit", "when": "caller wants fruit",
            "destination": "(415) 555-0160",
        }  # fmt: skip
        assert "the new rule Fruit is in the draft" in desk.post("/review", made).text
        rules = api.data("GET", f"/agents/{agent_id}")["handoffConfig"]["transferRules"]
        assert (rules[-1]["label"], rules[-1]["examples"]) == ("Fruit", ["bananas please"])
        assert desk.get("/review.csv").text.splitlines()[1].endswith("please,Fruit")
        assert desk.post("/review/clear").status_code == 204
        assert len(desk.get("/review.csv").text.splitlines()) == 1

    def test_rules_learn_from_all_locations_that_share_them(self, api: Served, desk):
        ids = [api.published(name=f"Store {i}", location_id=f"s-{i}") for i in range(3)]
        assert desk.post("/review/learn").status_code == 409
        said = {"agent": ids[:2], "text": ["statement looks funny"] * 2, "label": "Billing"}
        assert desk.post("/review", {**said, "what": "label"}).status_code == 200
        page = desk.get("/review").text
        assert "2 labelled calls" in page
        report = desk.post("/review/learn").text
        assert "2 gained, 0 lost" in report
        assert "Add these examples at 3 locations" in report
        rules = api.data("GET", f"/agents/{ids[2]}")["handoffConfig"]["transferRules"]
        given = {"label": "Billing", "when": rules[0]["when"], "text": "statement looks funny"}
        assert "drafts of 3 locations" in desk.post("/review/teach", given).text
        for agent_id in ids:
            agent = api.data("GET", f"/agents/{agent_id}")
            rules = agent["handoffConfig"]["transferRules"]
            assert rules[0]["examples"][-1] == "statement looks funny"
            assert agent["version"] == 1
        assert "nothing to learn" in desk.post("/review/learn").text
        assert desk.post("/review/teach", {"text": "x"}).status_code == 422

    def test_an_organisation_chooses_whether_words_are_kept(self, api: Served, desk):
        agent_id = api.published(name="Oakland")

        def kept():
            call_id = api.data("POST", f"/agents/{agent_id}/calls")["callId"]
            api.data("POST", f"/calls/{call_id}/turns", json={"text": "bananas"})
            api.data("POST", f"/calls/{call_id}/outcome", json={"outcome": "transferred"})
            return api.data("GET", f"/calls/{call_id}")["timeline"] is not None

        assert kept()
        assert desk.post("/settings/words", {"kept": "no"}).status_code == 204
        assert not kept()
        assert "is not kept" in desk.get("/settings").text
        assert "words are not kept here" in desk.get("/review").text
        assert "What callers say is kept" in Desk(api, api.other_token).get("/settings").text
        assert desk.post("/settings/words", {"kept": "yes"}).status_code == 204
        assert kept()
        assert desk.post("/settings/words", {"kept": "maybe"}).status_code == 422


class TestKeysAndAudit:
    def test_a_key_is_made_shown_once_and_deleted(self, api: Served, desk):
        made = desk.post(
            "/keys",
            {"name": "desk", "scope": ["agents:read", "calls:read"], "expires": "2099-01-01"},
        )
        secret = re.search(r"rk_[\w-]{40,}", made.text)[0]
        assert api("GET", "/agents", token=secret).status_code == 200
        assert secret not in desk.get("/keys").text
        key_id = next(
            key["id"] for key in api.data("GET", "/keys")["items"] if key["name"] == "desk"
        )
        assert desk.post(f"/keys/{key_id}/delete").status_code == 200
        assert api("GET", "/agents", token=secret).status_code == 401
        assert desk.post("/keys", {"name": "none"}).status_code == 422

    def test_changes_stand_in_the_audit_log_with_the_name_of_the_key(self, api: Served, desk):
        desk.post("/locations", {"name": "New"})
        page = desk.get("/audit").text
        assert "agent.create" in page
        assert "session.create" in page
        assert "all" in page
        assert "ROUTING_ENGINE_REGION" in desk.get("/settings").text


def test_hostile_texts_are_shown_as_they_are_in_every_field(api: Served, desk):
    made = desk.post("/locations", {"name": HOSTILE, "locationId": HOSTILE})
    path = made.headers["hx-redirect"].removeprefix("/console")
    agent_id = path.rpartition("/")[2]
    rule = {**RULE, "label": HOSTILE, "when": HOSTILE, "examples": HOSTILE, "requiredDetails": "a"}
    assert desk.post(f"{path}/rules/new", rule).status_code == 200
    mark = form_mark(desk.get(path).text, "details")
    details = {"name": HOSTILE, "transferDestination": MAIN, "mark": mark}
    assert desk.post(f"{path}/details", details).status_code == 200
    desk.post(f"{path}/tests", {"utterance": HOSTILE, "expect": HOSTILE})
    desk.post(f"{path}/guardrails", {"requiresConfirmation": HOSTILE})
    mark = form_mark(desk.get(path).text, "hours")
    assert desk.post(f"{path}/hours", {"mark": mark, "message": HOSTILE}).status_code == 200
    desk.post(f"{path}/publish", {"note": HOSTILE, "reason": HOSTILE})
    desk.post("/keys", {"name": HOSTILE, "scope": "calls:read"})
    call_id = api.data("POST", f"/agents/{agent_id}/calls", json={"callerName": HOSTILE})["callId"]
    api.data("POST", f"/calls/{call_id}/turns", json={"text": HOSTILE})
    api.data("POST", f"/calls/{call_id}/outcome", json={"outcome": "transferred"})
    desk.post("/import", {"what": "check"}, files={"file": (f"{HOSTILE}.csv", SHEET.encode())})
    pages = [
        desk.get("/locations"), desk.get("/locations", params={"q": HOSTILE}), desk.get(path),
        desk.get(f"{path}/rules"), desk.get(f"{path}/rules/0"), desk.get(f"{path}/report"),
        desk.get(f"{path}/suggestions"), desk.get(f"{path}/versions"), desk.get(f"{path}/versions/1"),
        desk.get(f"{path}/compared"), desk.get("/number", params={"destination": HOSTILE}),
        desk.post(f"{path}/try", {"said": HOSTILE}), desk.post(f"{path}/compared", {"sentences": HOSTILE}),
        desk.post(f"{path}/rules/new", {**rule, "destination": HOSTILE, "threshold": HOSTILE}),
        desk.post(f"{path}/rules/0", {**rule, "mark": "0", "was": HOSTILE}),
        desk.get("/calls", params={"q": HOSTILE}), desk.get("/calls", params={"agent": agent_id}),
        desk.get("/calls", params={"agent": agent_id, "rule": HOSTILE}), desk.get(f"/calls/{call_id}"),
        desk.get("/keys"), desk.get("/audit"), desk.get("/import"), desk.get("/settings"),
        desk.get(f"/import/{HOSTILE}"), desk.get(f"/{HOSTILE}"),
        desk.client.get("/console/sign-in", params={"next": HOSTILE}),
    ]  # fmt: skip
    n_shown = 0
    for page in pages:
        for raw in ("<script>alert", "<img src=x", "</textarea>'", "49"):
            if raw != "49":
                assert raw not in page.text, page.request.url
        n_shown += "&lt;script&gt;alert" in page.text or "\\u003cscript" in page.text
    assert n_shown > 12

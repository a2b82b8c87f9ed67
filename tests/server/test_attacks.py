"""The control plane under attack: what is sent to exhaust, confuse, inject or overhear."""

from __future__ import annotations

import asyncio
import base64
import gzip
import io
import json
import logging
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from benchmarks.served import Client, Server, scratch_database
from routing_engine.errors import StoreUnavailableError
from routing_engine.server.health import health_app
from routing_engine.server.problems import ProblemError
from routing_engine.server.security import KeyRing
from routing_engine.store import Principal, keys
from tests.support.planes import CONFIG, MAIN, Served, served

SECRET = base64.b64encode(bytes(range(32))).decode()
JSON = {"Content-Type": "application/json"}
HEADER = "location_id,default_destination,label,when,destination\n"


@pytest.fixture
def api(tmp_path, store_url):
    with served(tmp_path, database=store_url, secret=SECRET) as made:
        yield made


@pytest.fixture
def local(tmp_path):
    """On SQLite: for what has nothing to do with the database."""
    with served(tmp_path) as made:
        yield made


def refused(response, status: int, code: str | None = None) -> dict:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == status
    assert code is None or problem["code"] == code
    return problem


class TestKeys:
    def test_a_token_is_found_by_the_hash_of_all_of_it(self, local):
        prefix = local.token[: keys.PREFIX_LENGTH]
        assert local("GET", "/agents").status_code == 200
        for token in (prefix, prefix + "A" * 40, local.token + "A", local.token[:-1]):
            assert local("GET", "/agents", token=token).status_code == 401

    def test_a_database_does_not_tell_keys(self, local, tmp_path):
        local("GET", "/agents")
        files = b"".join(path.read_bytes() for path in tmp_path.glob("routing.db*"))
        assert local.token[: keys.PREFIX_LENGTH].encode() in files
        assert local.token[keys.PREFIX_LENGTH :].encode() not in files

    def test_a_key_that_expires_stops_when_it_does(self, local):
        soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
        made = local.data(
            "POST", "/keys", json={"name": "k", "scopes": ["agents:read"], "expiresAt": soon}
        )
        assert local("GET", "/agents", token=made["key"]).status_code == 200
        until = time.monotonic() + 3
        while local("GET", "/agents", token=made["key"]).status_code == 200:
            assert time.monotonic() < until
        refused(local("GET", "/agents", token=made["key"]), 401)

    def test_a_key_that_expires_while_the_database_is_away_stops_too(self):
        soon = datetime.now(UTC) + timedelta(seconds=0.3)
        principal = Principal("org_1", "key_1", frozenset(), soon)
        answers = [principal]

        def authenticate(_):
            if not answers:
                raise StoreUnavailableError("gone")
            return answers.pop()

        async def ask():
            ring = KeyRing(authenticate, 0.0)
            assert await ring.principal("token") == principal
            assert await ring.principal("token") == principal
            await asyncio.sleep((soon - datetime.now(UTC)).total_seconds() + 0.01)
            with pytest.raises(ProblemError) as caught:
                await ring.principal("token")
            assert caught.value.status_code == 401

        asyncio.run(ask())

    def test_the_rate_of_a_key_is_its_own_and_survives_everything_sent(self, tmp_path):
        with served(tmp_path, rate_per_s=0.001, rate_burst=5) as local:
            agent = {"headers": {"X-Forwarded-For": "1.2.3.4"}}
            statuses = [
                local("GET", "/agents", **agent).status_code,
                local("GET", "/keys").status_code,
                local("POST", "/agents", content=b"{").status_code,
                local("GET", "/agents/agt_none").status_code,
                local("DELETE", "/keys/key_none").status_code,
            ]
            assert statuses == [200, 200, 415, 404, 404]
            for header in (f"bearer {local.token}", f"BEARER   {local.token} "):
                late = local("GET", "/agents", headers={"Authorization": header})
                assert refused(late, 429, "rate_limited")
                assert int(late.headers["retry-after"]) > 0
            assert local("GET", "/agents", token=local.other_token).status_code == 200


class TestSizes:
    def test_a_body_that_does_not_say_its_length_is_cut_off(self, tmp_path):
        sent = []

        def chunks():
            yield b'{"name": "'
            for _ in range(1000):
                sent.append(1)
                yield b"x" * 1024
            yield b'"}'

        with served(tmp_path, max_body_bytes=4096) as local:
            refused(local("POST", "/agents", content=chunks(), headers=JSON), 413)
            wide = b"[" + b"1," * 4096 + b"1]"
            refused(local("POST", "/agents", content=wide, headers=JSON), 413)
            # A length that is a lie helps nobody.
            refused(
                local("POST", "/agents", content=wide, headers={**JSON, "Content-Length": "9"}), 413
            )

    def test_an_upload_is_cut_off_too(self, tmp_path):
        with served(tmp_path, max_upload_bytes=8192) as local:
            refused(local("POST", "/imports", files={"file": ("a.csv", b"x" * 20_000)}), 413)

    def test_a_compressed_body_is_not_unpacked(self, local):
        body = gzip.compress(json.dumps({"name": "x" * 500_000}).encode())
        headers = {**JSON, "Content-Encoding": "gzip"}
        refused(local("POST", "/agents", content=body, headers=headers), 415)

    @pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":['])
    def test_a_body_nested_deep_is_refused_at_once(self, local, opening):
        for n in (40, 20_000):
            body = (opening * n)[: 1 << 19]
            started_s = time.monotonic()
            response = local("POST", "/agents", content=body, headers=JSON)
            assert response.status_code in {400, 422}
            assert time.monotonic() - started_s < 5
        schema: object = {}
        for _ in range(60):
            schema = {"a": schema}
        skill = {"name": "n", "description": "d", "skillType": "x", "parametersSchema": schema}
        agent_id = local.agent()
        refused(local("POST", f"/agents/{agent_id}/skills", json=skill), 422)

    @pytest.mark.parametrize(
        "text",
        [
            *("NaN", "Infinity", "-Infinity", "1e400", "-1e999", "1" * 5000, "9" * 400, "01", "+1"),
            *("0x10", "1_000", "1.", ".5", "1e", "\u0661", "\uff11"),
        ],
    )
    def test_what_is_no_number_in_json_is_refused(self, local, text):
        body = f'{{"name": "a", "handoffConfig": {{"escalationThreshold": {text}}}}}'
        refused(local("POST", "/agents", content=body.encode(), headers=JSON), 400, "bad_json")

    @pytest.mark.parametrize(
        "value", [1.5, -0.1, True, "0.4", 10**18, 10**40, -(2**63) + 1, 1e308, [], {}, None]
    )
    def test_a_threshold_is_a_number_from_0_to_1_or_absent(self, local, value):
        body = {"name": "a", "handoffConfig": {"escalationThreshold": value}}
        assert local("POST", "/agents", json=body).status_code == (201 if value is None else 422)

    @pytest.mark.parametrize(
        "query", ["limit=0", "limit=1001", f"limit={'9' * 5000}", "limit=1e3", "limit=-1", "limit="]
    )
    def test_a_limit_that_is_none_is_refused(self, local, query):
        refused(local("GET", f"/agents?{query}"), 422)

    @pytest.mark.parametrize("number", ["0", "-1", str(2**31), "9" * 300, "1.5", "1e1", "%F0%9F"])
    def test_a_version_that_is_none_is_refused(self, local, number):
        agent_id = local.published()
        for path in (f"versions/{number}", f"versions/{number}/diff"):
            assert local("GET", f"/agents/{agent_id}/{path}").status_code == 422

    def test_text_that_takes_long_to_match_is_refused_soon(self, local):
        long = 500_000
        for weekly in (
            *(
                "Mon-" * (long // 4),
                "Mon-Fri 9" + "0" * long,
                " " * long,
                "Mon 09:00-" + "1" * long,
            ),
            *("Mon-Fri 09:00-17:00; " * (long // 20), "M" * long),
        ):
            for hours in ({"weekly": weekly}, {"weekly": {"monday": [weekly]}}):
                body = {"name": "a", "businessHours": {"timezone": "America/New_York", **hours}}
                started_s = time.monotonic()
                assert local("POST", "/agents", json=body).status_code == 422
                assert time.monotonic() - started_s < 5


class TestTexts:
    NULS = ("\0", "a\0b", "\ud800", "a\udfffb")

    @pytest.mark.parametrize("text", NULS)
    def test_a_body_may_hold_no_nul_and_no_half_character(self, api, text):
        agent_id = api.agent()
        written = json.dumps(text)
        deep = f'{{"deep": [{{{written}: {written}}}]}}'
        for method, path, body in (
            ("POST", "/agents", f'{{"name": {written}}}'),
            ("POST", "/agents", f'{{{written}: 1, "name": "a"}}'),
            ("PATCH", f"/agents/{agent_id}", f'{{"name": {written}}}'),
            ("POST", f"/agents/{agent_id}/simulate", f'{{"utterance": {written}}}'),
            ("POST", "/keys", f'{{"name": {written}, "scopes": ["calls:read"]}}'),
            ("POST", f"/agents/{agent_id}/publish", f'{{"note": {written}}}'),
            (
                "POST",
                f"/agents/{agent_id}/skills",
                f'{{"name": "n", "description": "d", "skillType": "x", "parametersSchema": {deep}}}',
            ),
        ):
            refused(api(method, path, content=body.encode(), headers=JSON), 422)

    @pytest.mark.parametrize("part", ["%00", "a%00b", "%ff", "%ed%a0%80", "..%2f..", "%0d%0aX-A:b"])
    def test_a_path_may_hold_anything_and_names_nothing(self, api, part):
        for path in (f"/agents/{part}", f"/calls/{part}", f"/imports/{part}"):
            assert api("GET", path).status_code in {404, 422}
        assert api("DELETE", f"/keys/{part}").status_code in {404, 422}

    @pytest.mark.parametrize("text", ["%00", "a%00", "%ed%a0%80", "%ff%fe"])
    def test_a_query_may_hold_anything_and_finds_nothing(self, api, text):
        agent_id = api.agent()
        for path in (
            f"/agents?locationId={text}",
            f"/agents?cursor={text}",
            f"/agents/{agent_id}/calls?rule={text}",
            f"/agents/{agent_id}/calls?since={text}",
            f"/agents/{agent_id}/calls?outcome={text}",
        ):
            found = api("GET", path)
            if found.status_code == 200:
                assert found.json()["data"]["items"] == []
                assert "%00" not in text
            else:
                refused(found, 422)

    @pytest.mark.parametrize("value", [b"\xff", b"a\xc3\xa9", b"\x7f", b"k" * 201, b"a\tb"])
    def test_a_header_that_is_no_plain_text_is_refused(self, api, value):
        agent_id = api.agent()
        for name in ("Idempotency-Key", "If-Match"):
            found = api("POST", f"/agents/{agent_id}/publish", headers={name: value})
            problem = refused(found, 422)
            assert problem["errors"][0]["path"] == f"header.{name.lower()}"

    def test_no_answer_has_a_header_that_a_caller_wrote(self, api):
        text = "a\r\nSet-Cookie: b=c"
        for body in ({"name": text}, {"name": "a", "locationId": text}):
            assert "set-cookie" not in api("POST", "/agents", json=body).headers
        found = api("GET", "/agents/%0d%0aSet-Cookie:%20b=c")
        assert "set-cookie" not in found.headers
        assert api.client.get("/%0d%0aSet-Cookie:%20b").status_code == 404

    @pytest.mark.parametrize("text", ["%", "_", "Bill%", "' OR '1'='1", 'x" OR ""="', "\\", "*"])
    def test_wildcards_and_quotes_in_filters_are_letters(self, api, text):
        agent_id = api.published(location_id="store-1")
        api.data("POST", f"/agents/{agent_id}/route", json={"utterance": "my invoice is wrong"})
        api.plane.recorder.flush()
        every = api.data("GET", f"/agents/{agent_id}/calls")
        assert every["totals"]["calls"] == len(every["items"]) == 1
        found = api("GET", f"/agents/{agent_id}/calls", params={"rule": text}).json()["data"]
        assert (found["items"], found["totals"]["calls"]) == ([], 0)
        assert api("GET", "/agents", params={"locationId": text}).json()["data"]["items"] == []
        assert api("GET", f"/agents/{agent_id}/calls", params={"outcome": text}).status_code == 422


class TestTampering:
    def test_a_cursor_is_one_that_the_list_gave_or_is_refused(self, api):
        for _ in range(3):
            api.agent()
        good = api.data("GET", "/agents?limit=1")["nextCursor"]
        when, last = json.loads(base64.urlsafe_b64decode(good + "=" * (-len(good) % 4)))
        agent_id = last

        def made(*values):
            return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")

        for cursor in (
            *("", "x", "====", good + "AAAA", good[:-3], "é", "null", made(), made(when)),
            *(made(when, 1), made(1, last), made(when, last, last), made(when, [last])),
            *(made(None, last), made(when, None), made(when, "\0"), made(when, "\ud800")),
            *(made("2026-01-01", last), made("2026-01-01T00:00:00", last), made(True, last)),
            *(made({"a": 1}, last), made(1e400, last), "W" * 500),
        ):
            found = api("GET", "/agents", params={"cursor": cursor})
            assert found.status_code in {422, 200}, (cursor, found.text)
            if found.status_code == 200:
                assert cursor in {"", good + "AAAA"}
        for cursor in (
            made("0001-01-01T00:00:00+14:00", last),
            made("9999-12-31T23:59:59-14:00", last),
            made("0001-01-01T00:00:00+00:00", "z" * 300),
            made("9999-12-31T23:59:59.999999+00:00", "\U0010ffff"),
        ):
            assert api("GET", "/agents", params={"cursor": cursor}).status_code in {200, 422}
        for number in (0, -1, 2**40, 2**62, 2**64, 10**30, 1.5, "1"):
            found = api("GET", f"/agents/{agent_id}/versions", params={"cursor": made(number)})
            assert found.status_code in {200, 422}

    @pytest.mark.parametrize(
        "etag",
        ['"r0"', '"r2"', "r1x", '"r1', "''", '"', '""', "-", '"r1", "r2"', '"R1"', "r" * 200],
    )
    def test_an_etag_that_is_not_the_drafts_changes_nothing(self, api, etag):
        agent_id = api.agent()
        before = api("GET", f"/agents/{agent_id}")
        assert before.headers["etag"] == '"r1"'
        for method, path, body in (
            ("PATCH", "", {"name": "other"}),
            ("PUT", "/guardrails", {}),
            ("PUT", "/caller-verification", {}),
            ("POST", "/publish", {}),
            ("DELETE", "", None),
        ):
            options = {} if body is None else {"json": body}
            found = api(method, f"/agents/{agent_id}{path}", headers={"If-Match": etag}, **options)
            if etag == '"r1':
                continue
            refused(found, 412)
        if etag != '"r1':
            assert api("GET", f"/agents/{agent_id}").content == before.content

    @pytest.mark.parametrize(
        "field",
        [
            *(
                "id",
                "version",
                "etag",
                "createdAt",
                "updatedAt",
                "organisationId",
                "organisation_id",
            ),
            *(
                "revision",
                "skills",
                "guardrails",
                "tests",
                "__proto__",
                "constructor",
                "location_id",
            ),
        ],
    )
    def test_fields_that_are_not_the_clients_are_refused(self, local, field):
        agent_id = local.agent()
        before = local.data("GET", f"/agents/{agent_id}")
        for method, path, body in (
            ("POST", "/agents", {"name": "a"}),
            ("PATCH", f"/agents/{agent_id}", {}),
            ("POST", f"/agents/{agent_id}/publish", {}),
            ("POST", f"/agents/{agent_id}/simulate", {"utterance": "hi"}),
            ("PUT", f"/agents/{agent_id}/guardrails", {}),
            ("PUT", f"/agents/{agent_id}/caller-verification", {}),
            ("POST", "/keys", {"name": "a", "scopes": ["calls:read"]}),
        ):
            problem = refused(local(method, path, json={**body, field: 7}), 422)
            assert field in {item["path"] for item in problem["errors"]}
        assert local.data("GET", f"/agents/{agent_id}") == before

    def test_fields_of_a_form_that_are_unknown_are_refused(self, local):
        """``dryrun`` for ``dryRun`` would change every draft."""
        sheet = (HEADER + f"s1,{MAIN},,,\n").encode()
        for field in ("dryrun", "dry_run", "organisationId"):
            found = local(
                "POST", "/imports", files={"file": ("a.csv", sheet)}, data={field: "true"}
            )
            problem = refused(found, 422)
            assert problem["errors"][0]["path"] == field
        assert local.data("GET", "/agents")["items"] == []

    @pytest.mark.parametrize("query", ["sinse=2026-01-01T00:00:00Z", "Limit=1", "limit=1&limit=2"])
    def test_parameters_that_are_unknown_or_come_twice_are_refused(self, local, query):
        agent_id = local.agent()
        refused(local("GET", f"/agents/{agent_id}/calls?{query}"), 422)
        refused(local("POST", f"/agents/{agent_id}/publish?{query}"), 422)


def without_key(response):
    """What an answer says, but for the key that only the first one shows."""
    said = response.json()
    said["data"].pop("key", None)
    return said


class TestIdempotency:
    def test_a_key_is_of_one_request_and_one_organisation(self, api):
        agent_id = api.agent()
        headers = {"Idempotency-Key": "once"}
        body = {"name": "k", "scopes": ["calls:read"]}
        made = api("POST", "/keys", headers=headers, json=body)
        assert made.status_code == 201
        again = api("POST", "/keys", headers=headers, json=body)
        assert made.json()["data"]["key"].startswith("rk_")
        assert again.json()["data"]["key"] is None
        assert without_key(again) == without_key(made)
        for path, other in (
            ("/keys", {**body, "name": "other"}),
            ("/agents", {"name": "a"}),
            (f"/agents/{agent_id}/publish", {}),
            (f"/agents/{agent_id}/simulate", {"utterance": "hi"}),
        ):
            refused(api("POST", path, headers=headers, json=other), 409, "idempotency_conflict")
        theirs = api("POST", "/keys", token=api.other_token, headers=headers, json=body)
        assert theirs.status_code == 201
        assert theirs.json()["data"]["id"] != made.json()["data"]["id"]

    def test_a_key_that_lacks_the_scope_does_not_hear_what_another_was_answered(self, api):
        headers = {"Idempotency-Key": "once"}
        body = {"name": "k", "scopes": ["agents:write"]}
        assert api("POST", "/keys", headers=headers, json=body).status_code == 201
        for token, scope in (
            (api.key("calls:read"), "keys:write"),
            (api.key("keys:write"), "agents:write"),
        ):
            found = api("POST", "/keys", token=token, headers=headers, json=body)
            assert refused(found, 403)["scope"] == scope

    @pytest.mark.parametrize("what", ["agents", "publish", "calls", "route", "keys"])
    def test_of_duplicates_at_once_one_is_done_and_all_are_answered_alike(self, api, what):
        agent_id = api.published()
        path, body = {
            "agents": ("/agents", {"name": "Twin"}),
            "publish": (f"/agents/{agent_id}/publish", {"note": "twin"}),
            "calls": (f"/agents/{agent_id}/calls", {"callerId": "+12025550188"}),
            "route": (f"/agents/{agent_id}/route", {"utterance": "my invoice is wrong"}),
            "keys": ("/keys", {"name": "twin", "scopes": ["calls:read"]}),
        }[what]
        ready = threading.Barrier(8)

        def send(_):
            ready.wait()
            return api("POST", path, headers={"Idempotency-Key": "twin"}, json=body)

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(send, range(8)))
        assert {found.status_code for found in answers} == {answers[0].status_code}
        assert all(without_key(found) == without_key(answers[0]) for found in answers)
        assert answers[0].status_code < 300
        if what == "keys":
            # The key itself is in the first answer and nowhere else: it is not kept.
            shown = [found for found in answers if found.json()["data"]["key"] is not None]
            assert len(shown) == 1
        api.plane.recorder.flush()
        found = {
            "agents": lambda: len(api.data("GET", "/agents")["items"]) - 1,
            "publish": lambda: len(api.data("GET", f"/agents/{agent_id}/versions")["items"]) - 1,
            "calls": lambda: api.data("GET", f"/agents/{agent_id}/calls")["totals"]["calls"],
            "route": lambda: api.data("GET", f"/agents/{agent_id}/calls")["totals"]["calls"],
            "keys": lambda: sum(key["name"] == "twin" for key in api.data("GET", "/keys")["items"]),
        }[what]()
        assert found == 1


def book(sheet: str, target: str = "worksheets/sheet1.xml", **extra: bytes) -> bytes:
    """A workbook of one sheet, put together by hand."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        parts = {
            "[Content_Types].xml": f'<Types xmlns="{package}/content-types"/>',
            "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
            '<sheet name="S" sheetId="1" r:id="rId1"/></sheets></workbook>',
            "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">'
            f'<Relationship Id="rId1" Type="{office}/worksheet" Target="{target}"/></Relationships>',
            f"xl/{target}": sheet.replace("<worksheet", f'<worksheet xmlns="{main}"', 1),
            **extra,
        }
        for name, data in parts.items():
            archive.writestr(name, data)
    return made.getvalue()


LOL = "".join(
    f'<!ENTITY {chr(98 + i)} "{f"&{chr(97 + i)};" * 10}">' for i in range(9)
)  # ten to the ninth
FAR = '<row r="1"><c r="A1"><v>1</v></c></row><row r="9"><c r="XFD1048576"><v>1</v></c></row>'
CELLS = "<worksheet><sheetData>{}</sheetData></worksheet>"


class TestSheets:
    @pytest.mark.parametrize(
        "content",
        [
            book(f'<!DOCTYPE x [<!ENTITY a "lol">{LOL}]>' + CELLS.format("<row><c>&j;</c></row>")),
            book(
                '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
                + CELLS.format('<row r="1"><c r="A1" t="str"><v>&a;</v></c></row>')
            ),
            book(CELLS.format(FAR)),
            book(CELLS.format(FAR), "elsewhere/s.dat"),
            book(CELLS.format(FAR.replace(' r="', ' r = "'))),
            book(CELLS.format(""), **{"xl/sharedStrings.xml": b"<a>" * 500_000}),
            book(CELLS.format('<row r="1">' + "<c/>" * 20_000 + "</row>")),
            b"PK\x03\x04" + b"\0" * 100,
            b"",
        ],
    )
    def test_a_workbook_that_is_a_bomb_or_broken_is_refused_or_fails(self, local, content):
        started_s = time.monotonic()
        found = local("POST", "/imports", files={"file": ("stores.xlsx", content)})
        if found.status_code != 202:
            assert found.status_code in {413, 422}
        else:
            ended = local.ended(found.json()["data"]["id"])
            assert ended["status"] == "failed"
            assert "root:" not in json.dumps(ended)
        assert time.monotonic() - started_s < 20
        assert local.data("GET", "/agents")["items"] == []

    @pytest.mark.parametrize("lies", [False, True])
    def test_a_workbook_that_unpacks_to_gigabytes_is_refused_unread(self, local, lies):
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("xl/worksheets/sheet1.xml", b" " * (100 << 20))
        content = bytearray(made.getvalue())
        if lies:
            for mark, offset in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
                at = content.find(mark) + offset
                content[at : at + 4] = (100).to_bytes(4, "little")
        found = local("POST", "/imports", files={"file": ("stores.xlsx", bytes(content))})
        refused(found, 413)

    def test_a_workbook_of_too_many_parts_is_refused(self, local):
        extra = {f"xl/{i}.xml": b"" for i in range(1001)}
        found = local(
            "POST", "/imports", files={"file": ("stores.xlsx", book(CELLS.format(""), **extra))}
        )
        refused(found, 413)

    @pytest.mark.parametrize(
        "content",
        [
            pytest.param(b"a," * 1_000_000 + b"\n", id="columns"),
            pytest.param((HEADER + "x\n" * 1_000_000).encode(), id="rows"),
            pytest.param((HEADER + "\n" * 2_000_000).encode(), id="blank rows"),
            pytest.param((HEADER + '"' + "x" * 3_000_000).encode(), id="one cell"),
            pytest.param((HEADER + "s1," + "9" * 1_000_000 + "\n").encode(), id="digits"),
            pytest.param((HEADER + "\0\0\0\n").encode(), id="nul"),
            pytest.param(b"\xff\xfe" + b"\xd8\x00" * 1000, id="surrogates"),
        ],
    )
    def test_a_table_of_a_million_of_anything_fails_soon(self, tmp_path, content):
        with served(tmp_path, max_rows=1000) as local:
            started_s = time.monotonic()
            assert local.imported(content)["status"] == "failed"
            assert time.monotonic() - started_s < 30
            assert local.data("GET", "/agents")["items"] == []

    def test_a_form_of_very_many_parts_is_refused(self, local):
        fields = {f"f{i}": "x" for i in range(2000)}
        found = local("POST", "/imports", files={"file": ("a.csv", b"x")}, data=fields)
        refused(found, 400)

    @pytest.mark.parametrize("name", ["../../../tmp/x.csv", "/etc/x.csv", "a\\..\\x.csv", "é.csv"])
    def test_a_name_that_is_a_path_writes_nowhere(self, local, name):
        sheet = (HEADER + f"s1,{MAIN},,,\n").encode()
        assert local.imported(sheet, name)["status"] == "done"


NAME, WORDS, NUMBER = "Marigold Quartermaine", "zanzibarwhisper", "+12025550188"


def speak(api: Served) -> tuple[str, str]:
    """Everything that a caller can leave behind; the agent's and the call's id."""
    agent_id = api.published(location_id="store-1")
    said = f"my name is {NAME}, {WORDS}, my invoice is wrong, call {NUMBER}"
    for path in ("route", "simulate"):
        api.data(
            "POST", f"/agents/{agent_id}/{path}", headers={"Idempotency-Key": path},
            json={"utterance": said, "history": [{"speaker": "caller", "text": said}]},
        )  # fmt: skip
    opened = api.data(
        "POST", f"/agents/{agent_id}/calls", headers={"Idempotency-Key": "open"},
        json={"callerId": NUMBER, "callerName": NAME},
    )  # fmt: skip
    for i, turn in enumerate(
        (
            {"text": said, "final": False},
            {"event": "agentSaid", "text": said},
            {"event": "noted", "note": {"name": NAME, "reason": WORDS, "details": {"d": NUMBER}}},
            {"text": said},
            {"text": "I was charged twice"},
            {"event": "transferFailed", "outcome": "no_answer"},
        )
    ):
        api.data(
            "POST", f"/calls/{opened['callId']}/turns", json=turn,
            headers={"Idempotency-Key": f"turn {i}"},
        )  # fmt: skip
    # And what is refused, which must not be repeated in an error.
    for path, body in (
        (f"/agents/{agent_id}/route", {"utterance": said, WORDS: NAME}),
        (f"/agents/{agent_id}/route", {"utterance": [said]}),
        (f"/agents/{agent_id}/calls", {"callerId": [f"{NAME} {NUMBER}"]}),
        (f"/agents/{agent_id}/calls", {"callerId": f"{NAME} {NUMBER}" * 50}),
        (f"/calls/{opened['callId']}/turns", {"text": said, "event": WORDS}),
        (f"/calls/cal_{WORDS}/turns", {"text": said}),
    ):
        assert 400 <= api("POST", path, json=body).status_code < 500
    api("GET", f"/agents/{agent_id}/calls", params={"rule": WORDS})
    api.plane.recorder.flush()
    return agent_id, opened["callId"]


def traces(text: str) -> list[str]:
    """What of a caller, or of a key, is in a text."""
    marks = (NAME, "Marigold", WORDS, NUMBER, NUMBER[1:], NUMBER[2:], "5550188")
    return [mark for mark in marks if mark in text]


def everything_in(store_url: str) -> bytes:
    """All bytes of a database: files with the log, or every row of every table."""
    if store_url.startswith("sqlite"):
        from pathlib import Path

        file = Path(store_url.removeprefix("sqlite:///"))
        return b"".join(path.read_bytes() for path in sorted(file.parent.glob(f"{file.name}*")))
    import psycopg

    with psycopg.connect(store_url) as connection:
        tables = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        ).fetchall()
        rows = [connection.execute(f'SELECT * FROM "{table}"').fetchall() for (table,) in tables]
    return repr(rows).encode()


class TestPrivacy:
    @pytest.mark.parametrize("store_transcripts", [False, True])
    def test_a_database_holds_nothing_that_a_caller_said_or_is(
        self, tmp_path, store_url, store_transcripts
    ):
        with served(
            tmp_path, database=store_url, secret=SECRET, store_transcripts=store_transcripts
        ) as api:
            agent_id, _ = speak(api)
            assert api.data("GET", f"/agents/{agent_id}/calls")["totals"]["calls"] == 2
            found = everything_in(store_url)
        assert b"store-1" in found  # it is the right place to look
        assert traces(found.decode("latin-1")) == []
        assert traces(found.decode("utf-16", "ignore")) == []

    def test_a_database_cannot_be_asked_whether_a_caller_is_in_it(self, api, store_url):
        """There are few numbers: a plain hash of a request is as good as the number in it."""
        import hashlib

        agent_id = api.published()
        body = json.dumps({"callerId": NUMBER}).encode()
        path = f"/api/v1/agents/{agent_id}/calls"
        headers = {**JSON, "Idempotency-Key": "open"}
        api.data("POST", f"/agents/{agent_id}/calls", content=body, headers=headers)
        guess = hashlib.sha256()
        for part in ("POST", path, ""):
            guess.update(part.encode() + b"\0")
        guess.update(body)
        assert guess.hexdigest().encode() not in everything_in(store_url)

    def test_what_was_kept_is_gone_after_its_time(self, tmp_path, store_url):
        with served(
            tmp_path, database=store_url, secret=SECRET, store_transcripts=True, retention_days=2
        ) as api:
            agent_id, call_id = speak(api)
            path = f"/calls/{call_id}"
            before = api.data("GET", path)
            assert before["reason"] is not None
            now = datetime.now(UTC)
            api.plane.store.expire(now + timedelta(days=1))
            assert WORDS in json.dumps(api.data("GET", path)["timeline"])
            api.plane.store.expire(now + timedelta(days=2, minutes=1))
            after = api.data("GET", path)
            assert (after["timeline"], after["handoff"]) == (None, None)
            assert after["outcome"] == before["outcome"]
            assert api.data("GET", f"/agents/{agent_id}/calls")["totals"]["calls"] == 2

    def test_an_ended_call_keeps_nothing_unless_transcripts_are_kept(self, api):
        agent_id = api.published()
        call_id = api.data("POST", f"/agents/{agent_id}/calls", json={"callerId": NUMBER})["callId"]
        api.data("POST", f"/calls/{call_id}/turns", json={"text": WORDS})
        assert WORDS in json.dumps(api.data("GET", f"/calls/{call_id}")["timeline"])
        ended = api.data("POST", f"/calls/{call_id}/outcome", json={"outcome": "contained"})
        assert (ended["timeline"], ended["handoff"]) == (None, None)
        assert api.data("GET", f"/calls/{call_id}")["timeline"] is None

    def test_no_log_at_any_level_says_who_called_or_what_they_said(
        self, tmp_path, store_url, caplog
    ):
        with (
            caplog.at_level(logging.DEBUG),
            served(tmp_path, database=store_url, secret=SECRET, store_transcripts=True) as api,
        ):
            speak(api)
            token = api.token
        lines = [
            f"{record.name} {record.getMessage()} {record.exc_text}" for record in caplog.records
        ]
        # The test's own client writes the addresses that it asks.
        text = "\n".join(line for line in lines if not line.startswith("httpx"))
        assert traces(text) == []
        assert token not in text
        assert token[keys.PREFIX_LENGTH :] not in text

    def test_a_server_that_logs_everything_logs_no_number_word_or_key(self):
        with (
            scratch_database("sqlite") as url,
            Server(url, {"encoder": "hashing", "log_level": "debug"}) as server,
        ):
            server.start()
            with Client(server.port, server.token) as client:
                agent_id = client.ask("POST", "/agents", {"name": "Oakland", **CONFIG})["id"]
                client.ask("POST", f"/agents/{agent_id}/publish", {})
                client.ask("POST", f"/agents/{agent_id}/route", {"utterance": f"{WORDS} {NUMBER}"})
                call = client.ask("POST", f"/agents/{agent_id}/calls", {"callerId": NUMBER})
                client.ask("POST", f"/calls/{call['callId']}/turns", {"text": f"{NAME} {WORDS}"})
                made = client.ask("POST", "/keys", {"name": "k", "scopes": ["calls:read"]})
                client.send("POST", f"/agents/{agent_id}/route", WORDS.encode())
            server.stop()
            said = server.everything_said()
        assert '"level": "debug"' in said
        assert traces(said) == []
        for secret in (MAIN[1:], "4155550111", server.token[12:], made["key"][12:]):
            assert secret not in said

    def test_a_mistake_of_the_server_tells_no_more_than_that(self, local, caplog, monkeypatch):
        agent_id = local.published()

        def fails(*_, **__):
            raise ZeroDivisionError(f"{NAME} said {WORDS}, {NUMBER}")

        monkeypatch.setattr(local.plane.engine, "aroute", fails)
        with caplog.at_level(logging.DEBUG):
            found = local("POST", f"/agents/{agent_id}/route", json={"utterance": WORDS})
        problem = refused(found, 500, "internal")
        assert set(problem) == {"type", "title", "status", "code", "detail", "errors"}
        assert "Traceback" not in found.text
        assert "ZeroDivisionError" not in found.text
        (line,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
        assert "ZeroDivisionError" in line.getMessage()
        assert traces(line.getMessage() + str(line.exc_text)) == []

    def test_errors_do_not_repeat_values(self, local):
        agent_id = local.published()
        for path, body in (
            ("route", {"utterance": [f"{NAME} {WORDS} {NUMBER}"]}),
            ("route", {"utterance": WORDS, "verified": f"{NAME} {NUMBER}"}),
            ("calls", {"callerId": [f"{NAME} {NUMBER}"]}),
            ("calls", {"callerId": f"{NUMBER}" * 50}),
            ("route", {"utterance": WORDS, "now": f"{NAME} {NUMBER}"}),
        ):
            found = local("POST", f"/agents/{agent_id}/{path}", json=body)
            assert traces(refused(found, 422) and found.text) == []

    def test_no_metric_has_a_label_with_an_id_a_number_or_a_word(self, local):
        agent_id, _ = speak(local)
        for method, path in (
            *(("GET", f"/agents/{agent_id}/{WORDS}"), ("BREW", "/agents"), ("GET", f"/{WORDS}")),
            *(("TRACE", f"/agents/{agent_id}"), ("GET", f"/agents/{WORDS}")),
        ):
            local(method, path)
        assert local.client.get("/metrics").status_code == 404
        with TestClient(health_app(local.plane)) as health:
            text = health.get("/metrics").text
        assert traces(text) == []
        for secret in (agent_id, "agt_", "cal_", "key_", "org_", "store-1", MAIN[1:], "Billing"):
            assert secret not in text
        names = {
            name: {sample.labels.get(name) for family in text_string_to_metric_families(text)
                   for sample in family.samples} - {None}
            for name in ("method", "path", "status", "outcome", "reason")
        }  # fmt: skip
        assert names["method"] <= {"GET", "POST", "PUT", "PATCH", "DELETE"}
        documented = set(local.client.app.openapi()["paths"])
        assert names["path"] <= documented

    def test_health_says_nothing_about_anybody(self, local):
        speak(local)
        with TestClient(health_app(local.plane)) as health:
            for path in ("/healthz", "/readyz"):
                found = health.get(path)
                assert found.status_code == 200
                assert "sqlite" not in found.text
                assert traces(found.text) == []

    def test_a_decision_about_an_agent_deleted_meanwhile_takes_no_other_with_it(self, api):
        ours = api.published()
        theirs = api.data("POST", "/agents", token=api.other_token, json={"name": "T", **CONFIG})[
            "id"
        ]
        api.data("POST", f"/agents/{theirs}/publish", token=api.other_token)
        api.data("POST", f"/agents/{ours}/route", json={"utterance": "hi"})
        api.data("DELETE", f"/agents/{ours}")
        api.data("POST", f"/agents/{theirs}/route", token=api.other_token, json={"utterance": "hi"})
        api.plane.recorder.flush()
        found = api.data("GET", f"/agents/{theirs}/calls", token=api.other_token)
        assert found["totals"]["calls"] == 1


def test_an_unknown_name_is_not_repeated_whole(tmp_path):
    with served(tmp_path) as api:
        refused = api("POST", "/agents", json={"name": "A", "k" * 100_000: 1})
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["path"] == "k" * 100 + "…"
        assert len(refused.content) < 2_000

"""The SIP redirect server, asked over UDP and TCP; its answers are read by another SIP library."""

from __future__ import annotations

import asyncio
import contextlib
import re

import pytest
import sipmessage
from hypothesis import example, given, settings
from hypothesis import strategies as st

from routing_engine.gateways.redirect import RedirectServer
from routing_engine.gateways.sip_messages import MalformedError, read_request, response
from routing_engine.gateways.switchboard import Switchboard

from .conftest import BILLING, CHARGE, DEFAULT, DESK, LINE, SECOND, THIRD

HOST = "127.0.0.1"


def a_request(user="store-1", words=CHARGE, method="INVITE", *, n=1, via="", drop=(), **headers):
    """A request as a proxy sends it; one header a keyword, underscores for hyphens."""
    fields = {
        "Via": via or f"SIP/2.0/UDP {HOST}:5080;branch=z9hG4bK{n};rport",
        "Max-Forwards": "70",
        "From": '"Jane" <sip:+12025550188@carrier.example>;tag=a1',
        "To": f"<sip:{user}@pbx.example>",
        "Call-ID": f"call-{n}@{HOST}",
        "CSeq": f"{n} {method}",
        "Content-Length": "0",
    }
    if words:
        fields["X-Words"] = words
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{name}: {value}" for name, value in fields.items() if name not in drop]
    return (
        f"{method} sip:{user}@pbx.example SIP/2.0\r\n".encode()
        + "\r\n".join([*lines, "", ""]).encode()
    )


class Udp(asyncio.DatagramProtocol):
    """A proxy that sends datagrams and keeps what comes back."""

    def __init__(self):
        self.received = asyncio.Queue()

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.received.put_nowait(data)

    async def ask(self, data, wait_s=5.0):
        self.transport.sendto(data)
        try:
            async with asyncio.timeout(wait_s):
                return (await self.received.get()).decode()
        except TimeoutError:
            return None


def with_server(engine, play, **options):
    async def run():
        server = RedirectServer(Switchboard(engine), **options)
        port = await server.start(HOST, 0)
        serving = asyncio.create_task(server.serve())
        loop = asyncio.get_running_loop()
        transport, udp = await loop.create_datagram_endpoint(Udp, remote_addr=(HOST, port))
        try:
            return await play(udp, port)
        finally:
            transport.close()
            serving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await serving

    return asyncio.run(run())


def asked(engine, *requests, wait_s=5.0, **options):
    """The answers to requests, in order; None where none comes."""

    async def play(udp, _):
        return [await udp.ask(data, wait_s) for data in requests]

    return with_server(engine, play, **options)


def status_of(answer):
    return None if answer is None else int(answer.split(" ")[1])


def values(answer, name):
    return re.findall(rf"(?m)^{name}: (.*)\r$", answer)


def test_an_invite_is_redirected_to_everybody_to_try_in_order(engine):
    (answer,) = asked(engine, a_request())
    message = sipmessage.Message.parse(answer.encode())
    assert (message.code, message.phrase) == (302, "Moved Temporarily")
    assert values(answer, "Contact") == [
        f"<sip:{BILLING}@pbx.example;user=phone>;q=1;ring=15",
        f"<sip:{SECOND}@pbx.example;user=phone>;q=0.9;ring=20",
        f"<sip:{THIRD}@pbx.example;user=phone>;q=0.8;ring=20",
        f"<sip:{DEFAULT}@pbx.example;user=phone>;q=0.7;ring=25",
    ]
    assert [(item.uri.user, dict(item.parameters)["q"]) for item in message.contact] == [
        (BILLING, "1"), (SECOND, "0.9"), (THIRD, "0.8"), (DEFAULT, "0.7")
    ]  # fmt: skip
    assert values(answer, "X-Routing-Reason") == ["rule_matched"]
    assert values(answer, "Call-ID") == [f"call-1@{HOST}"]
    assert values(answer, "CSeq") == ["1 INVITE"]
    assert re.fullmatch(r"<sip:store-1@pbx\.example>;tag=[0-9a-f]{16}", values(answer, "To")[0])
    assert re.search(r";rport=\d+;received=127\.0\.0\.1$", values(answer, "Via")[0])


@pytest.mark.parametrize(
    "user", [LINE, "4155550199", "14155550199", "%2B14155550199", f"{LINE};npdi"]
)
def test_the_user_of_the_request_uri_may_be_a_line(engine, user):
    (answer,) = asked(engine, a_request(user))
    assert values(answer, "Contact")[0].startswith(f"<sip:{BILLING}@")


def test_a_number_is_of_the_domain_that_the_server_was_given(engine):
    (answer,) = asked(engine, a_request(), domain="trunk.example:5062")
    assert values(answer, "Contact")[0].startswith(f"<sip:{BILLING}@trunk.example:5062;user=phone>")


def test_a_sip_uri_stays_as_it_is_and_an_extension_is_not_in_the_uri(engine):
    desk, office = asked(
        engine, a_request("2204", "the front desk"), a_request("2204", "the back office", n=2)
    )
    assert values(desk, "Contact")[0] == f"<{DESK}>;q=1;ring=25"
    assert (
        values(office, "Contact")[0] == f"<sip:{BILLING}@pbx.example;user=phone>;q=1;ring=25;ext=12"
    )


def test_who_cannot_be_reached_is_told_why(engine):
    unknown, closed = asked(
        engine, a_request("store-9"), a_request("closed", "caller asks about billing", n=2)
    )
    assert (status_of(unknown), values(unknown, "Contact")) == (404, [])
    assert (status_of(closed), values(closed, "Contact")) == (480, [])
    assert values(closed, "Reason") == ['SIP;cause=480;text="outside_hours"']


def test_a_caller_is_not_redirected_to_their_own_phone(engine):
    (answer,) = asked(engine, a_request(From=f"<sip:{BILLING}@carrier.example>;tag=1"))
    assert values(answer, "X-Routing-Reason") == ["loop_avoided"]
    assert values(answer, "Contact")[0].startswith(f"<sip:{SECOND}@")
    assert BILLING not in "".join(values(answer, "Contact"))


@pytest.mark.parametrize(
    "headers", [{}, {"Privacy": "id", "P_Asserted_Identity": "<sip:+12025550188@carrier.example>"}]
)
def test_the_answer_says_nothing_of_who_calls(engine, headers):
    (answer,) = asked(engine, a_request(**headers))
    added = [line for line in answer.splitlines() if not line.startswith("From:")]
    assert values(answer, "Contact")
    assert not any("2025550188" in line or "Jane" in line for line in added)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("caller wants a secret", "verification_required"),
        ("caller moves house", "confirmation_required"),
    ],
)
def test_what_only_an_agent_can_ask_goes_to_the_default(engine, words, reason):
    (answer,) = asked(engine, a_request(words=words))
    assert values(answer, "X-Routing-Reason") == [reason]
    assert [item.partition("@")[0] for item in values(answer, "Contact")] == [f"<sip:{DEFAULT}"]


def test_a_retransmission_gets_the_same_answer(engine):
    first, second, other = asked(engine, a_request(), a_request(), a_request(n=2))
    assert first == second
    assert values(first, "To") != values(other, "To")
    assert values(first, "X-Routing-Decision") != values(other, "X-Routing-Decision")


def test_other_methods(engine):
    def of(method, n, **headers):
        return a_request(method=method, n=n, words="", **headers)

    answers = asked(
        engine,
        of("OPTIONS", 1), of("BYE", 2), of("MESSAGE", 3), of("INVITE", 4, Require="100rel"),
        of("INVITE", 5, To="<sip:store-1@pbx.example>;tag=7"),
    )  # fmt: skip
    assert [status_of(answer) for answer in answers] == [200, 481, 405, 420, 481]
    assert values(answers[0], "Allow") == ["INVITE, ACK, CANCEL, OPTIONS"]
    assert values(answers[3], "Unsupported") == ["100rel"]
    assert asked(engine, of("ACK", 6), of("CANCEL", 7), wait_s=0.2) == [None, None]


REFUSED = {
    "a header that is none": a_request(n=1).replace(b"Max-Forwards: 70", b"Max Forwards 70"),
    "a CSeq of another method": a_request(n=2, CSeq="2 OPTIONS"),
    "a CSeq too large": a_request(n=3, CSeq="99999999999 INVITE"),
    "two Call-IDs": a_request(n=4).replace(b"Max-Forwards: 70", b"Call-ID: other"),
    "a body that is cut": a_request(n=5, Content_Length="10"),
    "a length that is none": a_request(n=6, Content_Length="-1"),
    "hops that are none": a_request(n=7, Max_Forwards="many"),
}
DROPPED = {
    "nothing": b"\r\n\r\n",
    "noise": bytes(range(256)),
    "HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a response": b"SIP/2.0 200 OK\r\n\r\n",
    "no Via": a_request(drop=("Via",)),
    # No socket sends to such a port; asking it to once closed the server's.
    "a Via of no port": a_request(via=f"SIP/2.0/UDP {HOST}:99999;branch=z9hG4bK1"),
    "a Via of port 0": a_request(via=f"SIP/2.0/UDP {HOST}:0;branch=z9hG4bK1"),
    "no From": a_request(drop=("From",)),
    "no Call-ID": a_request(drop=("Call-ID",)),
    "no end": a_request()[:-2],
    "a malformed ACK": a_request(method="ACK", CSeq="1 INVITE", Max_Forwards="many"),
}


def test_malformed_requests_are_refused_or_dropped_and_the_next_is_answered(engine):
    async def play(udp, _):
        refused = {what: status_of(await udp.ask(data)) for what, data in REFUSED.items()}
        dropped = {what: status_of(await udp.ask(data, 0.05)) for what, data in DROPPED.items()}
        version = await udp.ask(a_request(n=8).replace(b" SIP/2.0\r\n", b" SIP/3.0\r\n", 1))
        scheme = await udp.ask(a_request(n=9).replace(b"sip:store-1@pbx.example", b"http://x/", 1))
        return (
            refused,
            dropped,
            status_of(version),
            status_of(scheme),
            await udp.ask(a_request(n=10)),
        )

    refused, dropped, version, scheme, last = with_server(engine, play)
    assert refused == dict.fromkeys(REFUSED, 400)
    assert dropped == dict.fromkeys(DROPPED)
    assert (version, scheme, status_of(last)) == (505, 416, 302)


def test_a_stream_of_requests_is_answered_one_by_one_and_malformed_ends_it(engine):
    async def play(_, port):
        reader, writer = await asyncio.open_connection(HOST, port)
        via = f"SIP/2.0/TCP {HOST}:5080;branch=z9hG4bK"
        body = a_request(n=2, via=f"{via}2", Content_Length="4") + b"v=0\n"
        for data in (
            a_request(via=f"{via}1")[:40],
            a_request(via=f"{via}1")[40:] + b"\r\n\r\n" + body,
        ):
            writer.write(data)
            await writer.drain()
            await asyncio.sleep(0.01)
        answers = [await reader.readuntil(b"\r\n\r\n") for _ in range(2)]
        writer.write(a_request(n=3, via=f"{via}3", drop=("Content-Length",)))
        rest = await reader.read()
        writer.close()
        return [status_of(answer.decode()) for answer in answers], rest

    assert with_server(engine, play) == ([302, 302], b"")


def test_what_is_not_utf8_is_read_as_windows_1252_and_copied_as_it_came(engine):
    data = (
        a_request(words=f"{CHARGE} @").replace(b"Jane", b"Ren\xe9").replace(b"@\r\n", b"\xe9\r\n")
    )
    request = read_request(data)
    assert request.text("x-words") == f"{CHARGE} é"
    assert request.text("from").startswith('"René" ')

    async def play(udp, _):
        udp.transport.sendto(data)
        async with asyncio.timeout(5):
            return await udp.received.get()

    made = with_server(engine, play)
    assert made.startswith(b"SIP/2.0 302 ")
    assert b'From: "Ren\xe9" <sip:' in made


def test_a_message_that_does_not_end_is_not_waited_for(engine, monkeypatch):
    monkeypatch.setattr("routing_engine.gateways.redirect.MESSAGE_S", 0.2)

    async def play(_, port):
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(a_request()[:-2])
        async with asyncio.timeout(5):
            rest = await reader.read()
        writer.close()
        return rest

    assert with_server(engine, play) == b""


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=300)
    | st.tuples(st.integers(0, 400), st.binary(max_size=8)).map(
        lambda cut: a_request()[: cut[0]] + cut[1] + a_request()[cut[0] :]
    )
)
@example(a_request(From="a" * 60_000))
@example(a_request(Via=" " * 60_000))
@example(a_request(From=" " * 60_000 + "<"))
def test_whatever_comes_is_read_in_time_and_answered_without_a_header_of_its_own(data):
    try:
        request = read_request(data)
    except MalformedError as error:
        request = error.request
    if request is None:
        return
    made = response(request, 400, tag="t", source=(HOST, 5080)).decode(errors="replace")
    lines = made.split("\r\n")
    assert lines[-2:] == ["", ""]
    names = [line.partition(":")[0] for line in lines[1:-2]]
    assert names == ["Via"] * len(request.vias) + [
        "From",
        "To",
        "Call-ID",
        "CSeq",
        "Content-Length",
    ]

"""FastAGI, as Asterisk speaks it, against the server on a socket."""

from __future__ import annotations

import asyncio
import contextlib
import re

import pytest

from routing_engine.gateways import agi
from routing_engine.gateways.agi import AgiServer
from routing_engine.gateways.switchboard import Switchboard

from .conftest import BILLING, CHARGE, DEFAULT, DESK, LINE, SECOND, THIRD

_SET = re.compile(r'SET VARIABLE (\w+) "((?:[^"\\]|\\.)*)"')


class Asterisk:
    """One channel of an Asterisk that asks by AGI()."""

    def __init__(self, port, **variables):
        self.port = port
        self.variables = variables
        self.commands = []

    async def agi(self, *arguments, hang_up_at=None, **environment):
        """Run AGI() once; returns the channel variables after it."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        named = {
            "request": f"agi://127.0.0.1:{self.port}/", "extension": LINE, "callerid": "+12025550188",
            "calleridname": "unknown", "callingpres": "0", "dnid": "unknown",
        } | environment  # fmt: skip
        named |= {f"arg_{i}": value for i, value in enumerate(arguments, 1)}
        for name, value in named.items():
            writer.write(f"agi_{name}: {value}\n".encode())
        writer.write(b"\n")
        self.commands.clear()
        while line := (await reader.readline()).decode():
            self.commands.append(line.rstrip("\n"))
            if len(self.commands) == hang_up_at:
                writer.write(b"HANGUP\n")
            writer.write(self._answer(line.rstrip("\n")).encode())
        writer.close()
        return self.variables

    def _answer(self, command):
        if match := _SET.fullmatch(command):
            self.variables[match[1]] = re.sub(r"\\(.)", r"\1", match[2])
            return "200 result=1\n"
        match = re.fullmatch(r"GET VARIABLE (\w+)", command)
        value = self.variables.get(match[1], "")
        return f"200 result=1 ({value})\n" if value else "200 result=0\n"

    def routing(self):
        return {
            name.removeprefix("ROUTING_").lower(): value
            for name, value in self.variables.items()
            if name.startswith("ROUTING_") and name not in ("ROUTING_DECISION", "ROUTING_WORDS")
        }


def with_server(engine, play, **options):
    """Run a server, and what a test does with it."""

    async def run():
        server = AgiServer(Switchboard(engine, **options))
        port = await server.start("127.0.0.1", 0)
        serving = asyncio.create_task(server.serve())
        try:
            return await play(port)
        finally:
            serving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await serving

    return asyncio.run(run())


def asked(engine, *arguments, variables=None, **environment):
    """What the variables are after one AGI() of a new channel."""

    async def play(port):
        channel = Asterisk(port, **(variables or {}))
        await channel.agi(*arguments, **environment)
        return channel.routing()

    return with_server(engine, play)


def test_a_rule_that_matches_says_whom_to_dial_and_for_how_long(engine):
    found = asked(engine, "store-1", CHARGE)
    assert found == {
        "outcome": "transfer", "reason": "rule_matched", "rule": "Billing", "destination": BILLING,
        "extension": "", "ring": "15",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        ((LINE, CHARGE), {"extension": "s"}),
        (("sip:+14155550199@pbx.example", CHARGE), {"extension": "s"}),
        (("", CHARGE), {"extension": "4155550199"}),
        ((), {"extension": LINE}),
    ],
)
def test_the_location_is_an_id_or_a_line_or_the_extension_that_was_called(
    engine, arguments, environment
):
    found = asked(engine, *arguments, variables={"ROUTING_WORDS": CHARGE}, **environment)
    assert (found["rule"], found["destination"]) == ("Billing", BILLING)


def test_words_that_fit_no_rule_go_to_the_default(engine):
    assert asked(engine, "store-1", "zebras xylophones quartz")["destination"] == DEFAULT
    silent = asked(engine, "store-1")
    assert (silent["reason"], silent["destination"]) == ("empty_utterance", DEFAULT)


def test_an_extension_is_apart_from_what_is_dialled(engine):
    found = asked(engine, "2204", "the back office please")
    assert (found["rule"], found["destination"], found["extension"]) == ("Office", BILLING, "12")
    assert asked(engine, "2204", "the front desk please")["destination"] == DESK


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("caller wants a secret", "verification_required"),
        ("caller moves house", "confirmation_required"),
        ("caller only chats along", "routine"),
    ],
)
def test_what_only_an_agent_can_ask_goes_to_the_default(engine, words, reason):
    found = asked(engine, "store-1", words)
    assert (found["outcome"], found["reason"], found["destination"]) == ("default", reason, DEFAULT)


def test_a_closed_location_dials_nobody(engine):
    found = asked(engine, "closed", "caller asks about billing")
    assert (found["outcome"], found["reason"]) == ("closed", "outside_hours")
    assert (found["destination"], found["ring"]) == ("", "")


@pytest.mark.parametrize(
    "words", [f"hello\n{CHARGE}\r\n\nplease", f"{CHARGE} (yes)\nplease\n\n", "\n"]
)
def test_words_with_line_breaks_are_answered(engine, words):
    found = asked(engine, "store-1", variables={"ROUTING_WORDS": words})
    assert found["destination"] == (BILLING if CHARGE in words else DEFAULT)


def test_an_unknown_location_dials_nobody(engine):
    found = asked(engine, "store-9", CHARGE)
    assert found == dict.fromkeys(found, "") | {"reason": "unknown_location"}


def test_the_caller_is_never_dialled(engine):
    found = asked(engine, "store-1", CHARGE, callerid=BILLING)
    assert (found["reason"], found["destination"]) == ("loop_avoided", SECOND)


def test_asked_again_after_dial_it_gives_the_next_in_line_then_the_default_then_nobody(engine):
    async def play(port):
        channel = Asterisk(port)
        await channel.agi("store-1", CHARGE)
        tried = [channel.variables["ROUTING_DESTINATION"]]
        for status in ("BUSY", "NOANSWER", "CHANUNAVAIL", "CONGESTION"):
            channel.variables["DIALSTATUS"] = status
            await channel.agi("store-1", CHARGE)
            tried.append(channel.variables["ROUTING_DESTINATION"])
        return tried, channel.routing()

    tried, last = with_server(engine, play)
    assert tried == [BILLING, SECOND, THIRD, DEFAULT, ""]
    assert last["reason"] == "nobody_answered"


@pytest.mark.parametrize(("other", "destination"), [("2204", DESK), ("store-9", "")])
def test_a_caller_who_is_sent_on_to_another_location_reaches_only_that_one(
    engine, other, destination
):
    async def play(port):
        channel = Asterisk(port)
        await channel.agi("store-1", CHARGE)
        assert channel.routing()["destination"] == BILLING
        channel.variables["DIALSTATUS"] = "BUSY"
        await channel.agi(other, "the front desk please")
        return channel.routing()

    assert with_server(engine, play)["destination"] == destination


def test_an_extension_that_is_nobodys_goes_on_with_the_call(engine):
    async def play(port):
        channel = Asterisk(port)
        await channel.agi("store-1", CHARGE)
        channel.variables["DIALSTATUS"] = "BUSY"
        await channel.agi(extension="s")
        return channel.routing()

    assert with_server(engine, play)["destination"] == SECOND


def test_a_caller_who_was_answered_or_hung_up_is_sent_to_nobody_else(engine):
    async def play(port):
        reasons = []
        for status in ("ANSWER", "CANCEL"):
            channel = Asterisk(port)
            await channel.agi("store-1", CHARGE)
            channel.variables["DIALSTATUS"] = status
            await channel.agi("store-1", CHARGE)
            reasons.append((channel.routing()["reason"], channel.routing()["destination"]))
        return reasons

    assert with_server(engine, play) == [("transferred", ""), ("caller_left", "")]


def test_a_hang_up_in_between_ends_it_without_another_command(engine):
    async def play(port):
        channel = Asterisk(port)
        await channel.agi("store-1", CHARGE, hang_up_at=1)
        return channel.commands, channel.routing()

    commands, found = with_server(engine, play)
    assert (
        commands == ["GET VARIABLE ROUTING_DECISION", "GET VARIABLE ROUTING_WORDS"][: len(commands)]
    )
    assert found == {}


def test_no_command_hangs_up(engine):
    async def play(port):
        channel = Asterisk(port)
        await channel.agi("store-1", CHARGE)
        return channel.commands

    assert {command.split()[0] for command in with_server(engine, play)} == {"GET", "SET"}


def test_text_of_a_rule_stays_one_quoted_argument():
    assert agi._quoted('a "b"\\ c\nd') == '"a \\"b\\"\\\\ c d"'


@pytest.mark.parametrize(
    "sent",
    [
        b"", b"\n", b"\n\n", b"GET / HTTP/1.1\r\n\r\n", b"agi_request: x\n", b"\xff\xfe\n\n",
        b"agi_request: x\nnonsense\n\n", b"a" * 20_000, b"agi_x: y\n" * 300,
        b"agi_request: agi://h/\nagi_arg_1: store-1\n\n" + b"no response\n" * 3,
    ],
)  # fmt: skip
def test_malformed_and_half_requests_are_closed_and_the_next_is_answered(engine, sent, monkeypatch):
    monkeypatch.setattr(agi, "REQUEST_S", 0.3)
    monkeypatch.setattr(agi, "RESPONSE_S", 0.3)

    async def play(port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(5):
                await reader.read()
        writer.close()
        channel = Asterisk(port)
        await channel.agi("store-1", CHARGE)
        return channel.routing()["destination"]

    assert with_server(engine, play) == BILLING


def test_many_channels_ask_at_once(engine):
    async def play(port):
        channels = [Asterisk(port) for _ in range(200)]
        await asyncio.gather(*(channel.agi("store-1", CHARGE) for channel in channels))
        return channels

    channels = with_server(engine, play)
    assert {channel.variables["ROUTING_DESTINATION"] for channel in channels} == {BILLING}
    assert len({channel.variables["ROUTING_DECISION"] for channel in channels}) == 200

"""The commands as processes: FastAGI, SIP redirect, and MCP by the official client."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from routing_engine import HashingEncoder, RoutingEngine

from .conftest import BILLING, CHARGE, DEFAULT
from .test_agi import Asterisk
from .test_redirect import a_request, status_of, values

COMMAND = [sys.executable, "-m", "routing_engine.cli"]
SECRET = "sixteen bytes and more"


@pytest.fixture(scope="module")
def snapshot(engine, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gateways") / "brand"
    engine.save(folder)
    return folder


@pytest.fixture
def listening(snapshot):
    """Run a command that listens; gives its port."""
    started = []

    def run(name, *options):
        process = subprocess.Popen(
            [*COMMAND, name, str(snapshot), "--port", "0", "--encoder", "hashing", *options],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        started.append(process)
        line = process.stdout.readline()
        return int(re.fullmatch(r"listening on (?:agi://|sip:)127\.0\.0\.1:(\d+)\n", line)[1])

    yield run
    for process in started:
        process.terminate()
        process.wait()
        process.stdout.close()


def test_agi_answers_asterisk(listening):
    channel = Asterisk(listening("agi"))
    asyncio.run(channel.agi("store-1", CHARGE))
    assert channel.routing()["destination"] == BILLING


def test_sip_redirect_answers_by_udp_and_tcp(listening):
    port = listening("sip-redirect", "--domain", "trunk.example")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(10)
        udp.connect(("127.0.0.1", port))
        udp.send(a_request())
        answer = udp.recv(65_535).decode()
    assert status_of(answer) == 302
    assert values(answer, "Contact")[0].startswith(f"<sip:{BILLING}@trunk.example;user=phone>")
    with socket.create_connection(("127.0.0.1", port), timeout=10) as tcp:
        tcp.sendall(a_request(n=2))
        assert status_of(tcp.recv(65_535).decode()) == 302


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("agi", "nowhere"), 4, "holds no snapshot"),
        (("agi", "DIR", "--region", "XX"), 2, "not a country code"),
        (("sip-redirect", "DIR", "--domain", "trunk example"), 2, "not a host, or host:port"),
        (("mcp", "DIR", "--location", "store-9"), 3, "there is no location 'store-9'"),
        (("twilio", "DIR", "--public-url", "x.example"), 2, "is not the address at which Twilio"),
    ],
)
def test_what_cannot_be_served_is_said(snapshot, arguments, code, message):
    command = [str(snapshot) if part == "DIR" else part for part in arguments]
    done = subprocess.run(
        [*COMMAND, *command, "--encoder", "hashing"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"TWILIO_AUTH_TOKEN": SECRET},
    )
    assert (done.returncode, message in done.stderr) == (code, True)


def test_twilio_is_not_served_without_a_token(snapshot):
    done = subprocess.run(
        [*COMMAND, "twilio", str(snapshot), "--public-url", "https://x.example"],
        capture_output=True, text=True, check=False,
        env={name: value for name, value in os.environ.items() if name != "TWILIO_AUTH_TOKEN"},
    )  # fmt: skip
    assert (done.returncode, "TWILIO_AUTH_TOKEN is not set" in done.stderr) == (2, True)


def test_mcp_serves_the_tool_to_the_official_client(snapshot):
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "routing_engine.cli", "mcp", str(snapshot), "--location", "store-1",
              "--encoder", "hashing"],
        env={"ROUTING_ENGINE_SECRET": SECRET, "PYTHONPATH": os.environ.get("PYTHONPATH", "")},
        cwd=Path(__file__).parents[2],
    )  # fmt: skip

    async def play():
        async with Client(stdio_client(parameters)) as client:
            tools = (await client.list_tools()).tools
            answer = await client.call_tool(
                tools[0].name, {"words": CHARGE, "reason": "a charge they do not know"}
            )
            wrong = await client.call_tool(tools[0].name, {"words": CHARGE, "number": BILLING})
            ask = await client.call_tool(
                tools[0].name, {"words": "caller moves house", "reason": "x", "confirmed": None}
            )
            yes = await client.call_tool(
                tools[0].name, {"words": "caller moves house", "reason": "x", "confirmed": True}
            )
            return tools, answer, wrong, ask, yes

    tools, answer, wrong, ask, yes = asyncio.run(play())
    assert [tool.name for tool in tools] == ["transfer_call"]
    assert tools[0].input_schema["required"] == ["words", "reason"]
    told = answer.structured_content
    assert (told["action"], told["rule"]) == ("transfer", "Billing")
    assert json.loads(answer.content[0].text) == told
    assert (wrong.is_error, BILLING in str(wrong)) == (True, False)
    assert (ask.structured_content["action"], yes.structured_content["action"]) == (
        "confirm", "transfer"
    )  # fmt: skip
    # Whoever has the secret and the snapshot resolves what the model was given.
    engine = RoutingEngine.load(snapshot, encoder=HashingEncoder())
    skill = engine.skill("store-1", secret=SECRET.encode())
    assert str(skill.resolve(told["destination_id"])) == BILLING
    assert DEFAULT not in str(answer)

"""A real Kamailio that asks /rtjson, with the configuration of the documentation; SIPp calls."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest
import uvicorn

from routing_engine.server.app import create_app
from tests.support.planes import MAIN, served

from . import sipp
from .asterisk import FarEnd, free_port

LINE = "+14155550199"
BILLING, SECOND = "+14155550111", "+14155550112"
CHARGE = "I was charged twice"
PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "kamailio.md"
MODULES = {
    "http_client": "kamailio-utils-modules",
    "jansson": "kamailio-extra-modules",
    "rtjson": "kamailio-json-modules",
}
"""Module that the page's configuration loads -> Debian's package of it."""


def missing():
    """Why there is no Kamailio to test with; empty where there is one."""
    if shutil.which("sipp") is None:
        return "SIPp is not installed (apt-get install sip-tester)"
    if shutil.which("kamailio") is None:
        return f"Kamailio is not installed (apt-get install kamailio {' '.join(MODULES.values())})"
    for module, package in MODULES.items():
        if not [*Path("/usr/lib").glob(f"**/kamailio/modules/{module}.so")]:
            return f"Kamailio has no module {module} (apt-get install {package})"
    return ""


pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(missing()), reason=missing())]


@pytest.fixture(scope="module")
def plane(tmp_path_factory):
    """A control plane on a port, with one agent."""
    with served(tmp_path_factory.mktemp("plane")) as api:
        rule = {
            "label": "Billing",
            "when": "caller asks about an invoice, charge, or refund",
            "examples": [CHARGE],
            "destination": BILLING,
            "fallback": [SECOND],
            "ringTimeoutsS": [10, 5],
        }
        api.published(
            lines=[LINE], handoffConfig={"transferDestination": MAIN, "transferRules": [rule]}
        )
        port = free_port()
        config = uvicorn.Config(create_app(api.plane), port=port, log_level="error", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.02)
        yield port, api.token
        server.should_exit = True
        thread.join(10)


@pytest.fixture
def phones(tmp_path, plane):
    """A Kamailio between SIPp and the far end."""
    far = FarEnd({BILLING: "200 OK", SECOND: "200 OK", MAIN: "200 OK"})
    port = free_port()
    example = re.search(r"```text\n(# kamailio\.cfg\n.*?)```", PAGE.read_text(), re.DOTALL)[1]
    config = (
        example.replace("http://127.0.0.1:8000", f"http://127.0.0.1:{plane[0]}")
        .replace("rk_your_key", plane[1])
        .replace("gateway.example", f"127.0.0.1:{far.port}")
    )
    file = tmp_path / "kamailio.cfg"
    file.write_text(f"#!KAMAILIO\nlisten=udp:127.0.0.1:{port}\nchildren=2\n{config}")
    log = (tmp_path / "log").open("w+")
    process = subprocess.Popen(
        ["kamailio", "-f", str(file), "-DD", "-E", "-m", "64", "-Y", str(tmp_path), "-w",
         str(tmp_path)],
        stdout=log, stderr=subprocess.STDOUT,
    )  # fmt: skip
    until = time.monotonic() + 30
    while not answers(port) and time.monotonic() < until:
        time.sleep(0.1)
    yield port, far, tmp_path / "log"
    process.terminate()
    process.wait(10)
    log.close()
    far.close()


def answers(port):
    """Whether something on a port answers SIP."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(0.3)
        probe.connect(("127.0.0.1", port))
        host, own = probe.getsockname()
        lines = (
            f"OPTIONS sip:127.0.0.1:{port} SIP/2.0", f"Via: SIP/2.0/UDP {host}:{own};branch=z9hG4bKa",
            "From: <sip:a@127.0.0.1>;tag=a", "To: <sip:b@127.0.0.1>", f"Call-ID: probe-{own}",
            "CSeq: 1 OPTIONS", "Max-Forwards: 70", "Content-Length: 0", "", "",
        )  # fmt: skip
        probe.send("\r\n".join(lines).encode())
        try:
            return bool(probe.recv(4096))
        except OSError:  # nobody there, or nobody yet
            return False


def call(phones, tmp_path, words, **options):
    done = sipp.call(tmp_path, phones[0], LINE, words, **options)
    assert done == 0, phones[2].read_text()[-3000:]


def test_a_match_is_relayed_as_the_caller_sent_it(phones, tmp_path):
    call(phones, tmp_path, CHARGE)
    (invite,) = phones[1].invites
    assert phones[1].users() == [BILLING]
    assert re.search(r'(?m)^From: "Jane" <sip:\+12025550188@carrier\.example>', invite)
    assert re.search(r"(?m)^User-to-User: [0-9a-f]+;encoding=hex", invite)


def test_busy_then_no_answer_then_the_default(phones, tmp_path):
    phones[1].answers |= {BILLING: "486 Busy Here", SECOND: "180 Ringing"}
    call(phones, tmp_path, CHARGE)
    assert phones[1].users() == [BILLING, SECOND, MAIN]


def test_a_caller_who_hangs_up_is_sent_nowhere_else(phones, tmp_path):
    phones[1].answers[BILLING] = "180 Ringing"
    call(phones, tmp_path, CHARGE, then=sipp.HUNG_UP)
    until = time.monotonic() + 10
    while not phones[1].cancelled and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(0.3)
    assert (phones[1].users(), len(phones[1].cancelled)) == ([BILLING], 1)

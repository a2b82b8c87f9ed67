"""A real Asterisk that asks by AGI, with the dialplan of the documentation, and SIPp as the caller."""

from __future__ import annotations

import re
import subprocess
import sys
import time

import pytest

from routing_engine import HashingEncoder, RoutingEngine
from tests.support.strategies import a_location, a_rule

from . import sipp
from .asterisk import Asterisk, FarEnd, free_port, missing

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(missing()), reason=missing())]

LINE = "+14155550199"
AGI = "127.0.0.1:4573"
BILLING, SECOND, THIRD, DEFAULT = "+14155550111", "+14155550112", "+14155550113", "+14155550100"
CHARGE = "there is a charge on my invoice"


@pytest.fixture(scope="module")
def agi_port(tmp_path_factory):
    folder = tmp_path_factory.mktemp("agi") / "brand"
    locations = [
        a_location(
            "store-1",
            a_rule(
                "Billing", BILLING, examples=(CHARGE,), fallback=(SECOND, THIRD),
                ring_timeouts_s=(10, 5, 10),
            ),
            a_rule("Office", f"{THIRD};ext=12", when="caller wants the back office"),
            default_destination=DEFAULT,
            lines=(LINE,),
        ),
        a_location(
            "closed", a_rule(), timezone="UTC", business_hours="closed", lines=("closed-line",)
        ),
    ]  # fmt: skip
    RoutingEngine(locations, encoder=HashingEncoder()).save(folder)
    process = subprocess.Popen(
        [sys.executable, "-m", "routing_engine.cli", "agi", str(folder), "--port", "0",
         "--encoder", "hashing"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    yield int(re.search(r":(\d+)\n", process.stdout.readline())[1])
    process.terminate()
    process.wait()
    process.stdout.close()


@pytest.fixture
def phones(tmp_path, agi_port):
    """An Asterisk between SIPp and the far end."""
    far = FarEnd({THIRD: "200 OK", DEFAULT: "200 OK", BILLING: "200 OK"})
    asterisk = Asterisk(tmp_path / "asterisk", far.port, replace={AGI: f"127.0.0.1:{agi_port}"})
    yield asterisk, far
    asterisk.close()
    far.close()


def call(phones, tmp_path, words, user=LINE, **options):
    done = sipp.call(tmp_path, phones[0].port, user, words, **options)
    assert done == 0, phones[0].console()[-3000:]


def header(invite, name):
    return re.findall(rf"(?mi)^{name}: (.*)\r$", invite)


def test_a_match_is_dialled_and_the_far_end_sees_who_calls(phones, tmp_path):
    call(phones, tmp_path, CHARGE)
    (invite,) = phones[1].invites
    assert phones[1].users() == [BILLING]
    assert re.match(r'"Jane" <sip:\+12025550188@', header(invite, "From")[0])
    assert header(invite, "P-Asserted-Identity") == header(invite, "Privacy") == []


def test_what_no_rule_takes_goes_to_the_default(phones, tmp_path):
    call(phones, tmp_path, "zebras xylophones quartz")
    assert phones[1].users() == [DEFAULT]


def test_busy_then_no_answer_then_the_third(phones, tmp_path):
    phones[1].answers |= {BILLING: "486 Busy Here", SECOND: "180 Ringing"}
    call(phones, tmp_path, CHARGE)
    assert phones[1].users() == [BILLING, SECOND, THIRD]
    assert len(phones[1].cancelled) == 1


def test_a_caller_who_hangs_up_is_rung_for_nowhere_else(phones, tmp_path):
    phones[1].answers[BILLING] = "180 Ringing"
    call(phones, tmp_path, CHARGE, then=sipp.HUNG_UP)
    until = time.monotonic() + 10
    while not phones[1].cancelled and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(0.3)
    assert (phones[1].users(), len(phones[1].cancelled)) == ([BILLING], 1)


def test_a_number_that_is_withheld_stays_here(phones, tmp_path):
    call(
        phones, tmp_path, CHARGE,
        caller='"Anonymous" <sip:anonymous@anonymous.invalid>',
        more="P-Asserted-Identity: <sip:+12025550188@carrier.example>\nPrivacy: id\n",
    )  # fmt: skip
    (invite,) = phones[1].invites
    assert "2025550188" not in invite
    assert "anonymous" in header(invite, "From")[0].lower()


def test_an_extension_is_not_in_the_request_uri(phones, tmp_path):
    call(phones, tmp_path, "the back office please", talk_ms=2500)
    (invite,) = phones[1].invites
    assert invite.split(" ")[1].startswith(f"sip:{THIRD}@")
    assert "ext" not in invite.split("\r\n")[0]
    assert "D(ww12)" in phones[0].console()


def test_a_closed_location_dials_nobody(phones, tmp_path):
    call(phones, tmp_path, CHARGE, user="closed-line", then=sipp.REFUSED)
    assert phones[1].invites == []


def test_where_nothing_answers_a_number_of_the_dialplan_is_dialled_once(tmp_path):
    far = FarEnd({DEFAULT: "200 OK"})
    asterisk = Asterisk(tmp_path / "asterisk", far.port, replace={AGI: f"127.0.0.1:{free_port()}"})
    try:
        call((asterisk, far), tmp_path, CHARGE)
    finally:
        asterisk.close()
        far.close()
    assert far.users() == [DEFAULT]

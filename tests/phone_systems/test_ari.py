"""A real Asterisk whose calls the program of the documentation holds over ARI, and SIPp as the caller."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from routing_engine import HashingEncoder, RoutingEngine
from routing_engine.integrations.headers import read_user_to_user
from tests.support.strategies import a_location, a_rule

from . import sipp
from .asterisk import DOCS, Asterisk, FarEnd, free_port, missing

pytest.importorskip("aiohttp", reason="aiohttp is not installed")

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(missing()), reason=missing())]

PAGE = "asterisk-ari.md"
MODULES = (
    *("res_http_websocket", "res_websocket_client", "res_stasis", "res_stasis_answer"),
    *("res_stasis_playback", "res_stasis_recording", "res_stasis_snoop"),
    *("res_ari_model", "res_ari", "res_ari_channels", "res_ari_bridges", "res_ari_events"),
    *("app_stasis", "bridge_holding", "bridge_softmix"),
)
LINE = "+14155550199"
BILLING, SECOND, THIRD, DEFAULT = "+14155550111", "+14155550112", "+14155550113", "+14155550114"
OWN = "+14155550100"  # of the dialplan
CHARGE = "there is a charge on my invoice"


class Program(threading.Thread):
    """Runs beside the tests, until it is stopped."""

    def __init__(self, serving):
        super().__init__(daemon=True)
        self._serving = serving
        self.loop = self.task = None

    def run(self):
        with suppress(asyncio.CancelledError):
            asyncio.run(self._main())

    async def _main(self):
        self.loop, self.task = asyncio.get_running_loop(), asyncio.current_task()
        await self._serving

    def stop(self):
        if self.is_alive():
            self.loop.call_soon_threadsafe(self.task.cancel)
        self.join(10)


class Engine(RoutingEngine):
    """Fails for one line."""

    def location_for(self, called, **options):
        if called == "broken":
            raise RuntimeError("it fails")
        return super().location_for(called, **options)


@pytest.fixture(scope="module")
def phones(tmp_path_factory):
    """An Asterisk between SIPp and the far end, and the program that holds its calls."""
    store = a_location(
        "store-1",
        a_rule(
            "Billing", BILLING, examples=(CHARGE,), fallback=(SECOND, THIRD),
            ring_timeouts_s=(10, 5, 10),
        ),
        a_rule("Office", f"{THIRD};ext=12", when="caller wants the back office"),
        a_rule("Moves", SECOND, when="caller moves house", requires_confirmation=True),
        a_rule("Secrets", SECOND, when="caller wants a secret", requires_verification=True),
        default_destination=DEFAULT,
        lines=(LINE,),
    )  # fmt: skip
    engine = Engine([store], encoder=HashingEncoder())
    (block,) = re.findall(r"```python\n(.*?)```", (DOCS / PAGE).read_text(), re.DOTALL)
    names = {}
    exec(block, names)
    far = FarEnd({})
    http = f"127.0.0.1:{free_port()}"
    asterisk = Asterisk(
        tmp_path_factory.mktemp("ari") / "asterisk", far.port, page=PAGE, modules=MODULES,
        replace={"bindport=8088": f"bindport={http.split(':')[1]}"}, trunk="dtmf_mode=info",
    )  # fmt: skip
    program = Program(names["serve"](engine, f"http://{http}"))
    program.start()
    until = time.monotonic() + 10
    while "Creating Stasis app" not in asterisk.console() and time.monotonic() < until:
        time.sleep(0.1)
    try:
        assert program.is_alive(), asterisk.console()[-3000:]
        yield asterisk, far
    finally:
        program.stop()
        asterisk.close()
        far.close()


@pytest.fixture(autouse=True)
def _quiet(phones):
    far = phones[1]
    far.invites.clear()
    far.cancelled.clear()
    far.digits.clear()
    far.answers = dict.fromkeys((BILLING, THIRD, DEFAULT, OWN), "200 OK")


def call(phones, tmp_path, words, user=LINE, **options):
    done = sipp.call(tmp_path, phones[0].port, user, words, **options)
    assert done == 0, phones[0].console()[-3000:]


def header(invite, name):
    return re.findall(rf"(?mi)^{name}: (.*)\r$", invite)


def test_a_match_is_rung_and_joined_and_the_far_end_sees_who_calls_and_why(phones, tmp_path):
    call(phones, tmp_path, CHARGE)
    (invite,) = phones[1].invites
    assert phones[1].users() == [BILLING]
    assert re.match(r'"Jane" <sip:\+12025550188@', header(invite, "From")[0])
    assert header(invite, "P-Asserted-Identity") == header(invite, "Privacy") == []
    told = read_user_to_user(*header(invite, "User-to-User"))
    assert (told["loc"], told["why"]) == ("store-1", f"Billing: {CHARGE}")


def test_busy_then_no_answer_then_the_third(phones, tmp_path):
    phones[1].answers |= {BILLING: "486 Busy Here", SECOND: "180 Ringing"}
    call(phones, tmp_path, CHARGE)
    assert phones[1].users() == [BILLING, SECOND, THIRD]
    assert len(phones[1].cancelled) == 1


def test_what_no_rule_takes_goes_to_the_default(phones, tmp_path):
    call(phones, tmp_path, "zebras xylophones quartz")
    assert phones[1].users() == [DEFAULT]


def test_calls_side_by_side_are_told_apart(phones, tmp_path):
    phones[1].answers[BILLING] = "486 Busy Here"
    phones[1].answers[SECOND] = "200 OK"

    def caller(number, words):
        folder = tmp_path / str(number)
        folder.mkdir()
        call(phones, folder, words)

    with ThreadPoolExecutor() as callers:
        list(callers.map(caller, range(4), [CHARGE, "zebras xylophones quartz"] * 2))
    assert sorted(phones[1].users()) == sorted([BILLING, SECOND, DEFAULT] * 2)


def test_after_the_last_the_caller_is_hung_up_on(phones, tmp_path):
    phones[1].answers = dict.fromkeys((BILLING, SECOND, THIRD, DEFAULT), "603 Decline")
    call(phones, tmp_path, CHARGE, then=sipp.REFUSED, status="603")
    assert phones[1].users() == [BILLING, SECOND, THIRD, DEFAULT]


@pytest.mark.parametrize("words", ["caller moves house", "caller wants a secret"])
def test_what_only_an_agent_can_ask_goes_to_the_default(phones, tmp_path, words):
    call(phones, tmp_path, words)
    assert phones[1].users() == [DEFAULT]


def test_an_extension_is_dialled_after_the_answer(phones, tmp_path):
    call(phones, tmp_path, "the back office please", talk_ms=2000)
    (invite,) = phones[1].invites
    assert invite.split(" ")[1].startswith(f"sip:{THIRD}@")
    assert phones[1].digits == ["1", "2"]


def test_where_the_program_fails_a_number_of_the_dialplan_is_dialled(phones, tmp_path):
    call(phones, tmp_path, CHARGE, user="broken")
    assert phones[1].users() == [OWN]


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

"""A location's business hours, from the model to the decision."""

from __future__ import annotations

import asyncio
import datetime as dt
import tempfile
import threading
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_engine import (
    BusinessHours,
    Destination,
    HashingEncoder,
    InvalidValueError,
    Location,
    Outcome,
    Reason,
    RoutingEngine,
    RoutingPolicy,
)
from routing_engine.deciding import router, state
from routing_engine.hours import is_open, next_opening
from tests.support.processes import run
from tests.support.strategies import SwitchableEncoder, a_location, a_rule, business_hours, number

UTC = dt.UTC
NEW_YORK = "America/New_York"
SAID = "I was charged twice"
DEFAULT, NIGHT = Destination("+14155550100"), Destination("+14155550199")
BILLING = a_rule("Billing", number(1), examples=(SAID,), hours="open")
GAS = a_rule("Emergency", number(2), when="caller smells gas", hours="always")
ON_CALL = a_rule("On Call", number(3), when="the furnace is out tonight", hours="closed")

OPEN = dt.datetime(2026, 3, 6, 16, tzinfo=UTC)  # Friday, 11:00 in New York
SHUT = dt.datetime(2026, 3, 7, 3, tzinfo=UTC)  # Friday, 22:00
MONDAY = dt.datetime(2026, 3, 9, 9, tzinfo=ZoneInfo(NEW_YORK))


def office(location_id="a", *rules, **fields):
    fields.setdefault("business_hours", "Mon-Fri 09:00-17:00")
    fields.setdefault("timezone", NEW_YORK)
    return a_location(location_id, *(rules or (BILLING, GAS, ON_CALL)), **fields)


def engine_of(*locations, **options):
    options.setdefault("encoder", HashingEncoder(64))
    return RoutingEngine(locations or (office(), office("n", after_hours=str(NIGHT))), **options)


def told(decision):
    return decision.outcome.value, decision.reason.value, decision.destination


class TestLocation:
    def test_hours_may_be_text_in_the_zone_of_the_location(self):
        assert office(business_hours="Mon-Fri 9am-5pm; holidays US").business_hours == (
            BusinessHours(timezone=NEW_YORK, weekly="Mon-Fri 09:00-17:00", country="US")
        )

    def test_a_location_is_in_the_zone_of_its_hours(self):
        hours = BusinessHours(timezone=NEW_YORK, weekly="24/7")
        assert a_location(business_hours=hours).timezone == NEW_YORK
        assert a_location(business_hours=hours.model_dump()).timezone == NEW_YORK
        assert a_location(business_hours=hours) == a_location(
            business_hours=hours, timezone=NEW_YORK
        )

    @pytest.mark.parametrize(
        ("fields", "path", "message"),
        [
            ({"business_hours": "24/7"}, "business_hours", "need the location's timezone"),
            (
                {"business_hours": "Mon 9-5", "timezone": "UTC"},
                "business_hours",
                "business hours 'Mon 9-5': '9-5' does not say morning",
            ),
            (
                {
                    "business_hours": BusinessHours(timezone="UTC", weekly="24/7"),
                    "timezone": NEW_YORK,
                },
                "business_hours",
                "are in UTC, and the location is in America/New_York",
            ),
            ({"business_hours": {"weekly": "24/7"}}, "business_hours.timezone", "required"),
            ({"business_hours": 5, "timezone": "UTC"}, "business_hours", ""),
            ({"after_hours": "555"}, "after_hours", "'555'"),
            ({"timezone": "localtime"}, "timezone", "must be an IANA time zone"),
        ],
    )
    def test_what_is_wrong_is_told_with_its_path(self, fields, path, message):
        with pytest.raises(InvalidValueError) as caught:
            a_location(**fields)
        (problem,) = caught.value.problems
        assert problem.path == path
        assert message in problem.message

    def test_a_wrong_zone_and_wrong_hours_are_told_at_once(self):
        with pytest.raises(InvalidValueError) as caught:
            a_location(business_hours="Mon 9-5", timezone="Mars")
        assert [problem.path for problem in caught.value.problems] == ["timezone", "business_hours"]

    def test_json_and_back_is_the_same_location(self):
        location = office(after_hours=str(NIGHT), business_hours="24/7; 2026-12-25 closed")
        assert Location.model_validate_json(location.model_dump_json()) == location


class TestOpen:
    def test_an_open_location_answers_as_one_without_hours(self):
        engine = engine_of(office(), a_location("always", BILLING, GAS, ON_CALL))
        for said in (SAID, "I smell gas", "the furnace is out tonight", "hello", "…"):
            with_hours, without = (engine.route(i, said, now=OPEN) for i in ("a", "always"))
            assert told(with_hours) == told(without)
            assert with_hours.next_opening is None
            assert with_hours.explain() == without.explain()

    def test_a_rule_for_closed_hours_sends_to_the_default(self):
        decision = engine_of().route("a", "the furnace is out tonight", now=OPEN)
        assert told(decision) == ("default", "outside_hours", DEFAULT)
        assert decision.explain().endswith(
            "That rule does not apply at this hour. Sent to the default, +*********00."
        )


class TestClosed:
    @pytest.mark.parametrize("said", [SAID, "hello there", "…"])
    def test_nobody_is_dialled_and_it_says_when_it_opens(self, said):
        decision = engine_of().route("a", said, now=SHUT)
        assert told(decision) == ("closed", "outside_hours", None)
        assert decision.next_opening == MONDAY
        assert str(decision.next_opening.tzinfo) == NEW_YORK
        assert decision.to_dict()["next_opening"] == "2026-03-09T09:00:00-04:00"
        assert decision.explain().endswith(
            "The location is closed until Monday 2026-03-09 09:00 (America/New_York). "
            "Nothing is dialled."
        )

    def test_the_rule_that_would_have_been_right_is_told(self):
        decision = engine_of().route("a", SAID, now=SHUT)
        assert decision.rule == BILLING
        assert "That rule does not apply at this hour. The location is closed" in decision.explain()
        unsure = engine_of().route("a", "hello there", now=SHUT)
        assert unsure.rule is None
        assert unsure.explain().startswith("No rule is sure enough: the best is ")
        assert "That rule" not in unsure.explain()

    @pytest.mark.parametrize("said", [SAID, "hello there", "…"])
    def test_an_after_hours_number_takes_the_call(self, said):
        decision = engine_of().route("n", said, now=SHUT)
        assert told(decision) == ("default", "outside_hours", NIGHT)
        assert decision.next_opening == MONDAY
        assert decision.explain().endswith("Sent to the after-hours number, +*********99.")

    def test_a_location_without_rules_is_closed_all_the_same(self):
        bare = a_location("a", timezone=NEW_YORK, business_hours="Mon-Fri 09:00-17:00")
        engine = engine_of(bare)
        assert told(engine.route("a", SAID, now=OPEN)) == ("default", "no_rules", DEFAULT)
        assert told(engine.route("a", SAID, now=SHUT)) == ("closed", "outside_hours", None)

    def test_rules_for_that_hour_transfer(self):
        engine = engine_of()
        for said, rule in (("caller smells gas", GAS), ("the furnace is out tonight", ON_CALL)):
            decision = engine.route("a", said, now=SHUT)
            assert told(decision) == ("transfer", "rule_matched", rule.destination)

    def test_routine_business_is_routine_at_any_hour(self):
        rule = a_rule("Booking", None, action="contain")
        engine = engine_of(office("a", rule), office("n", rule, after_hours=str(NIGHT)))
        said = "caller asks about booking"
        assert told(engine.route("a", said, now=OPEN)) == ("default", "routine", DEFAULT)
        assert told(engine.route("a", said, now=SHUT)) == ("closed", "routine", None)
        assert told(engine.route("n", said, now=SHUT)) == ("default", "routine", NIGHT)

    def test_a_rule_that_says_nothing_of_hours_rings_in_open_ones(self):
        engine = engine_of(office("a", BILLING.model_copy(update={"hours": None})))
        assert engine.route("a", SAID, now=OPEN).outcome is Outcome.TRANSFER
        assert engine.route("a", SAID, now=SHUT).outcome is Outcome.CLOSED

    def test_the_other_gates_stand(self):
        rule = GAS.model_copy(update={"requires_verification": True, "requires_confirmation": True})
        engine = engine_of(office("a", rule))
        asked = ("a", "caller smells gas")
        assert engine.route(*asked, now=SHUT).outcome is Outcome.VERIFY
        assert engine.route(*asked, now=SHUT, verified=True).outcome is Outcome.CONFIRM
        passed = engine.route(*asked, now=SHUT, verified=True, confirmed=True)
        assert passed.destination == rule.destination

    def test_who_is_asked_is_not_sent_to_the_default_meanwhile(self):
        same = "caller asks about the bill"
        rules = (
            a_rule("Bill", number(1), when=same, hours="always"),
            a_rule("Invoice", number(2), when=f"{same}!", hours="always"),
        )
        engine = engine_of(
            office("a", *rules),
            office("n", *rules, after_hours=str(NIGHT)),
            policy=RoutingPolicy(margin=1.0),
        )
        nobody, somebody = (engine.route(name, same, now=SHUT) for name in "an")
        assert told(nobody) == ("clarify", "ambiguous", None)
        assert told(somebody) == ("clarify", "ambiguous", NIGHT)
        assert f"To be asked: {nobody.question} Nothing is dialled yet." in nobody.explain()
        assert somebody.explain().endswith("Until answered, the after-hours number, +*********99.")

    def test_a_location_that_does_not_open_again_says_so(self):
        decision = engine_of(office(business_hours="closed")).route("a", SAID, now=SHUT)
        assert told(decision) == ("closed", "outside_hours", None)
        assert decision.next_opening is None
        assert "is closed, and does not open in the next 400 days." in decision.explain()


class TestFailures:
    def broken(self, texts):
        raise RuntimeError("out of order")

    def test_a_failure_goes_to_the_default_at_any_hour(self):
        encoder = SwitchableEncoder(64)
        engine = engine_of(encoder=encoder)
        encoder.failure = self.broken
        for name in "an":
            decision = engine.route(name, SAID, now=SHUT)
            assert told(decision) == ("default", "engine_degraded", DEFAULT)
            assert decision.next_opening is None
            assert decision.explain().endswith("Sent to the default, +*********00.")
        assert told(engine.route_many([("a", SAID)], now=SHUT)[0])[2] == DEFAULT

    def test_hours_that_cannot_be_worked_out_drop_no_call(self, monkeypatch, caplog):
        def fail(hours, at):
            raise RuntimeError(SAID)

        monkeypatch.setattr(state, "is_open", fail)
        engine = engine_of()
        assert told(engine.route("a", SAID)) == ("default", "engine_degraded", DEFAULT)
        assert told(asyncio.run(engine.aroute("a", SAID)))[1] == "engine_degraded"
        assert SAID not in caplog.text

    def test_an_unknown_location_is_unknown_at_any_hour(self):
        engine = engine_of(default_destination="+14155550177")
        assert engine.route("zzz", SAID, now=SHUT).reason is Reason.UNKNOWN_LOCATION

    @pytest.mark.parametrize("now", [dt.datetime(2026, 3, 6), 5, "2026-03-06", dt.date(2026, 3, 6)])  # noqa: DTZ001
    def test_now_without_a_time_zone_is_refused(self, now):
        engine = engine_of(a_location("always", BILLING))
        for call in (
            lambda: engine.route("always", SAID, now=now),
            lambda: asyncio.run(engine.aroute("always", SAID, now=now)),
            lambda: engine.route_many([("always", SAID)], now=now),
        ):
            with pytest.raises(InvalidValueError, match="aware datetime"):
                call()


class TestClock:
    def test_without_now_it_is_the_present(self, monkeypatch):
        asked = []

        def watch(hours, at):
            asked.append(at)
            return is_open(hours, at)

        monkeypatch.setattr(state, "is_open", watch)
        before = dt.datetime.now(UTC)
        engine_of().route("a", SAID)
        assert before <= asked[0] <= dt.datetime.now(UTC)

    def test_no_clock_is_read_for_a_location_without_hours(self, monkeypatch):
        class NoClock(dt.datetime):
            @classmethod
            def now(cls, tz=None):
                raise AssertionError("a clock was read")

        monkeypatch.setattr(router, "datetime", NoClock)
        engine = engine_of(a_location("always", BILLING))
        assert engine.route("always", SAID).outcome is Outcome.TRANSFER

    def test_the_present_may_be_of_any_zone(self):
        engine = engine_of()
        for zone in ("UTC", "Asia/Kolkata", "Pacific/Kiritimati"):
            assert (
                engine.route("a", SAID, now=SHUT.astimezone(ZoneInfo(zone))).next_opening == MONDAY
            )

    def test_many_are_asked_for_one_instant(self):
        engine = engine_of(office(), office("t", timezone="Asia/Tokyo"))
        asked = [("a", SAID), ("t", SAID), ("a", "caller smells gas")]
        for now in (OPEN, SHUT):
            expected = [engine.route(*query, now=now) for query in asked]
            assert (
                engine_of(office(), office("t", timezone="Asia/Tokyo")).route_many(asked, now=now)
                == expected
            )

    def test_how_good_it_is_does_not_depend_on_when_that_is_asked(self):
        from routing_engine import Case

        shut = engine_of(office(business_hours="closed"))
        cases = [Case("a", SAID, "Billing"), Case("a", "hello there")]
        assert shut.evaluate(cases).right == 1.0


class TestNights:
    """The nights on which the clock changes, in New York."""

    @pytest.mark.parametrize(
        ("now", "opens"),
        [
            # Sunday 8 March: 02:00 becomes 03:00, at 07:00 UTC.
            ("2026-03-08T06:59", "2026-03-08T07:00"),
            ("2026-03-08T07:00", None),
            ("2026-03-08T08:59", None),
            ("2026-03-08T09:00", "2026-03-15T06:30"),
            # Sunday 1 November: 02:00 becomes 01:00, at 06:00 UTC.
            ("2026-11-01T05:59", "2026-11-01T07:30"),
            ("2026-11-01T07:29", "2026-11-01T07:30"),
            ("2026-11-01T07:30", None),
            ("2026-11-01T09:59", None),
            ("2026-11-01T10:00", "2026-11-08T07:30"),
        ],
    )
    def test_sunday_from_half_past_two_to_five(self, now, opens):
        engine = engine_of(office(business_hours="Sun 02:30-05:00"))
        decision = engine.route("a", SAID, now=dt.datetime.fromisoformat(now).replace(tzinfo=UTC))
        if opens is None:
            assert decision.outcome is Outcome.TRANSFER
        else:
            expected = dt.datetime.fromisoformat(opens).replace(tzinfo=UTC)
            assert decision.outcome is Outcome.CLOSED
            assert decision.next_opening.astimezone(UTC) == expected


class TestRecent:
    def test_no_decision_is_served_across_a_closing_or_an_opening(self):
        encoder = HashingEncoder(64)
        engine, fresh = engine_of(encoder=encoder), engine_of(cache_size=0)
        tick = dt.timedelta(microseconds=1)
        closing = dt.datetime(2026, 3, 6, 17, tzinfo=ZoneInfo(NEW_YORK))
        for now in (closing - tick, closing, MONDAY - tick, MONDAY, closing - tick, closing):
            for said in (SAID, "caller smells gas"):
                assert engine.route("a", said, now=now) == fresh.route("a", said, now=now)

    def test_one_night_is_not_mistaken_for_another(self):
        engine = engine_of()
        assert engine.route("a", SAID, now=SHUT).next_opening == MONDAY
        later = engine.route("a", SAID, now=SHUT + dt.timedelta(days=3))
        assert later.next_opening == MONDAY + dt.timedelta(days=1)

    def test_while_nothing_changes_the_answer_is_kept(self):
        engine = engine_of()
        first = engine.route("a", SAID, now=SHUT), engine.route("a", SAID, now=OPEN)
        before = engine.encoder.n_encoded
        minute = dt.timedelta(minutes=1)
        assert engine.route("a", SAID, now=SHUT + minute) == first[0]
        assert engine.route("a", SAID, now=OPEN + minute) == first[1]
        assert engine.encoder.n_encoded == before

    def test_threads_at_different_hours_get_their_own_answers(self):
        engine = engine_of()
        wrong = []

        def work(now, outcome):
            found = [engine.route("a", SAID, now=now).outcome for _ in range(300)]
            wrong.extend(item for item in found if item is not outcome)

        pairs = [(OPEN, Outcome.TRANSFER), (SHUT, Outcome.CLOSED)] * 4
        threads = [threading.Thread(target=work, args=pair) for pair in pairs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []


class TestShared:
    def test_a_thousand_locations_share_one_schedule(self):
        engine = engine_of(*(office(f"s{i}") for i in range(1000)))
        assert len(engine.columns.sites) == 1
        hours = {id(engine.location(f"s{i}").business_hours) for i in range(1000)}
        assert len(hours) == 1

    @given(st.lists(business_hours(st.just("UTC")), min_size=1, max_size=4))
    def test_a_snapshot_gives_back_hours_and_numbers(self, hours):
        made = [
            a_location(
                f"s{i}", BILLING, business_hours=item, after_hours=str(NIGHT) if i % 2 else None
            )
            for i, item in enumerate(hours)
        ]
        engine = engine_of(*made, encoder=HashingEncoder(8))
        with tempfile.TemporaryDirectory() as name:
            engine.save(name)
            loaded = RoutingEngine.load(name, encoder=HashingEncoder(8))
        for location in made:
            assert loaded.location(location.location_id) == location
            assert told(loaded.route(location.location_id, SAID, now=SHUT)) == told(
                engine.route(location.location_id, SAID, now=SHUT)
            )

    def test_changed_hours_take_effect_at_once(self):
        engine = engine_of()
        engine.apply([office(business_hours="24/7")])
        assert engine.route("a", SAID, now=SHUT).outcome is Outcome.TRANSFER
        engine.apply([office("n", after_hours="sip:night@example.com")])
        assert str(engine.route("n", SAID, now=SHUT).destination) == "sip:night@example.com"
        assert (
            engine.location("a").business_hours.weekly
            == BusinessHours(timezone="UTC", weekly="24/7").weekly
        )
        with tempfile.TemporaryDirectory() as name:
            engine.save(name)
            loaded = RoutingEngine.load(name, encoder=HashingEncoder(64))
        assert loaded.location("n") == engine.location("n")

    def test_columns_that_do_not_fit_are_refused(self):
        columns = engine_of().columns
        for after_hours in (columns.after_hours[:1], columns.after_hours + (1 << 63)):
            with pytest.raises(InvalidValueError, match="after_hours does not fit"):
                replace(columns, after_hours=after_hours).check()


@pytest.mark.process
def test_no_public_holidays_are_loaded_where_no_location_has_a_country():
    code = (
        "import sys; from routing_engine import *;"
        "e = RoutingEngine([Location(location_id='a', default_destination='+14155550100',"
        "timezone='UTC', business_hours='Mon-Fri 09:00-17:00')], encoder=HashingEncoder(8));"
        "e.route('a', 'x'); print('holidays' in sys.modules)"
    )
    shown = run(code)
    assert shown.strip() == "False"


@given(
    business_hours(st.sampled_from((NEW_YORK, "Europe/London"))),
    st.integers(0, 10 * 365 * 24 * 60).map(lambda n: SHUT + dt.timedelta(minutes=n)),
)
def test_a_call_is_taken_exactly_while_the_location_is_open(hours, now):
    engine = engine_of(office(business_hours=hours, timezone=hours.timezone))
    decision = engine.route("a", SAID, now=now)
    assert (decision.outcome is Outcome.TRANSFER) is is_open(hours, now)
    if decision.outcome is Outcome.CLOSED:
        assert decision.next_opening == next_opening(hours, now)

"""Business hours: each rule by example, and all of them against a naive oracle."""

from __future__ import annotations

import copy
import datetime as dt
import gc
import pickle
import random
import time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from routing_engine.errors import InvalidValueError
from routing_engine.hours import (
    HORIZON_DAYS,
    BusinessHours,
    Holiday,
    TimeRange,
    format_weekly,
    is_open,
    next_closing,
    next_opening,
    parse_weekly,
    timetable,
)
from tests.support.hours import ZONES, oracle_is_open, random_hours, random_instant

UTC = dt.UTC
OFFICE = "Mon-Fri 09:00-17:00"
NINE_TO_FIVE = (TimeRange(540, 1020),)
ALL_DAY = (TimeRange(0, 1440),)


def hours(weekly=OFFICE, timezone="America/New_York", **fields):
    return BusinessHours(timezone=timezone, weekly=weekly, **fields)


def utc(text):
    return dt.datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(text, timezone="America/New_York", *, fold=0):
    return dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(timezone), fold=fold)


def openings(value, begin, end):
    """Every change between two instants, as (opening, closing) pairs of ISO text in UTC."""
    found = []
    at = begin
    while True:
        opening = next_opening(value, at)
        if opening is None or opening >= end:
            return found
        closing = next_closing(value, opening)
        found.append(
            tuple(item.astimezone(UTC).strftime("%d %H:%M") for item in (opening, closing))
        )
        at = closing


# Ordinary days


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-03-02T08:59:59.999999", False),
        ("2026-03-02T09:00:00", True),
        ("2026-03-02T16:59:59.999999", True),
        ("2026-03-02T17:00:00", False),
        ("2026-03-07T12:00:00", False),
    ],
)
def test_a_range_holds_its_start_and_not_its_end(at, expected):
    assert is_open(hours(), local(at)) is expected


def test_an_instant_means_the_same_in_any_zone():
    at = local("2026-03-02T09:00")
    for zone in ("UTC", "Asia/Kolkata", "Pacific/Kiritimati"):
        assert is_open(hours(), at.astimezone(ZoneInfo(zone)))
    assert is_open(hours(), at.astimezone(dt.timezone(dt.timedelta(hours=-9, minutes=-30))))


def test_between_split_shifts_it_is_closed():
    value = hours("Mon 08:00-12:00 13:00-17:00", "UTC")
    assert openings(value, utc("2026-03-02"), utc("2026-03-03")) == [
        ("02 08:00", "02 12:00"),
        ("02 13:00", "02 17:00"),
    ]


def test_ranges_that_touch_are_one_opening():
    value = hours("Mon 08:00-12:00 12:00-24:00; Tue 00:00-03:00", "UTC")
    assert openings(value, utc("2026-03-02"), utc("2026-03-05")) == [("02 08:00", "03 03:00")]


def test_a_range_past_midnight_may_overlap_the_next_days_range():
    value = hours("Mon 22:00-02:00; Tue 01:00-05:00", "UTC")
    assert openings(value, utc("2026-03-02"), utc("2026-03-05")) == [("02 22:00", "03 05:00")]


def test_sundays_range_past_midnight_runs_into_monday():
    value = hours("Sun 22:00-02:00", "UTC")
    assert is_open(value, utc("2026-03-02T01:59"))  # a Monday
    assert not is_open(value, utc("2026-03-02T02:00"))
    assert not is_open(value, utc("2026-03-02T22:00"))


def test_a_long_range_far_from_greenwich_lasts_to_its_end():
    value = hours("Mon 22:00-20:00", "Pacific/Pago_Pago")  # eleven hours behind UTC
    assert is_open(value, utc("2026-03-04T06:59"))
    assert openings(value, utc("2026-03-02"), utc("2026-03-08")) == [("03 09:00", "04 07:00")]


def test_round_the_clock_never_closes():
    value = hours("24/7")
    at = local("2026-03-02T03:00")
    assert is_open(value, at)
    assert next_opening(value, at) == at
    assert next_closing(value, at) is None


def test_no_hours_never_open():
    value = hours("closed")
    at = local("2026-03-02T03:00")
    assert not is_open(value, at)
    assert next_opening(value, at) is None
    assert next_closing(value, at) == at


# The next change


def test_next_opening_is_in_the_locations_zone():
    opening = next_opening(hours(), utc("2026-03-06T22:00"))
    assert opening is not None
    assert opening.isoformat() == "2026-03-09T09:00:00-04:00"  # the clock changed on Sunday
    assert str(opening.tzinfo) == "America/New_York"


def test_next_opening_while_open_is_the_instant_itself():
    at = utc("2026-03-02T15:30:00.000001")
    opening = next_opening(hours(), at)
    assert opening == at
    assert str(opening.tzinfo) == "America/New_York"


def test_next_closing_while_closed_is_the_instant_itself():
    at = utc("2026-03-07T15:30:00.000001")
    closing = next_closing(hours(), at)
    assert closing == at
    assert str(closing.tzinfo) == "America/New_York"


def test_next_closing_while_open_is_the_end_of_the_opening():
    assert next_closing(hours(), local("2026-03-02T09:00")) == local("2026-03-02T17:00")


def test_an_opening_is_found_up_to_the_horizon():
    at = utc("2026-03-02T00:00")
    opening = at + dt.timedelta(days=HORIZON_DAYS)
    value = hours(
        "closed", "UTC", exceptions=[Holiday(date=opening.date(), ranges=["00:00-01:00"])]
    )
    assert next_opening(value, at) == opening
    assert next_opening(value, at - dt.timedelta(microseconds=1)) is None


def test_a_closing_is_found_up_to_the_horizon():
    at = utc("2026-03-02T00:00")
    closing = at + dt.timedelta(days=HORIZON_DAYS)
    value = hours("24/7", "UTC", exceptions=[Holiday(date=closing.date())])
    assert next_closing(value, at) == closing
    assert next_closing(value, at - dt.timedelta(microseconds=1)) is None


@pytest.mark.parametrize("function", [is_open, next_opening, next_closing])
def test_a_naive_instant_is_refused(function):
    with pytest.raises(InvalidValueError, match="has no time zone"):
        function(hours(), dt.datetime(2026, 3, 2, 9))  # noqa: DTZ001


@pytest.mark.parametrize("function", [is_open, next_opening, next_closing])
@pytest.mark.parametrize(
    "at", [dt.datetime(1, 1, 1, tzinfo=UTC), dt.datetime(9999, 12, 31, tzinfo=UTC)]
)
def test_an_instant_at_the_ends_of_the_calendar_is_refused(function, at):
    with pytest.raises(InvalidValueError, match="out of range"):
        function(hours(), at)


@pytest.mark.parametrize("year", [2, 1883, 1969, 9997])
def test_every_other_year_is_answered(year):
    at = dt.datetime(year, 12, 31, 23, 59, tzinfo=UTC)
    assert next_opening(hours("daily 09:00-17:00"), at) > at
    assert next_closing(hours("24/7"), at) is None


# Holidays and exceptions


def test_a_holiday_is_closed_and_its_neighbours_are_not():
    value = hours("daily 09:00-17:00", "UTC", holidays=[Holiday(date=dt.date(2026, 12, 25))])
    assert openings(value, utc("2026-12-24"), utc("2026-12-27")) == [
        ("24 09:00", "24 17:00"),
        ("26 09:00", "26 17:00"),
    ]


def test_a_holiday_of_several_days_includes_the_last():
    break_ = Holiday(date=dt.date(2026, 12, 24), end_date=dt.date(2026, 12, 26))
    value = hours("daily 09:00-17:00", "UTC", holidays=[break_])
    assert openings(value, utc("2026-12-23"), utc("2026-12-28")) == [
        ("23 09:00", "23 17:00"),
        ("27 09:00", "27 17:00"),
    ]


def test_a_holiday_may_have_hours_of_its_own():
    eve = Holiday(date=dt.date(2026, 12, 24), ranges=["10:00-12:00", "22:00-01:00"])
    value = hours("Mon-Wed 09:00-17:00", "UTC", holidays=[eve])
    assert openings(value, utc("2026-12-24"), utc("2026-12-27")) == [
        ("24 10:00", "24 12:00"),
        ("24 22:00", "25 01:00"),
    ]


def test_a_range_belongs_to_the_day_it_begins_on_and_runs_into_a_holiday():
    value = hours("daily 22:00-02:00", "UTC", holidays=[Holiday(date=dt.date(2026, 12, 25))])
    assert openings(value, utc("2026-12-24T12:00"), utc("2026-12-27T12:00")) == [
        ("24 22:00", "25 02:00"),
        ("26 22:00", "27 02:00"),
    ]


def test_the_countrys_public_holidays_are_closed_on_observed_dates_too():
    value = hours("daily 09:00-17:00", country="us")
    assert not is_open(value, local("2026-07-03T12:00"))  # observed
    assert not is_open(value, local("2026-07-04T12:00"))  # a Saturday
    assert is_open(value, local("2026-07-02T12:00"))


def test_a_subdivision_has_holidays_of_its_own():
    epiphany = local("2026-01-06T12:00", "Europe/Berlin")
    country = hours("daily 09:00-17:00", "Europe/Berlin", country="DE")
    bavaria = hours("daily 09:00-17:00", "Europe/Berlin", country="DE", subdivision="BY")
    assert is_open(country, epiphany)
    assert not is_open(bavaria, epiphany)


def test_public_holidays_may_have_hours_of_their_own():
    value = hours(country="US", public_holidays=["10:00-14:00"])
    assert is_open(value, local("2026-07-03T13:59"))  # observed
    assert not is_open(value, local("2026-07-03T14:00"))
    assert next_opening(value, local("2026-07-04T00:00")) == local("2026-07-04T10:00")
    assert is_open(value, local("2026-07-06T16:59"))


def test_a_holiday_by_date_overrides_the_country():
    noon = local("2026-07-04T12:00")
    shift = Holiday(date=noon.date(), ranges=["11:00-13:00"])
    assert is_open(hours("closed", country="US", holidays=[shift]), noon)


def test_a_date_that_is_not_closed_and_has_no_ranges_has_its_ordinary_hours():
    juneteenth = Holiday(date=dt.date(2026, 6, 19), closed=False)
    value = hours(country="US", exceptions=[juneteenth])
    assert is_open(value, local("2026-06-19T16:59"))
    assert not is_open(value, local("2026-06-19T17:00"))
    assert not is_open(hours(country="US"), local("2026-06-19T16:59"))


def test_an_exception_overrides_holiday_country_and_week():
    day = dt.date(2026, 12, 25)
    value = hours(
        country="US",
        holidays=[Holiday(date=day, ranges=["09:00-10:00"])],
        exceptions=[Holiday(date=day, ranges=["20:00-21:00"])],
    )
    assert not is_open(value, local("2026-12-25T09:30"))
    assert is_open(value, local("2026-12-25T20:30"))
    closed = hours(
        holidays=[Holiday(date=day, ranges=["09:00-10:00"])], exceptions=[Holiday(date=day)]
    )
    assert not is_open(closed, local("2026-12-25T09:30"))


def test_holidays_may_overlap_only_if_they_agree():
    week = Holiday(date=dt.date(2026, 12, 24), end_date=dt.date(2026, 12, 31))
    day = Holiday(date=dt.date(2026, 12, 26), name="Boxing Day")
    new_year = Holiday(date=dt.date(2026, 12, 30), end_date=dt.date(2027, 1, 2))
    late = Holiday(date=dt.date(2026, 12, 31), ranges=["09:00-10:00"])
    later = Holiday(date=dt.date(2027, 1, 2), ranges=["09:00-10:00"])
    assert hours(holidays=[day, week]).holidays == (day, week)
    with pytest.raises(InvalidValueError, match="2027-01-02 is given twice"):
        hours(exceptions=[later, new_year, day, week])
    with pytest.raises(InvalidValueError, match="2026-12-31 is given twice, with different hours"):
        hours(holidays=[late, day, week])


# Where the clock changes: a range lies between the first occurrence of its start and the second
# of its end, and a time that is skipped is the instant of the jump.


def test_new_york_spring_a_start_in_the_gap_is_the_jump():
    value = hours("Sun 02:30-05:00")
    assert openings(value, utc("2026-03-08"), utc("2026-03-09")) == [("08 07:00", "08 09:00")]


def test_new_york_spring_an_end_in_the_gap_is_the_jump():
    value = hours("Sun 01:00-02:30")
    assert openings(value, utc("2026-03-08"), utc("2026-03-09")) == [("08 06:00", "08 07:00")]


def test_new_york_spring_a_range_in_the_gap_does_not_happen():
    value = hours("Sun 02:15-02:45")
    opening = next_opening(value, utc("2026-03-08"))
    assert opening == local("2026-03-15T02:15")
    assert not is_open(value, utc("2026-03-08T07:00"))


def test_new_york_spring_a_whole_day_lasts_23_hours():
    value = hours("Sun 00:00-24:00")
    assert openings(value, utc("2026-03-08"), utc("2026-03-10")) == [("08 05:00", "09 04:00")]


def test_new_york_autumn_a_start_that_occurs_twice_is_the_first():
    value = hours("Sun 01:30-05:00")
    assert openings(value, utc("2026-11-01"), utc("2026-11-02")) == [("01 05:30", "01 10:00")]
    assert is_open(value, local("2026-11-01T01:10", fold=1))  # it does not close in between


def test_new_york_autumn_an_end_that_occurs_twice_is_the_second():
    value = hours("Sat 22:00-01:30")
    assert openings(value, utc("2026-11-01"), utc("2026-11-02")) == [("01 02:00", "01 06:30")]
    assert next_closing(value, utc("2026-11-01T02:00")).fold == 1


def test_new_york_autumn_an_end_at_the_time_the_clock_goes_back_to_is_the_second():
    value = hours("Sun 00:00-01:00")  # 01:00 is shown at 05:00 UTC and again at 06:00 UTC
    assert openings(value, utc("2026-11-01"), utc("2026-11-02")) == [("01 04:00", "01 06:00")]


def test_new_york_autumn_an_end_at_the_time_the_clock_goes_back_from_occurs_once():
    value = hours("Sun 01:00-02:00")
    assert openings(value, utc("2026-11-01"), utc("2026-11-02")) == [("01 05:00", "01 07:00")]


def test_new_york_autumn_a_whole_day_lasts_25_hours():
    value = hours("Sun 00:00-24:00")
    assert openings(value, utc("2026-11-01"), utc("2026-11-03")) == [("01 04:00", "02 05:00")]


def test_london_hours_keep_their_wall_clock_in_both_directions():
    value = hours("Sat-Sun 01:30-09:00", "Europe/London")
    assert openings(value, utc("2026-03-28"), utc("2026-03-30")) == [
        ("28 01:30", "28 09:00"),
        ("29 01:00", "29 08:00"),
    ]
    assert openings(value, utc("2026-10-24"), utc("2026-10-26")) == [
        ("24 00:30", "24 08:00"),
        ("25 00:30", "25 09:00"),
    ]


def test_lord_howe_changes_by_30_minutes():
    # 4 October 2026: 02:00 becomes 02:30 at 15:30 UTC of the 3rd. 5 April: 02:00 becomes 01:30.
    value = hours("Sun 02:10-03:00", "Australia/Lord_Howe")
    assert openings(value, utc("2026-10-03"), utc("2026-10-04")) == [("03 15:30", "03 16:00")]
    value = hours("Sun 01:45-03:00", "Australia/Lord_Howe")
    assert openings(value, utc("2026-04-04"), utc("2026-04-05")) == [("04 14:45", "04 16:30")]
    value = hours("Sun 01:00-01:45", "Australia/Lord_Howe")
    assert openings(value, utc("2026-04-04"), utc("2026-04-05")) == [("04 14:00", "04 15:15")]


def test_apia_had_no_30_december_2011():
    # The clock went from the end of Thursday 29 to the start of Saturday 31 at 10:00 UTC.
    daily = hours("daily 09:00-17:00", "Pacific/Apia")
    assert openings(daily, utc("2011-12-29T12:00"), utc("2011-12-31T12:00")) == [
        ("29 19:00", "30 03:00"),
        ("30 19:00", "31 03:00"),
    ]
    friday = hours("Fri 09:00-17:00", "Pacific/Apia")
    assert next_opening(friday, utc("2011-12-29T12:00")) == local(
        "2012-01-06T09:00", "Pacific/Apia"
    )
    night = hours("Thu 22:00-02:00", "Pacific/Apia")
    assert openings(night, utc("2011-12-29T12:00"), utc("2011-12-31T12:00")) == [
        ("30 08:00", "30 10:00")
    ]


# Against a naive oracle


def test_open_or_closed_equals_the_oracle_at_10000_instants():
    """The module's semantics whole, in 43 zones over ten years, 30 % near a clock change."""
    rng = random.Random(20260302)
    n_open = n_checked = 0
    for index in range(250):
        value = random_hours(rng, ZONES[index % len(ZONES)], step=rng.choice([1, 5, 30, 60]))
        for _ in range(40):
            at = random_instant(rng, value.timezone)
            expected = oracle_is_open(value, at)
            assert is_open(value, at) is expected, (value, at)
            n_open += expected
            n_checked += 1
    assert n_checked == 10_000
    assert 2_000 < n_open < 8_000


def test_next_opening_and_closing_equal_the_oracles_first_change():
    """Stepping by 15 minutes, which every range and every clock change here is a multiple of."""
    rng = random.Random(20260303)
    step = dt.timedelta(minutes=15)
    n_found = 0
    for index in range(172):
        timezone = ZONES[index % len(ZONES)]
        value = random_hours(rng, timezone, step=15)
        at = random_instant(rng, timezone)
        grid = at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0)
        for wanted, function in ((True, next_opening), (False, next_closing)):
            found = function(value, at)
            limit = at + dt.timedelta(days=2)
            expected, instant = None, grid
            while expected is None and instant < limit:
                if oracle_is_open(value, instant) is wanted:
                    expected = max(instant, at)
                instant += step
            if expected is None:
                assert found is None or found >= instant, (value, at)
            else:
                # Python never calls a repeated local time equal to one of another zone.
                assert found.astimezone(UTC) == expected, (value, at)
                assert found.tzinfo is ZoneInfo(timezone)
                n_found += 1
    assert n_found > 240


def test_the_next_opening_is_open_and_the_instant_before_is_closed():
    rng = random.Random(20260304)
    tick = dt.timedelta(microseconds=1)
    for index in range(129):
        timezone = ZONES[index % len(ZONES)]
        value = random_hours(rng, timezone, step=1)
        at = random_instant(rng, timezone)
        opening, closing = next_opening(value, at), next_closing(value, at)
        if opening is not None and opening > at:
            assert not is_open(value, at)
            assert is_open(value, opening)
            assert not is_open(value, opening.astimezone(UTC) - tick)
        if closing is not None and closing > at:
            assert is_open(value, at)
            assert not is_open(value, closing)
            assert is_open(value, closing.astimezone(UTC) - tick)


# Text


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("Mon-Fri 09:00-17:00; Sat 10:00-14:00", "Mon-Fri 09:00-17:00; Sat 10:00-14:00"),
        ("Mon-Fri 9am-5pm, Sat 10am-2pm", "Mon-Fri 09:00-17:00; Sat 10:00-14:00"),
        ("MONDAY to friday: 9 a.m. \u2013 5 P.M.", "Mon-Fri 09:00-17:00"),
        ("Mon\u2014Fri 9:30\u201117:00", "Mon-Fri 09:30-17:00"),
        ("daily 08:00-20:00", "daily 08:00-20:00"),
        ("every day 8am-8pm", "daily 08:00-20:00"),
        ("weekdays 9am-5pm\nweekends 10am-2pm", "Mon-Fri 09:00-17:00; Sat-Sun 10:00-14:00"),
        ("24/7", "24/7"),
        ("Open 24/7", "24/7"),
        ("24 hours a day, 7 days a week", "24/7"),
        ("Mon-Fri 24 hours", "Mon-Fri 00:00-24:00"),
        ("Mon-Fri 00:00-24:00", "Mon-Fri 00:00-24:00"),
        ("Mon 12am-12am", "Mon 00:00-24:00"),
        ("Mon-Fri 08:00-12:00 13:00-17:00", "Mon-Fri 08:00-12:00 13:00-17:00"),
        ("Mon 13:00-17:00 and 8:00-12:00", "Mon 08:00-12:00 13:00-17:00"),
        ("Mon-Fri 8-12, 13-17", "Mon-Fri 08:00-12:00 13:00-17:00"),
        ("Mon 8am-12pm; Mon 1pm-5pm", "Mon 08:00-12:00 13:00-17:00"),
        ("Mon, Wed/Fri 0830-1700", "Mon, Wed, Fri 08:30-17:00"),
        ("M-F 9:00:00-17:00:00", "Mon-Fri 09:00-17:00"),
        ("Fri-Mon 9.30-17.30", "Mon, Fri-Sun 09:30-17:30"),
        ("Fri-Sat 22:00-02:00", "Fri-Sat 22:00-02:00"),
        ("Fri 22:00-2:00", "Fri 22:00-02:00"),
        ("Fri 6pm-12am", "Fri 18:00-24:00"),
        ("Fri 18:00-00:00", "Fri 18:00-24:00"),
        ("Fri noon to 2am", "Fri 12:00-02:00"),
        ("Tue 9-5pm", "Tue 09:00-17:00"),
        ("Tue 9am-5", "Tue 09:00-17:00"),
        ("Sun closed", "closed"),
        ("closed", "closed"),
        ("daily 9am-5pm, Sun closed", "Mon-Sat 09:00-17:00"),
        ("Mon-Sat 9am-5pm, closed Sunday", "Mon-Sat 09:00-17:00"),
        ("closed Sat & Sun; weekdays 9am-5pm", "Mon-Fri 09:00-17:00"),
        ("\uff2d\uff4f\uff4e \uff19\uff41\uff4d-\uff15\uff50\uff4d", "Mon 09:00-17:00"),
    ],
)
def test_parse_reads_what_people_write(text, canonical):
    weekly = parse_weekly(text)
    assert format_weekly(weekly) == canonical
    assert parse_weekly(canonical) == weekly


def test_parse_gives_seven_days_from_monday():
    assert parse_weekly("Mon 9am-5pm; Sun 10pm-2am") == (
        NINE_TO_FIVE, (), (), (), (), (), (TimeRange(1320, 1560),),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "nothing is said"),
        (" ; ", "nothing is said"),
        ("Mon-Fri 9-5", "'9-5' does not say morning or afternoon"),
        ("Mon-Fri 9:00-5:00", "'9:00-5:00' does not say morning"),
        ("Mon-Fri 08:00-5:00", "'08:00-5:00' does not say morning"),
        ("Mon 08:00-12:00 1:00-5:00", "'1:00-5:00' does not say morning"),
        ("Mon 8-11pm", "'8-11pm' does not say morning"),
        ("Mon 9am-11", "'9am-11' does not say morning"),
        ("Mon 10-6am", "'10-6am' does not say morning"),
        ("Mon 9am-5pm, PH off", r"public holidays \(PH\) are no part of the ordinary week"),
        ("Mon 9am to late", "cannot read '9am-late'"),
        ("Mon 9am-5pm (lunch 12-1)", r"cannot read '\(lunch 12-1\)'"),
        ("Mon", "'mon' has no hours"),
        ("Mon; Tue 9am-5pm", "'mon' has no hours"),
        ("9am-5pm", "'9am-5pm' has no day"),
        ("Mon 9am-5pm; 6pm-8pm", "'6pm-8pm' has no day"),
        ("closed Sat, Sun 9am-5pm", "'9am-5pm' has no day"),
        ("Mon 9am-5pm closed", "'closed' has no day"),
        ("Sun closed; Sun 9am-5pm", "Sun is closed, and then has hours"),
        ("Mon 9am-5pm, Mon-Tue 4pm-6pm", "Mon: 09:00-17:00 and 16:00-18:00 overlap"),
        ("daily 9am-5pm, Sat 10am-2pm", "Sat: 09:00-17:00 and 10:00-14:00 overlap"),
        ("Mon 25:00-26:00", "'25:00-26:00' holds a time that does not exist"),
        ("Mon 09:60-17:00", "'09:60-17:00' holds a time that does not exist"),
        ("Mon 13pm-5pm", "'13pm-5pm' holds a time that does not exist"),
        ("Mon 00:00-00:00", "'00:00-00:00' begins and ends at one time"),
        ("Mon 24:00-02:00", "'24:00-02:00' begins at 24:00"),
        ("x" * 1001, "longer than 1000 characters"),
    ],
)
def test_parse_refuses_and_shows_the_piece(text, message):
    with pytest.raises(InvalidValueError, match=message) as caught:
        parse_weekly(text)
    assert str(caught.value).startswith("business hours '")


@pytest.mark.parametrize(
    "number", ["+14155550100", "(415) 555-0100", "415 555 0100", "01 23 45 67 89", "555-0100"]
)
def test_a_phone_number_in_the_wrong_column_is_not_shown(number):
    for make in (parse_weekly, TimeRange.parse, lambda text: hours(timezone=text)):
        with pytest.raises(InvalidValueError) as caught:
            make(f"Mon {number}")
        assert number not in str(caught.value)
        assert number[:3] not in str(caught.value)


minutes = st.integers(0, 1439)


@st.composite
def time_ranges(draw):
    start = draw(minutes)
    longest = 1440 if start == 0 else 1439
    return TimeRange(start, start + draw(st.integers(1, longest)))


@st.composite
def days(draw):
    kept = []
    for item in sorted(draw(st.lists(time_ranges(), max_size=4))):
        if not kept or item.start_minute >= kept[-1].end_minute:
            kept.append(item)
    return tuple(kept)


day = st.one_of(days(), st.just(NINE_TO_FIVE), st.just(()), st.just(ALL_DAY))
weeks = st.tuples(day, day, day, day, day, day, day)


@given(weeks)
def test_parse_reads_back_what_format_writes(weekly):
    assert parse_weekly(format_weekly(weekly)) == weekly


@given(time_ranges())
def test_a_range_reads_back_its_text(value):
    assert TimeRange.parse(str(value)) == value


@given(st.text(max_size=40) | st.from_regex(r"((mon|sat-sun|closed|9am|-|17:00|[,; ]) ?){1,8}"))
def test_parse_reads_or_refuses_any_text(text):
    try:
        weekly = parse_weekly(text)
    except InvalidValueError:
        return
    assert parse_weekly(format_weekly(weekly)) == weekly


@pytest.mark.parametrize(
    ("start", "end"), [(-1, 5), (1440, 1500), (5, 5), (6, 5), (5, 1445), (0, 1441)]
)
def test_a_range_that_makes_no_sense_is_refused(start, end):
    with pytest.raises(InvalidValueError, match="_minute is"):
        TimeRange(start, end)


@pytest.mark.parametrize("text", ["", "9am", "9am-5pm 6pm-8pm", "Mon 9am-5pm", " " * 2000])
def test_what_is_not_one_range_is_refused(text):
    with pytest.raises(InvalidValueError, match="time range"):
        TimeRange.parse(text)


# Everything in one text


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("24/7", "24/7"),
        ("closed", "closed"),
        ("Mon-Fri 9am-5pm, Sat 9am-noon", "Mon-Fri 09:00-17:00; Sat 09:00-12:00"),
        ("Mon-Fri 09:00-17:00; Holidays: us", "Mon-Fri 09:00-17:00; holidays US"),
        ("public holidays US-CA; 24/7", "24/7; holidays US-CA"),
        ("24/7\nholidays DE / BY\n", "24/7; holidays DE-BY"),
        ("24/7; 2026-12-25 closed", "24/7; 2026-12-25 closed"),
        ("24/7; 2026-12-25: off", "24/7; 2026-12-25 closed"),
        ("24/7; 2026-12-24 9am-noon", "24/7; 2026-12-24 09:00-12:00"),
        (
            "24/7; 2026-12-24 \u2013 2026-12-26 closed",
            "24/7; 2026-12-24 to 2026-12-26 closed",
        ),
        (
            '24/7; 2026-12-24 8-12, 13-17 "Eve; \\"early\\""',
            '24/7; 2026-12-24 08:00-12:00 13:00-17:00 "Eve; \\"early\\""',
        ),
        (
            "holidays US; 24/7; 2026-11-27 open as usual; Sun closed",
            "Mon-Sat 00:00-24:00; holidays US; 2026-11-27 as usual",
        ),
        ("except 2026-03-02 closed; 24/7", "24/7; except 2026-03-02 closed"),
        ("24/7; Exception: 2026-03-02 24 hours", "24/7; except 2026-03-02 00:00-24:00"),
    ],
)
def test_hours_are_read_from_one_text_and_written_as_one(text, canonical):
    value = BusinessHours.parse(text, timezone="America/New_York")
    assert str(value) == canonical
    assert BusinessHours.parse(canonical, timezone="America/New_York") == value


def test_a_text_says_what_the_fields_say():
    text = (
        'Mon-Fri 08:00-17:00; holidays US-CA; 2026-12-24 08:00-12:00 "Eve"; '
        "2026-11-27 as usual; except 2026-12-24 to 2026-12-26 closed"
    )
    assert BusinessHours.parse(text, timezone="America/Los_Angeles") == BusinessHours(
        timezone="America/Los_Angeles",
        weekly="Mon-Fri 08:00-17:00",
        country="US",
        subdivision="CA",
        holidays=[
            Holiday(date="2026-12-24", ranges=["08:00-12:00"], name="Eve"),
            Holiday(date="2026-11-27", closed=False),
        ],
        exceptions=[Holiday(date="2026-12-24", end_date="2026-12-26")],
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'' does not say the ordinary week"),
        ("holidays US", "does not say the ordinary week"),
        ("2026-12-25 closed", "does not say the ordinary week"),
        ("Mon 9-5; holidays US", "business hours 'Mon 9-5': '9-5' does not say morning"),
        ("24/7; 2026-12-25", "'2026-12-25': has no hours"),
        ("24/7; 2026-02-30 closed", "'2026-02-30 closed': date: .* not '2026-02-30'"),
        ("24/7; 2026-12-25 late", "cannot read 'late'"),
        ("24/7; 2026-12-25 Mon 9am-5pm", "cannot read 'mon'"),
        ("24/7; 2026-12-25 9-5", "'2026-12-25 9-5': '9-5' does not say morning"),
        ("24/7; 2026-12-26 to 2026-12-24 closed", "end_date 2026-12-24 is before date 2026-12-26"),
        ("24/7; 2026-12-24 closed; 2026-12-24 9am-5pm", "2026-12-24 is given twice"),
        ("24/7; 25.12.2026 closed", r"cannot read '25\.12\.2026 closed'"),
        ("24/7; holidays US; holidays CA", "'holidays CA' is the second country"),
        ("24/7; holidays XX", "no public holiday calendar for 'XX'"),
        ("24/7; holidays US-ZZ", "no public holiday calendar for 'US-ZZ'"),
        ('24/7; 2026-12-25 closed "Xmas', "cannot read '\"xmas'"),
        ('24/7; 2026-12-25 closed "\\x"', "its name is not written as"),
        ("x" * 32_768, "longer than 32767 characters"),
    ],
)
def test_hours_that_cannot_be_read_show_the_piece(text, message):
    with pytest.raises(InvalidValueError, match=message):
        BusinessHours.parse(text, timezone="UTC")


# The value


dated = st.builds(
    Holiday,
    date=st.dates(dt.date(2020, 1, 1), dt.date(2030, 1, 1)),
    name=st.text(max_size=5),
    ranges=days(),
)


calendars = st.one_of(
    st.just({}), st.fixed_dictionaries({"country": st.just("US"), "public_holidays": days()})
)
all_hours = st.builds(
    lambda calendar, **fields: BusinessHours(**fields, **calendar),
    calendar=calendars,
    timezone=st.sampled_from(ZONES),
    weekly=weeks,
    holidays=st.lists(dated, max_size=3, unique_by=lambda item: item.date),
    exceptions=st.lists(dated, max_size=3, unique_by=lambda item: item.date),
)


@given(all_hours)
def test_hours_read_back_their_text(value):
    assert BusinessHours.parse(str(value), timezone=value.timezone) == value


@given(st.text('0123456789-to:;" \n\\aclosedexp', max_size=60))
def test_any_text_is_read_or_refused(text):
    try:
        value = BusinessHours.parse(f"24/7; {text}", timezone="UTC")
    except InvalidValueError:
        return
    assert BusinessHours.parse(str(value), timezone="UTC") == value


@given(all_hours)
@settings(deadline=None)
def test_json_and_back_is_equal_and_hashes_the_same(value):
    for again in (
        BusinessHours.model_validate(value.model_dump(mode="json")),
        BusinessHours.model_validate(value.model_dump()),
        BusinessHours.model_validate_json(value.model_dump_json()),
        pickle.loads(pickle.dumps(value)),
        copy.deepcopy(value),
    ):
        assert again == value
        assert hash(again) == hash(value)


def test_json_is_the_text_people_write():
    value = hours("Mon-Fri 9am-5pm", holidays=[Holiday(date="2026-12-24", ranges=["9am-noon"])])
    assert value.model_dump(mode="json", exclude_defaults=True) == {
        "timezone": "America/New_York",
        "weekly": "Mon-Fri 09:00-17:00",
        "holidays": [{"date": "2026-12-24", "closed": False, "ranges": ["09:00-12:00"]}],
    }


def test_a_week_may_be_text_or_seven_lists():
    lists = [["09:00-17:00"]] * 5 + [[], []]
    assert hours(lists) == hours(OFFICE) == hours(parse_weekly(OFFICE))


def test_using_a_value_leaves_it_equal_and_a_changed_copy_has_its_own_answers():
    value, untouched = hours(), hours()
    at = local("2026-03-02T12:00")
    assert is_open(value, at)
    assert value == untouched
    assert not is_open(value.model_copy(update={"weekly": parse_weekly("closed")}), at)


def test_answers_stay_the_same_when_many_days_are_asked_in_turn():
    value = hours()
    instants = [local("2026-01-01T12:00") + dt.timedelta(days=n) for n in range(200)]
    expected = [at.weekday() < 5 for at in instants]
    for _ in range(2):
        assert [is_open(value, at) for at in instants] == expected


def test_a_value_that_is_gone_is_not_kept_by_identity():
    gc.collect()
    before = len(timetable._timetables)
    at = local("2026-03-02T12:00")
    is_open(hours(), at)  # compiled, and kept by its equality
    for _ in range(100):
        assert is_open(hours(), at)
    gc.collect()
    assert len(timetable._timetables) <= before + 1


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"timezone": "Mars/Olympus"}, "timezone: 'Mars/Olympus' is not the time zone of a place"),
        ({"timezone": "America"}, "timezone: 'America' is not the time zone of a place"),
        ({"timezone": "../etc/passwd"}, "is not the time zone of a place"),
        ({"timezone": "localtime"}, "timezone: 'localtime' is not the time zone of a place"),
        ({"timezone": "right/UTC"}, "is not the time zone of a place"),
        ({"timezone": ""}, "timezone: '' is not the time zone of a place"),
        ({"weekly": "Mon 9-5"}, "weekly: business hours 'Mon 9-5'"),
        ({"weekly": [[]] * 6}, "is not a week"),
        ({"weekly": 5}, "weekly: 5 is not a week"),
        ({"weekly": [[5]] * 7}, "weekly: Mon: 5 is not a time range"),
        ({"weekly": ["9am-5pm"] * 7}, "is not a list of time ranges"),
        ({"country": "XX"}, "no public holiday calendar for 'XX'"),
        ({"country": "US", "subdivision": "ZZ"}, "no public holiday calendar for 'US-ZZ'"),
        ({"subdivision": "CA"}, "subdivision 'CA' needs a country"),
        ({"public_holidays": ["09:00-12:00"]}, "hours of public holidays need a country"),
        ({"holidays": [{"date": "2026-02-30"}]}, "holidays.0.date: "),
        ({"opening": 9}, "opening: "),
    ],
)
def test_wrong_hours_are_refused_with_the_path(fields, message):
    with pytest.raises(InvalidValueError, match=message):
        hours(**fields)
    with pytest.raises(InvalidValueError, match=message):
        BusinessHours.model_validate({"timezone": "UTC", "weekly": OFFICE, **fields})


def test_all_errors_come_at_once():
    with pytest.raises(InvalidValueError) as caught:
        BusinessHours(timezone="X", weekly="Y", holidays=[{"date": "Z"}])
    assert [problem.path for problem in caught.value.problems] == [
        "timezone",
        "weekly",
        "holidays.0.date",
    ]
    assert caught.value.what == "BusinessHours"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"end_date": "2026-01-01"}, "end_date 2026-01-01 is before date 2026-01-02"),
        ({"closed": True, "ranges": ["9am-5pm"]}, "is closed and has ranges"),
        ({"ranges": ["9am-5pm", "16:00-18:00"]}, "09:00-17:00 and 16:00-18:00 overlap"),
        ({"ranges": "9am-5pm"}, "is not a list of time ranges"),
    ],
)
def test_a_wrong_holiday_is_refused(fields, message):
    with pytest.raises(InvalidValueError, match=message):
        Holiday(date="2026-01-02", **fields)


def test_a_broken_json_document_is_refused():
    with pytest.raises(InvalidValueError):
        BusinessHours.model_validate_json("{")


def test_values_are_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        hours().timezone = "UTC"


def test_the_next_opening_is_remembered_and_right_all_the_same():
    """Asked in random order around closings and openings, warm as cold."""
    rng = random.Random(20260305)
    for _ in range(20):
        timezone = rng.choice(ZONES)
        value = random_hours(rng, timezone, step=15)
        start = random_instant(rng, timezone)
        instants = [start + dt.timedelta(minutes=rng.randrange(-7200, 7200)) for _ in range(40)]
        warm = [next_opening(value, at) for at in instants]
        cold = []
        for at in instants:
            timetable._compiled.cache_clear()
            timetable._timetables.clear()
            cold.append(next_opening(value, at))
        assert [item and item.astimezone(UTC) for item in warm] == [
            item and item.astimezone(UTC) for item in cold
        ]


def test_a_warm_answer_costs_microseconds():
    """A guard against time zone arithmetic on every call (some 80 us), not a benchmark."""
    value = hours(country="US", holidays=[Holiday(date="2026-12-24")])
    at = local("2026-03-02T12:00")
    is_open(value, at)
    best_s = min(_time_of_1000(value, at) for _ in range(20)) / 1000
    assert best_s < 20e-6


def _time_of_1000(value, at):
    begin = time.process_time()
    for _ in range(1000):
        is_open(value, at)
    return time.process_time() - begin

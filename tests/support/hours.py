"""A slow oracle of open and closed, and strategies for business hours."""

from __future__ import annotations

import datetime as dt
from functools import cache
from zoneinfo import ZoneInfo

import holidays as calendars

from routing_engine.hours import BusinessHours, Holiday, TimeRange

UTC = dt.UTC
ZONES = [
    "Africa/Cairo", "Africa/Casablanca", "Africa/Johannesburg", "America/Anchorage",
    "America/Argentina/Buenos_Aires", "America/Chicago", "America/Denver", "America/Havana",
    "America/Halifax", "America/Los_Angeles", "America/Mexico_City", "America/New_York",
    "America/Phoenix", "America/Santiago", "America/Sao_Paulo", "America/St_Johns",
    "America/Asuncion", "Antarctica/Troll", "Asia/Amman", "Asia/Beirut", "Asia/Gaza",
    "Asia/Jerusalem", "Asia/Kathmandu", "Asia/Kolkata", "Asia/Tehran", "Asia/Tokyo",
    "Atlantic/Azores", "Australia/Adelaide", "Australia/Eucla", "Australia/Lord_Howe",
    "Australia/Sydney", "Europe/Berlin", "Europe/Dublin", "Europe/Lisbon", "Europe/London",
    "Europe/Moscow", "Pacific/Apia", "Pacific/Auckland", "Pacific/Chatham", "Pacific/Easter",
    "Pacific/Kiritimati", "Pacific/Norfolk", "UTC",
]  # fmt: skip
FIRST, LAST = dt.datetime(2017, 1, 1, tzinfo=UTC), dt.datetime(2027, 1, 1, tzinfo=UTC)
MINUTE = dt.timedelta(minutes=1)


@cache
def clock_changes(name):
    """Find the hours of ten years at which a zone's offset changed, by checking each hour."""
    zone = ZoneInfo(name)
    found = []
    at, offset = FIRST, FIRST.astimezone(zone).utcoffset()
    while at < LAST:
        at += dt.timedelta(hours=1)
        now = at.astimezone(zone).utcoffset()
        if now != offset:
            found.append(at)
        offset = now
    return found


@cache
def public_holidays(country, subdivision):
    return calendars.country_holidays(country, subdiv=subdivision, years=range(2016, 2029))


def oracle_ranges(value, date):
    for item in (*value.exceptions, *value.holidays):
        if item.date <= date <= (item.end_date or item.date):
            if item.closed:
                return ()
            return item.ranges or value.weekly[date.weekday()]
    if value.country is not None and date in public_holidays(value.country, value.subdivision):
        return value.public_holidays
    return value.weekly[date.weekday()]


def oracle_is_open(value, at):
    """Decide by local time; near a clock change, open if open both before and after.

    Looks at whole minutes, since every range and every change is at one.
    """
    zone = ZoneInfo(value.timezone)
    at = at.astimezone(UTC).replace(second=0, microsecond=0)

    def wall(minute):
        return minute.astimezone(zone).replace(tzinfo=None)

    now = wall(at)
    near = dt.timedelta(hours=3)  # no clock here goes back by more than two
    is_plain = len({(at + shift).astimezone(zone).utcoffset() for shift in (-near, near)}) == 1
    around = [now] if is_plain else [wall(at + MINUTE * k) for k in range(-180, 181)]
    here = 0 if is_plain else 180
    for back in (-1, 0, 1):
        date = now.date() - dt.timedelta(days=back)
        midnight = dt.datetime.combine(date, dt.time())
        for item in oracle_ranges(value, date):
            start = midnight + item.start_minute * MINUTE
            end = midnight + item.end_minute * MINUTE
            if is_plain:
                if start <= now < end:
                    return True
                continue
            began = any(start <= w < end for w in around[: here + 1])
            goes_on = any(start <= w < end for w in around[here:]) or end in around[here + 1 :]
            if began and goes_on:
                return True
    return False


def random_ranges(rng, step):
    edges = sorted(rng.sample(range(0, 1440 + 600, step), 2 * rng.choice([0, 1, 1, 1, 2, 2, 3])))
    pairs = list(zip(edges[::2], edges[1::2], strict=True))
    if rng.random() < 0.1:
        return (TimeRange(0, 1440),)
    return tuple(TimeRange(a, b) for a, b in pairs if a < 1440 and b - a < 1440)


def random_dates(rng, n, step):
    """Dates that do not overlap."""
    found = []
    date = FIRST.date()
    for _ in range(n):
        date += dt.timedelta(days=rng.randrange(1, 2 * 3650 // n))
        end = date + dt.timedelta(days=rng.choice([0, 0, 1, 5]))
        kind = rng.choice(
            [{"closed": True}, {"closed": False}, {"ranges": random_ranges(rng, step)}]
        )
        found.append(
            Holiday(date=date, end_date=rng.choice([end, end if end > date else None]), **kind)
        )
        date = end
    return found


def random_hours(rng, timezone, step):
    country, subdivision = rng.choice([(None, None), ("US", "CA"), ("DE", "BY"), ("JP", None)])
    return BusinessHours(
        timezone=timezone,
        weekly=[random_ranges(rng, step) for _ in range(7)],
        holidays=random_dates(rng, rng.choice([0, 40, 400]), step),
        exceptions=random_dates(rng, rng.choice([0, 40, 400]), step),
        country=country,
        subdivision=subdivision,
        public_holidays=() if country is None or rng.random() < 0.5 else random_ranges(rng, step),
    )


def random_instant(rng, timezone):
    changes = clock_changes(timezone)
    if changes and rng.random() < 0.3:
        return rng.choice(changes) + dt.timedelta(seconds=rng.uniform(-5 * 3600, 4 * 3600))
    return FIRST + (LAST - FIRST) * rng.random()

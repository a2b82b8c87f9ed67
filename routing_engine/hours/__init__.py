"""Business hours: what they are, how they are written, and whether it is open now.

Internal: may change in any release. Use what ``routing_engine`` exports.
"""

from __future__ import annotations

from routing_engine.hours.languages import says_closed
from routing_engine.hours.model import BusinessHours, Holiday
from routing_engine.hours.ranges import TimeRange
from routing_engine.hours.timetable import (
    HORIZON_DAYS,
    is_open,
    moment_of,
    next_closing,
    next_opening,
)
from routing_engine.hours.weekly import (
    Weekly,
    days_named,
    format_weekly,
    odd_ranges,
    parse_weekly,
)
from routing_engine.hours.zones import is_zone, meant_zone

__all__ = [
    "HORIZON_DAYS",
    "BusinessHours",
    "Holiday",
    "TimeRange",
    "Weekly",
    "days_named",
    "format_weekly",
    "is_open",
    "is_zone",
    "meant_zone",
    "moment_of",
    "next_closing",
    "next_opening",
    "odd_ranges",
    "parse_weekly",
    "says_closed",
]

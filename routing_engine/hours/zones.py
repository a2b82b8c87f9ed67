"""Names of time zones: which exist, and what an invalid name probably means."""

from __future__ import annotations

import re
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

__all__ = ["is_zone", "meant_zone"]

_PLACES: Final = {
    "est": "America/New_York", "edt": "America/New_York", "et": "America/New_York",
    "cst": "America/Chicago", "cdt": "America/Chicago", "ct": "America/Chicago",
    "mst": "America/Denver, or America/Phoenix, which has no summer time",
    "mdt": "America/Denver", "mt": "America/Denver",
    "pst": "America/Los_Angeles", "pdt": "America/Los_Angeles", "pt": "America/Los_Angeles",
    "akst": "America/Anchorage", "akdt": "America/Anchorage", "hst": "Pacific/Honolulu",
    "ast": "America/Halifax", "adt": "America/Halifax", "nst": "America/St_Johns",
    "gmt": "Europe/London", "gmt0": "Europe/London", "greenwich": "Europe/London",
    "bst": "Europe/London", "ist": "Asia/Kolkata, or Europe/Dublin", "cest": "Europe/Berlin",
    "mez": "Europe/Berlin", "mesz": "Europe/Berlin", "eest": "Europe/Athens", "west": "Europe/Lisbon",
    "msk": "Europe/Moscow", "trt": "Europe/Istanbul", "sast": "Africa/Johannesburg",
    "wat": "Africa/Lagos", "eat": "Africa/Nairobi", "gst": "Asia/Dubai", "pkt": "Asia/Karachi",
    "npt": "Asia/Kathmandu", "bdt": "Asia/Dhaka", "ict": "Asia/Bangkok", "wib": "Asia/Jakarta",
    "sgt": "Asia/Singapore", "hkt": "Asia/Hong_Kong", "jst": "Asia/Tokyo", "kst": "Asia/Seoul",
    "awst": "Australia/Perth", "acst": "Australia/Adelaide", "acdt": "Australia/Adelaide",
    "aest": "Australia/Sydney, or Australia/Brisbane, which has no summer time",
    "aedt": "Australia/Sydney", "nzst": "Pacific/Auckland", "nzdt": "Pacific/Auckland",
    "brt": "America/Sao_Paulo", "art": "America/Argentina/Buenos_Aires", "clt": "America/Santiago",
    "cot": "America/Bogota", "pet": "America/Lima",
    "eastern": "America/New_York", "central": "America/Chicago", "mountain": "America/Denver",
    "pacific": "America/Los_Angeles", "w. europe": "Europe/Berlin", "romance": "Europe/Paris",
    "central europe": "Europe/Budapest", "central european": "Europe/Warsaw", "gmb": "Europe/London",
    "e. europe": "Europe/Chisinau", "gtb": "Europe/Bucharest", "fle": "Europe/Helsinki",
    "aus eastern": "Australia/Sydney", "india": "Asia/Kolkata", "nepal": "Asia/Kathmandu",
    "new zealand": "Pacific/Auckland", "china": "Asia/Shanghai", "tokyo": "Asia/Tokyo",
    "arizona": "America/Phoenix", "hawaii": "Pacific/Honolulu", "alaska": "America/Anchorage",
}  # fmt: skip
MAX_NAME: Final = 200
"""Characters of a name that are looked at for what was meant."""

_OFFSET: Final = re.compile(r"(?:utc|gmt)?\s*[+\-\u2212]\s*(\d{1,2})(?::?(\d\d))?", re.IGNORECASE)
_COMMON_WORDS: Final = re.compile(
    r"\b(?:standard|daylight|summer)?\s*time\b|\(.*?\)|\bus &.*", re.I
)
# Places without summer time are named for a place; these are named for an offset, and have one
# spelling that says so.
_FIXED: Final = {
    "EST": "Etc/GMT+5", "MST": "Etc/GMT+7", "HST": "Etc/GMT+10",
    **dict.fromkeys(("GMT", "GMT0", "GMT+0", "GMT-0", "Greenwich"), "Etc/GMT"),
}  # fmt: skip


def is_zone(name: str) -> bool:
    """Whether a name is a time zone; the answer is the same on every machine."""
    # These lie beside the zones, but are this machine's own zone, or count leap seconds.
    if name in ("localtime", "posixrules", "Factory") or name.startswith(("posix/", "right/")):
        return False
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def meant_zone(name: str) -> str | None:
    """Suggest a zone for an invalid name, or for one without daylight saving rules.

    ``UTC`` and ``Etc/GMT+5`` (five hours behind: the sign is that of POSIX) are fixed on purpose.
    Names such as ``EST5EDT`` and ``CET`` have summer time, and are zones to take.

    Returns:
        Advice to end a message with; None where the name is a zone to take.
    """
    if is_zone(name) and name not in _FIXED:
        return None
    folded = " ".join(name[:MAX_NAME].casefold().split())
    offset = _OFFSET.fullmatch(folded)
    if offset is not None:
        sign = "-" if "+" in folded else "+"  # Etc/GMT-1 is one hour ahead
        is_whole = not offset[2] or offset[2] == "00"
        fixed = f", or Etc/GMT{sign}{int(offset[1])} if it is fixed on purpose" if is_whole else ""
        return f"an offset does not change in summer: give the place, such as Europe/Berlin{fixed}"
    short = " ".join(_COMMON_WORDS.sub("", folded).split())
    place = _PLACES.get(folded) or _PLACES.get(short) or _cities().get(short.replace(" ", "_"))
    if place is None:
        return "give an IANA name such as America/New_York"
    fixed = f", or {_FIXED[name]} if it is fixed on purpose" if name in _FIXED else ""
    return f"give the place that is meant: {place}{fixed}"


@cache
def _cities() -> dict[str, str]:
    """Map the last part of each zone's name, a city, to the zone."""
    return {zone.rpartition("/")[2].casefold(): zone for zone in sorted(available_timezones())}

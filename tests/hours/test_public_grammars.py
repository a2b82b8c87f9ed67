"""Hours as maps, search engines and web sites write them, and names of time zones."""

from __future__ import annotations

import pytest

from routing_engine import Location
from routing_engine.errors import InvalidValueError
from routing_engine.hours import BusinessHours, meant_zone, odd_ranges, parse_weekly
from routing_engine.validation import as_kept


def read(text, country="DE"):
    return str(BusinessHours.parse(text, timezone="Europe/Berlin", country=country))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mo-Fr 08:00-18:00; Sa 09:00-12:00; PH off",
         "Mon-Fri 08:00-18:00; Sat 09:00-12:00; holidays DE"),
        ("Mo-Fr 08:00-18:00; Su,PH off", "Mon-Fri 08:00-18:00; holidays DE"),
        ("Mo-Fr 08:00-18:00; PH,Su off", "Mon-Fri 08:00-18:00; holidays DE"),
        ("Mo-Sa 08:00-20:00, PH off", "Mon-Sat 08:00-20:00; holidays DE"),
        ("Mo-Su,PH 10:00-20:00", "daily 10:00-20:00"),
        ("24/7", "24/7"),
        ("Mo-Su 00:00-24:00", "24/7"),
        ("Mo-Fr 08:00-12:00,13:00-17:00", "Mon-Fri 08:00-12:00 13:00-17:00"),
        ("Mo,We,Fr 09:00-12:00; Tu,Th 14:00-18:00",
         "Mon, Wed, Fri 09:00-12:00; Tue, Thu 14:00-18:00"),
        ("Mo-Su 09:00-18:00; We 09:00-13:00", "Mon-Tue, Thu-Sun 09:00-18:00; Wed 09:00-13:00"),
        ("Mo-Su 09:00-18:00; Su off", "Mon-Sat 09:00-18:00"),
        ("Mo-Su off; Sa 10:00-12:00", "Sat 10:00-12:00"),
        ("Mo-Fr 08:00-12:00, We 14:00-18:00",
         "Mon-Tue, Thu-Fri 08:00-12:00; Wed 08:00-12:00 14:00-18:00"),
        ("Fr-Sa 18:00-02:00", "Fri-Sat 18:00-02:00"),
        ("Tu-Su 11:30-14:30,17:30-23:00", "Tue-Sun 11:30-14:30 17:30-23:00"),
        # schema.org
        ("Mo-Sa 11:00-14:30, Mo-Th 17:00-21:30",
         "Mon-Thu 11:00-14:30 17:00-21:30; Fri-Sat 11:00-14:30"),
        ("Monday,Tuesday 09:00-17:00", "Mon-Tue 09:00-17:00"),
        # Google
        ("Monday: 1:00 – 5:00 PM", "Mon 13:00-17:00"),
        ("Monday: 9:00\u202fAM\u2009–\u20095:00\u202fPM", "Mon 09:00-17:00"),
        ("Monday: 9:00 AM – 12:00 PM, 1:00 – 5:00 PM", "Mon 09:00-12:00 13:00-17:00"),
        ("Monday: 8:00 – 11:30 AM", "Mon 08:00-11:30"),
        ("Monday: 9:30 AM – 10:00 PM\nTuesday: Closed\nWednesday: Open 24 hours",
         "Mon 09:30-22:00; Wed 00:00-24:00"),
        ("Saturday: 6:00 PM – 2:00 AM", "Sat 18:00-02:00"),
        # as people write
        ("Mon–Fri 8:30 a.m. to 5 p.m.", "Mon-Fri 08:30-17:00"),
        ("Monday to Friday 9am to 5:30pm; Saturday 10am to 4pm",
         "Mon-Fri 09:00-17:30; Sat 10:00-16:00"),
        ("Mo-Do 8:00-17:00 Uhr, Fr 8:00-15:00 Uhr", "Mon-Thu 08:00-17:00; Fri 08:00-15:00"),
        ("Montag bis Freitag von 9:00 bis 18:30 Uhr; Samstag geschlossen",
         "Mon-Fri 09:00-18:30"),
        ("lundi-vendredi 9h-18h30", "Mon-Fri 09:00-18:30"),
        ("täglich 07:00-22:00", "daily 07:00-22:00"),
        ("Lunes a viernes", None),
    ],
)  # fmt: skip
def test_public_ways_to_write_hours_are_read(text, expected):
    if expected is None:
        with pytest.raises(InvalidValueError):
            read(text)
        return
    assert read(text) == expected
    assert read(read(text)) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Apr-Oct Mo-Fr 09:00-18:00", "months cannot be read"),
        ("Mo-Fr 09:00-18:00; Jan-Mar off", "months cannot be read"),
        ("Dec 24 off; 24/7", "months cannot be read"),
        ("week 1-52/2 Mo 09:00-12:00", "weeks of the year cannot be read"),
        ("Mo-Fr 09:00-18:00; easter off", "Easter cannot be read"),
        ("Mo-Su sunrise-sunset", "sunrise and sunset cannot be read"),
        ("Mo[1] 09:00-12:00", "days of the month, such as the first Monday, cannot be read"),
        ("Mo-Fr 09:00-17:00 || by appointment", "cannot be read"),
        ("Mo-Fr 18:00+", "open ends"),
        ("Mo-Fr 09:00-17:00; SH off", "school holidays"),
        ("PH 10:00-14:00", "say the ordinary week too"),
        ("Sa-Do 10:00-14:00", "'Mon-Thu, Sat-Sun 10:00-14:00' in German and as 'Sat-Sun"),
        ("So 10:00-14:00", "is read as 'Sun 10:00-14:00' in German and as 'Sat"),
        ("Mon 8-11pm", "does not say morning"),
    ],
)
def test_what_is_not_read_is_named(text, message):
    with pytest.raises(InvalidValueError) as caught:
        read(text)
    assert message in str(caught.value)


def test_public_holidays_need_a_country():
    with pytest.raises(InvalidValueError, match="whose public holidays are meant"):
        read("Mo-Fr 09:00-17:00; PH off", country=None)
    assert read("Mo-Fr 09:00-17:00; PH off; holidays AT", country=None).endswith("holidays AT")


@pytest.mark.parametrize(
    ("text", "odd"),
    [
        ("Mon 9am-5pm", []), ("Fri 18:00-02:00", []), ("24/7", []), ("Mon 06:00-22:00", []),
        ("Mon 05:00-23:00", ["Mon 05:00-23:00"]), ("Tue 09:00-05:00", ["Tue 09:00-05:00"]),
        ("Wed 17:00-09:00", ["Wed 17:00-09:00"]), ("Thu 22:00-06:00", []),
    ],
)  # fmt: skip
def test_hours_that_may_be_mistyped_are_named(text, odd):
    assert odd_ranges(parse_weekly(text)) == odd


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("EST", "America/New_York"), ("MST", "America/Denver, or America/Phoenix"),
        ("HST", "Pacific/Honolulu"), ("PST", "America/Los_Angeles"), ("CDT", "America/Chicago"),
        ("GMT", "Europe/London, or Etc/GMT"), ("BST", "Europe/London"), ("CEST", "Europe/Berlin"),
        ("IST", "Asia/Kolkata, or Europe/Dublin"), ("AEST", "Australia/Sydney"),
        ("JST", "Asia/Tokyo"), ("NPT", "Asia/Kathmandu"), ("CLT", "America/Santiago"),
        ("GMT+1", "Etc/GMT-1"), ("UTC+01:00", "Etc/GMT-1"), ("-5", "Etc/GMT+5"),
        ("UTC+5:45", "give the place"), ("+0200", "Etc/GMT-2"), ("GMT-8", "Etc/GMT+8"),
        ("Eastern Standard Time", "America/New_York"), ("Eastern Time (US & Canada)", "America/New_York"),
        ("W. Europe Standard Time", "Europe/Berlin"), ("Pacific", "America/Los_Angeles"),
        ("Berlin", "Europe/Berlin"), ("new york", "America/New_York"), ("Nowhere", "an IANA name"),
    ],
)  # fmt: skip
def test_a_zone_without_rules_for_summer_names_the_place_that_is_meant(name, place):
    assert place in (meant_zone(name) or "")


NOT_A_PLACE = (
    "EST", "MST", "HST", "GMT", "GMT0", "GMT+0", "GMT-0", "Greenwich", "GMT+1", "GMT+01:00", "UTC-5",
    "UTC+05:30", "+0200", "-08:00", "PST", "CEST", "AEST", "Eastern Standard Time", "Berlin",
    "posixrules", "", "America/Nowhere",
)  # fmt: skip
PLACES = (
    "America/New_York", "America/Phoenix", "Asia/Kolkata", "Pacific/Honolulu", "US/Eastern", "CET",
    "EST5EDT", "PST8PDT", "UTC", "Etc/UTC", "Etc/GMT", "Etc/GMT+5", "Etc/GMT-10",
)  # fmt: skip


@pytest.mark.parametrize("name", PLACES)
def test_places_and_zones_that_are_fixed_on_purpose_are_taken(name):
    assert meant_zone(name) is None
    hours = BusinessHours(timezone=name, weekly="24/7")
    location = Location(
        location_id="s1", default_destination="+14155550100", timezone=name, business_hours=hours
    )
    assert location.timezone == location.business_hours.timezone == name


@pytest.mark.parametrize("name", NOT_A_PLACE)
def test_hours_and_locations_refuse_what_a_sheet_refuses(name):
    advice = meant_zone(name)
    assert advice is not None
    for make in (
        lambda: BusinessHours(timezone=name, weekly="24/7"),
        lambda: BusinessHours.parse("Mon-Fri 09:00-17:00", timezone=name),
        lambda: Location(location_id="s1", default_destination="+14155550100", timezone=name),
        lambda: Location(
            location_id="s1",
            default_destination="+14155550100",
            business_hours={"timezone": name, "weekly": "24/7"},
        ),
    ):
        with pytest.raises(InvalidValueError) as caught:
            make()
        assert advice.removeprefix("give an IANA name such as ") in str(caught.value)


@pytest.mark.parametrize(
    ("name", "fixed"),
    [("EST", "Etc/GMT+5"), ("MST", "Etc/GMT+7"), ("HST", "Etc/GMT+10"), ("Greenwich", "Etc/GMT"),
     ("GMT+1", "Etc/GMT-1"), ("UTC-5", "Etc/GMT+5")],
)  # fmt: skip
def test_an_offset_has_one_spelling_that_says_that_it_is_meant(name, fixed):
    assert f"or {fixed} if it is fixed on purpose" in meant_zone(name)
    assert meant_zone(fixed) is None


def test_hours_that_were_stored_in_a_zone_that_is_refused_today_are_still_read():
    with as_kept():
        stored = BusinessHours(timezone="EST", weekly="24/7")
    assert stored.timezone == "EST"


@pytest.mark.parametrize("hours", ["off", "10:00-14:00"])
def test_whose_public_holidays_are_meant_has_to_be_known(hours):
    with pytest.raises(InvalidValueError, match="whose public holidays are meant by PH"):
        BusinessHours.parse(f"Mo-Fr 09:00-17:00; PH {hours}", timezone="UTC")

"""Hypothesis strategies and plain constructors for the domain's values."""

from __future__ import annotations

import datetime as dt
import string

from hypothesis import strategies as st

from routing_engine import (
    BusinessHours,
    ContextRule,
    Destination,
    HashingEncoder,
    Holiday,
    Location,
)
from routing_engine.catalog.columns import LocationColumns
from routing_engine.model.destinations import DEFAULT_DIAL_POLICY

WORDS = (
    *("billing", "charge", "invoice", "refund", "urgent", "leak", "flood", "booking", "cancel"),
    *("quote", "repair", "warranty", "manager", "complaint", "job", "hours", "parts", "delivery"),
    *("voicemail", "password", "account", "outage", "install", "estimate", "permit", "technician"),
)

AREAS = ("415", "212", "303", "312", "512", "602", "702", "713", "206", "617")

TIMEZONES = ("America/New_York", "America/Los_Angeles", "Europe/London", "UTC")


def number(n: int) -> str:
    """Return a valid North American number, a different one for each n in [0, 9,999,999]."""
    area, rest = divmod(n, 1_000_000)
    return f"+1{AREAS[area]}5{rest:06d}"


def a_rule(
    label: str = "Billing", destination: str | None = "+14155550111", **fields
) -> ContextRule:
    """Build a rule; ``when`` follows from the label unless it is given."""
    fields.setdefault("when", f"caller asks about {label.lower()}")
    return ContextRule(label=label, destination=destination, **fields)


def a_location(location_id: str = "store-1", *rules: ContextRule, **fields) -> Location:
    """Build a location; its default destination is +14155550100 unless it is given."""
    fields.setdefault("default_destination", "+14155550100")
    return Location(location_id=location_id, rules=rules, **fields)


class FakeEncoder:
    """An encoder that answers by a function and records its calls."""

    def __init__(self, answer, *, dimension: int = 8) -> None:
        self.answer = answer
        self.dimension = dimension
        self.fingerprint = f"fake-{dimension}"
        self.calls: list[list[str]] = []

    def encode(self, texts):
        self.calls.append(list(texts))
        return self.answer(texts)


class SwitchableEncoder(HashingEncoder):
    """A hashing encoder that fails once ``failure`` is set."""

    failure = None

    def encode(self, texts):
        if self.failure is not None:
            return self.failure(texts)
        return super().encode(texts)


_VALID_NUMBERS = st.one_of(
    st.integers(0, 9_999_999).map(number),
    st.integers(0, 99_999).map(lambda n: f"+4420794{n:05d}"),
    st.sampled_from(
        ("+442079460958", "+18005550199", "+390612345678", "+4930123456", "+61291234567")
    ),
)
extensions = st.text(string.digits, min_size=1, max_size=11)
_sip_users = st.text(string.ascii_letters + string.digits + "-_.!~*'()&=+$,/", max_size=12)
_labels = st.from_regex(r"[a-z0-9]([a-z0-9\-]{0,10}[a-z0-9])?", fullmatch=True)
_hosts = st.one_of(
    st.lists(_labels, min_size=1, max_size=3).map(lambda labels: ".".join([*labels, "example"])),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(lambda address: f"[{address}]"),
)


@st.composite
def sip_uris(draw) -> str:
    """SIP and SIPS URIs in canonical form."""
    user = draw(_sip_users)
    port = draw(st.none() | st.integers(1, 65535))
    parameters = draw(st.sampled_from(("", ";transport=tls", ";lr;user=phone")))
    return (
        f"{draw(st.sampled_from(('sip', 'sips')))}:{f'{user}@' if user else ''}{draw(_hosts)}"
        f"{'' if port is None else f':{port}'}{parameters}"
    )


destinations = st.one_of(
    _VALID_NUMBERS.map(lambda number: Destination(number=number)),
    st.builds(Destination, _VALID_NUMBERS, extensions),
    # The dial policy reads a number in a user, and refuses what is none.
    sip_uris()
    .map(lambda uri: Destination(sip_uri=uri))
    .filter(lambda destination: DEFAULT_DIAL_POLICY.refusal(destination) is None),
)
keys = st.from_regex(r"p{0,4}[0-9*#]{0,3}[0-9*#](p{1,3}[0-9*#]{1,3}){0,2}", fullmatch=True).filter(
    lambda text: any(map(str.isdigit, text))
)
any_destinations = destinations | st.builds(Destination, _VALID_NUMBERS, keys)
"""With pauses and keys too, which not every way of transferring can send."""

sentences = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join)
texts = st.one_of(
    sentences,
    st.text(
        st.characters(exclude_categories=("C", "Z")),
        min_size=1,
        max_size=20,
    ),
)
thresholds = st.none() | st.sampled_from((0.0, 0.25, 0.5, 1.0))


def rule_texts(text, threshold=thresholds) -> dict[str, st.SearchStrategy]:
    """A strategy for each field of a rule's text.

    Rules for speakers of a language are left to whom it concerns: the engine needs a model to tell
    languages apart.

    Args:
        text: what people write into a cell.
        threshold: of the rule.
    """
    listed = st.lists(text, max_size=2).map(tuple)
    return {
        "label": text,
        "when": text,
        "examples": st.lists(text, max_size=3).map(tuple),
        "threshold": threshold,
        "hours": st.sampled_from((None, "always", "open", "closed")),
        "requires_verification": st.booleans(),
        "requires_confirmation": st.booleans(),
        "action": st.sampled_from(("transfer", "transfer", "transfer", "contain")),
        "enabled": st.booleans(),
        "languages": st.just(()),
        "required_details": listed,
        "verification_methods": listed,
        "ring_timeouts_s": st.lists(st.integers(5, 300), max_size=3).map(tuple),
        "urgent": st.booleans(),
    }


_RULE_TEXTS = rule_texts(texts)


def rules(
    fields=_RULE_TEXTS, destination=any_destinations, **other
) -> st.SearchStrategy[ContextRule]:
    """Context rules of every kind.

    Args:
        fields: a strategy for each field of the text.
        destination: where the rule sends the caller.
        other: strategies instead of those of ``fields``.
    """
    texts = st.fixed_dictionaries({**fields, **other})
    at_times, fallback = st.none() | destination, st.lists(destination, max_size=2).map(tuple)

    @st.composite
    def one(draw) -> ContextRule:
        text = draw(texts)
        text["urgent"] &= text["action"] == "transfer"  # a rule that contains cannot be urgent
        number = draw(destination if text["action"] == "transfer" else at_times)
        return ContextRule(**text, destination=number, fallback=draw(fallback))

    return one()


_dated = st.builds(
    Holiday,
    date=st.dates(dt.date(2020, 1, 1), dt.date(2030, 1, 1)),
    name=st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=5),
    ranges=st.sampled_from(((), ("08:00-12:00",), ("08:00-12:00", "22:00-02:00"))),
)


_dates = st.lists(_dated, max_size=2, unique_by=lambda item: item.date)


def business_hours(timezone) -> st.SearchStrategy[BusinessHours]:
    """Business hours of every kind."""
    return st.builds(
        BusinessHours,
        timezone=timezone,
        weekly=st.sampled_from(
            (
                *("24/7", "closed", "Mon-Fri 08:00-17:00"),
                "Mon, Wed 08:00-12:00 13:00-17:00; Sat 22:00-02:00",
            )
        ),
        holidays=_dates,
        exceptions=_dates,
        country=st.sampled_from((None, None, "US")),
    )


_ids = st.one_of(
    st.integers(0, 99_999).map(lambda n: f"store-{n:05d}"),
    st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=12),
)


_RULES = rules()


def locations(
    location_id=_ids, rule=_RULES, text=texts, destination=any_destinations, threshold=thresholds
) -> st.SearchStrategy[Location]:
    """Locations of nought to four rules."""
    some = st.lists(rule, max_size=4, unique_by=lambda rule: rule.when.casefold()).map(tuple)
    zones = st.none() | st.sampled_from(TIMEZONES)
    names, after_hours = st.none() | text, st.none() | destination
    hours = {zone: st.none() | business_hours(st.just(zone)) for zone in TIMEZONES}
    hours[None] = st.none()

    @st.composite
    def one(draw) -> Location:
        timezone = draw(zones)
        return Location(
            location_id=draw(location_id),
            default_destination=draw(destination),
            rules=draw(some),
            name=draw(names),
            timezone=timezone,
            threshold=draw(threshold),
            business_hours=draw(hours[timezone]),
            after_hours=draw(after_hours),
        )

    return one()


_lines = st.one_of(
    _VALID_NUMBERS,
    st.from_regex(r"[a-z*=_.!~)&$/-]([A-Za-z0-9\-_.!~*'()&=+$/]{0,7}[A-Za-z0-9])?", fullmatch=True),
    st.from_regex(r"[0-9]{1,6}", fullmatch=True),
)


@st.composite
def with_lines(draw, lists) -> list[Location]:
    """Lists of locations with up to two lines each, no line twice."""
    made: list[Location] = draw(lists)
    lines = draw(st.lists(_lines, max_size=2 * len(made), unique=True))
    return [
        location.model_copy(update={"lines": tuple(lines[2 * i : 2 * i + 2])})
        for i, location in enumerate(made)
    ]


location_lists = st.lists(locations(), max_size=4, unique_by=lambda item: item.location_id)


def compiled(*made: Location) -> LocationColumns:
    """Locations as columns."""
    return LocationColumns.from_locations(made)

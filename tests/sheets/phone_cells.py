"""Cells of real kinds: what is no phone number, two numbers, and numbers as people write them."""

from __future__ import annotations

import datetime as dt
import random
import re
import uuid
from collections.abc import Iterator
from string import ascii_lowercase, ascii_uppercase, digits

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType

REGIONS = (
    "US", "CA", "GB", "IE", "DE", "AT", "CH", "FR", "BE", "NL", "LU", "ES", "PT", "IT", "DK", "SE",
    "NO", "FI", "IS", "PL", "CZ", "SK", "HU", "RO", "BG", "GR", "HR", "RS", "SI", "UA", "RU", "KZ",
    "TR", "IL", "AE", "SA", "EG", "MA", "ZA", "NG", "KE", "IN", "PK", "BD", "NP", "LK", "CN", "HK",
    "TW", "JP", "KR", "SG", "MY", "TH", "VN", "ID", "PH", "AU", "NZ", "BR", "MX", "AR", "CL", "CO",
    "PE", "CR", "GT", "UY",
)  # fmt: skip
"""Sixty-eight countries of every shape of numbering plan."""


def _number(rng: random.Random, n: int) -> str:
    return "".join(rng.choices(digits, k=n))


def _decimal(rng: random.Random) -> str:
    value = rng.uniform(-180, 180) if rng.random() < 0.7 else rng.uniform(-1e6, 1e6)
    text = f"{value:{rng.choice(('', '+'))}.{rng.randint(1, 15)}f}"
    return text.replace(".", ",") if rng.random() < 0.2 else text


def _date(rng: random.Random) -> str:
    day = dt.date(1950, 1, 1) + dt.timedelta(days=rng.randrange(36_500))
    form = rng.choice((
        "%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d-%m-%Y", "%Y/%m/%d", "%Y.%m.%d",
        "%d.%m.%y", "%m/%d/%y", "%Y%m%d", "%d %m %Y", "%b %d, %Y", "%d %B %Y", "%d-%b-%Y",
        "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%d.%m.%Y %H:%M", "%Y-%m-%d 00:00:00",
    ))  # fmt: skip
    return day.strftime(form)


def _money(rng: random.Random) -> str:
    amount = rng.choice((rng.randint(1, 999), rng.randint(1000, 9_999_999))) + rng.random()
    form = rng.choice((
        "${:,.2f}", "{:,.2f} USD", "€{:.2f}", "{:.2f} €", "£{:,.0f}", "{:,.2f}", "{:.2f}",
        "CHF {:.2f}", "{:.0f} kr", "₹{:,.0f}", "R$ {:.2f}", "-{:.2f}", "({:,.2f})", "{:,.2f} zł",
        "EUR {:,.0f}", "{:.2f}%",
    ))  # fmt: skip
    text = form.format(amount)
    return text.translate(str.maketrans(",.", ".,")) if rng.random() < 0.3 else text


def _identifier(rng: random.Random) -> str:
    letters = "".join(rng.choices(ascii_uppercase, k=rng.randint(1, 4)))
    n = _number
    return rng.choice((
        f"{letters}-{n(rng, rng.randint(3, 8))}", f"{letters}{n(rng, rng.randint(3, 10))}",
        n(rng, rng.randint(1, 6)).lstrip("0") or "7",
        f"#{n(rng, rng.randint(3, 6))}", f"No. {n(rng, 4)}",
        f"{n(rng, 3)}.{n(rng, 3)}.{n(rng, 3)}-{n(rng, 2)}", f"{n(rng, 3)}-{n(rng, 2)}-{n(rng, 4)}",
        f"{n(rng, 2)}.{n(rng, 3)}.{n(rng, 3)}/0001-{n(rng, 2)}",
        f"1{n(rng, 1)}.{n(rng, 3)}.{n(rng, 3)}-{rng.choice('0123456789K')}",
        f"978-{n(rng, 1)}-{n(rng, 2)}-{n(rng, 6)}-{n(rng, 1)}",
        f"{n(rng, 4)} {n(rng, 4)} {n(rng, 4)} {n(rng, 4)}",
        f"{rng.randint(1950, 2030)}-{n(rng, rng.choice((3, 5, 6, 7)))}",
        f"{rng.randint(1950, 2030)}/{n(rng, rng.choice((3, 5, 6, 7)))}",
        f"{rng.randint(100, 9_999_999)}/{rng.randint(1950, 2030)}",
        f"DE{n(rng, 2)} {n(rng, 4)} {n(rng, 4)} {n(rng, 4)} {n(rng, 4)} {n(rng, 2)}",
        str(uuid.UUID(int=rng.getrandbits(128), version=4)),
        f"{rng.randint(1, 255)}.{rng.randint(0, 255)}.{rng.randint(100, 255)}.{rng.randint(0, 255)}",
    ))  # fmt: skip


def _coordinates(rng: random.Random) -> str:
    north, east = rng.uniform(-90, 90), rng.uniform(-180, 180)
    k = rng.randint(2, 12)
    return rng.choice((
        f"{north:.{k}f}, {east:.{k}f}", f"{north:.{k}f},{east:.{k}f}", f"{north:.{k}f} {east:.{k}f}",
        f"({north:.{k}f}, {east:.{k}f})", f"{north:.{k}f}; {east:.{k}f}",
        f"{abs(north):.{k}f}° N, {abs(east):.{k}f}° E", f"{north:.{k}f}/{east:.{k}f}",
        f"{abs(int(north))}°{rng.randint(0, 59)}'{rng.randint(0, 59)}\"N",
        f"{north:.{k}f}", f"{east:.{k}f}", f"{east:+.{k}f}", f"[{east:.{k}f}, {north:.{k}f}]",
    ))  # fmt: skip


def _time(rng: random.Random) -> str:
    a, b = rng.randint(5, 11), rng.randint(13, 23)
    year = rng.randint(1950, 2030)
    return rng.choice((
        f"{a:02}:00-{b}:30", f"{a}am-{b - 12}pm", f"{a:02}:{rng.randint(0, 59):02}", f"{a:02}00-{b}30",
        f"{a:02}.00-{b}.00", f"Mo-Fr {a:02}:00-{b}:00", f"{a} AM - {b - 12} PM", "24/7",
        f"{year}-{year + rng.randint(1, 20)}", f"{year}/{(year + 1) % 100:02}",
        f"{year} - {year + 5}", f"{a}h30 - {b}h", f"{a}-{b} Uhr",
    ))  # fmt: skip


def _postal_code(rng: random.Random) -> str:
    n = _number
    one = rng.choice("123456789")
    return rng.choice((
        n(rng, 5), n(rng, 4), n(rng, 6), f"{one}{n(rng, 4)}-{n(rng, 4)}", f"{one}{n(rng, 4)}-{n(rng, 3)}",
        f"{n(rng, 2)}-{n(rng, 3)}", f"{n(rng, 3)} {n(rng, 2)}", f"{one}{n(rng, 3)} AB",
        f"SW{one}A {one}AA", f"K{one}A {one}B{one}", f"D-{n(rng, 5)}", f"CH-{one}{n(rng, 3)}",
    ))  # fmt: skip


def _address(rng: random.Random) -> str:
    name = "".join(rng.choices(ascii_lowercase, k=rng.randint(3, 9)))
    number = _number(rng, rng.randint(3, 10))
    return rng.choice((
        f"https://www.{name}.example/{number}", f"www.{name}{number}.com", f"{name}.de/{number}",
        f"{name}{number}@{name}.example", f"http://{name}.org/?id={number}", f"{name}.co.uk",
        f"{rng.randint(1, 999)} Main Street, {name.title()}", f"{name.title()}str. {rng.randint(1, 99)}",
        f"P.O. Box {number}", f"{name}@{number}.net", f"facebook.com/{name}{number}",
    ))  # fmt: skip


KINDS = (_decimal, _date, _money, _identifier, _coordinates, _time, _postal_code, _address)


def no_numbers(n: int, seed: int) -> Iterator[str]:
    """Cells that are no phone number."""
    rng = random.Random(seed)
    for _ in range(n):
        yield rng.choice(KINDS)(rng)


TYPES = (
    PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.TOLL_FREE,
    PhoneNumberType.VOIP, PhoneNumberType.FIXED_LINE_OR_MOBILE,
)  # fmt: skip


def numbers(n: int, seed: int) -> Iterator[tuple[str, phonenumbers.PhoneNumber]]:
    """Valid numbers near the examples of libphonenumber, with their countries."""
    rng = random.Random(seed)
    made = 0
    while made < n:
        region = rng.choice(REGIONS)
        example = phonenumbers.example_number_for_type(region, rng.choice(TYPES))
        if example is None:
            continue
        keep = rng.randint(2, 4)
        text = phonenumbers.national_significant_number(example)
        text = text[: len(text) - keep] + _number(rng, keep)
        try:
            number = phonenumbers.parse(f"+{example.country_code}{text}")
        except phonenumbers.NumberParseException:
            continue
        # "0800-1715" is when a shop is open, too: that is refused.
        is_hours = re.fullmatch(r"0[0-9]00 [0-9]{4}", national(number)) is not None
        if phonenumbers.is_valid_number_for_region(number, region) and not is_hours:
            made += 1
            yield region, number


def national(number: phonenumbers.PhoneNumber) -> str:
    """The national format."""
    return phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)


def written_forms(number: phonenumbers.PhoneNumber) -> tuple[str, ...]:
    """One number in eight forms."""
    international = phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    code = f"+{number.country_code}"
    return (
        e164,
        international,
        phonenumbers.format_number(number, PhoneNumberFormat.RFC3966),
        national(number),
        international.replace(" ", ".").replace("-", "."),
        national(number).replace(" ", "-"),
        f"00{e164[1:]}",
        f"({code}){international.removeprefix(code)} ext. 12",
    )


def pairs(n: int, seed: int) -> Iterator[tuple[str, str]]:
    """Countries, and cells that hold two numbers."""
    rng = random.Random(seed)
    for region, number in numbers(n, seed):
        text = phonenumbers.national_significant_number(number)
        last = (int(text[-2:]) + rng.randint(1, 9)) % 100
        try:
            other = phonenumbers.parse(f"+{number.country_code}{text[:-2]}{last:02}")
        except phonenumbers.NumberParseException:
            continue
        if not phonenumbers.is_valid_number(other):
            continue
        form = rng.choice((national, lambda x: phonenumbers.format_number(
            x, rng.choice((PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.E164)))))  # fmt: skip
        one, two = form(number), form(other)
        joined = rng.choice((
            f"{one} / {two}", f"{one}/{two}", f"{one}; {two}", f"{one} | {two}", f"{one}, {two}",
            f"{one} or {two}", f"{one} oder {two}", f"{one} und {two}", f"{one} {two}",
            f"{one}{two}", f"{one}\n{two}", f"{one} & {two}", f"{one} - {two}", f"{one}/{last:02}",
            f"{one}/{last % 10}", f"{one} bis -{last:02}", f"{one} (-{last:02})", f"{one} (/{last:02})", f"{one}  {two}", f"{one} y {two}",
            f"Tel {one} Tel {two}", f"{one} (A), {two} (B)",
        ))  # fmt: skip
        yield region, joined

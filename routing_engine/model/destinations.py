"""Where a call can go: E.164 numbers and SIP URIs, and which of them may be dialled.

Phone numbers are parsed and validated by ``phonenumbers`` (Google's libphonenumber). SIP URIs
follow a strict subset of RFC 3261 section 25.1: ``sip:`` or ``sips:``, an optional user, a host
name, IPv4 or bracketed IPv6 address, an optional port and plain parameters. Passwords, headers
(``?...``), escapes and anything outside printable ASCII are refused, so that a destination can
be put into a SIP header as it is.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from pydantic import GetCoreSchemaHandler
from pydantic_core import core_schema

from routing_engine.errors import InvalidValueError, mask
from routing_engine.model.written import (
    fold,
    keys_of,
    look_alike,
    read_written,
    several_runs,
    two_numbers,
)
from routing_engine.validation import are_kept, as_kept

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

__all__ = [
    "CHECKS",
    "COSTLY_CODES",
    "DEFAULT_DIAL_POLICY",
    "MAX_WRITTEN_LENGTH",
    "Destination",
    "DialPolicies",
    "DialPolicy",
    "are_kept",
    "as_kept",
    "check_length",
    "kept_destination",
    "parse_destination",
    "policy_for",
]

MAX_EXTENSION_DIGITS = 11
MAX_SIP_LENGTH = 255
MAX_NATIONAL_DIGITS = 15
MAX_WRITTEN_LENGTH = 512
"""Most characters of a text that is read as a destination; a longer one is refused."""

_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
MAX_KEYS_LENGTH = 32
PAUSE = "p"
"""A second of silence among the keys of an extension, as RFC 2806 writes it."""

_DIGITS = re.compile(rf"[0-9]{{1,{MAX_EXTENSION_DIGITS}}}", re.ASCII)
_KEYS = re.compile(r"(?=.*[0-9])(?:p{0,20}[0-9*#]+)+", re.ASCII)
_SIP = re.compile(
    r"(?P<scheme>sips?):"
    r"(?:(?P<user>[A-Za-z0-9\-_.!~*'()&=+$,/]{1,128}(?:;ext=[0-9]{1,11})?)@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.\-]{1,253})"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<parameters>(?:;[A-Za-z0-9\-.!*_+'~]+(?:=[A-Za-z0-9\-_.!~*'()+$:/\[\]]+)?)*)",
    re.ASCII | re.IGNORECASE,
)
_HOST_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9\-]{0,61}[A-Za-z0-9])?", re.ASCII)

NUMBER_TYPES = frozenset(
    {
        *("fixed_line", "mobile", "fixed_line_or_mobile", "toll_free", "premium_rate"),
        *("shared_cost", "voip", "personal_number", "pager", "uan", "voicemail", "unknown"),
        "satellite",
    }
)
"""Names of libphonenumber's number types, and ``satellite``."""

EMERGENCY_NUMBERS = frozenset({"911", "112", "999", "000"})
"""User parts of SIP URIs that gateways take for a call to the emergency services."""

EMERGENCY_THROUGH_A_LINE = frozenset({"9911", "0911", "9112", "0112"})
"""The same behind the digit that a phone system dials for an outside line."""

MIN_INTERNATIONAL_DIGITS = 11
"""Digits from which on the user part of a SIP URI is read as a number with its country code."""

MIN_NATIONAL_DIGITS = 7
"""Digits from which on it is read as a national number too; fewer are an extension."""

SATELLITE_CODES = ("+870", "+881", "+882", "+883")
"""Country codes of satellite systems and international networks, as costly as premium numbers."""

PERSONAL_CODE = "+878"
"""Country code of personal numbers, which libphonenumber takes for internet telephony."""

COSTLY_CODES = (*SATELLITE_CODES, PERSONAL_CODE)

PREFIXES_ABROAD = ("00", "011", "0011")
"""What is dialled before a country code: in most countries, North America and Australia."""

CHECKS: Final = 2
"""What a policy refuses, as a number: it grows when there is more of it, and what was checked by
an older one is asked again."""

SIP_PARAMETERS = frozenset(
    {"transport", "user", "lr", "ob", "gr", "comp", "sigcomp-id", "edge", "region", "secure"}
)
"""Parameters of SIP URIs that change how a call is sent, and not where to; the last three are those
of hosted platforms."""


@dataclass(frozen=True, slots=True)
class Destination:
    """An E.164 number with an optional extension, or a SIP URI. A value object.

    Two destinations are equal when number *and* extension are. ``str()`` is what to dial: the
    number as E.164, with ``;ext=`` (RFC 3966) where there is an extension, or ``;postd=`` (RFC 2806)
    where that has pauses or keys; or the SIP URI.

    Attributes:
        number: E.164, for example ``"+14155550111"``; None for a SIP URI.
        extension: digits to dial after the number answers, or None. With ``p`` for each second to
            wait, and the keys ``*`` and ``#``, it says exactly what is sent and when: ``pppp12#``.
        sip_uri: ``sip:`` or ``sips:`` URI; None for a phone number.

    Raises:
        InvalidValueError: not a valid number, extension or SIP URI, or both kinds at once.
    """

    number: str | None = None
    extension: str | None = None
    sip_uri: str | None = None

    def __post_init__(self) -> None:
        if (self.number is None) == (self.sip_uri is None):
            raise InvalidValueError(
                "a destination has either a number or a sip_uri; give exactly one of them"
            )
        if self.number is not None:
            _check_e164(self.number)
            if self.extension is not None and not (
                isinstance(self.extension, str) and _is_extension(self.extension)
            ):
                raise InvalidValueError(_why_no_extension(self.extension))
        else:
            if self.extension is not None:
                raise InvalidValueError("a SIP destination has no extension")
            if not isinstance(self.sip_uri, str):
                raise InvalidValueError(f"{self.sip_uri!r} is not a SIP URI")
            if _parse_sip(self.sip_uri) != self.sip_uri:
                raise InvalidValueError(
                    f"{self.sip_uri!r} is not in canonical form; use Destination.parse"
                )

    @classmethod
    def parse(
        cls, text: str, *, region: str | None = None, extension: str | None = None
    ) -> Destination:
        """Read a destination as people write it.

        Args:
            text: an E.164 number, a national number if ``region`` is given (either may carry an
                extension: ``x12``, ``ext. 12``, ``;ext=12``, or the keys of a dial string:
                ``,,12#``, a comma being two seconds), or a SIP or SIPS URI.
            region: ISO 3166-1 alpha-2 code whose national format is accepted, such as ``"US"``.
            extension: an extension or keys, given apart from the number.

        Raises:
            InvalidValueError: with the reason: empty, letters in it, too short, too long, an
                emergency or short code, not assigned in its country, two extensions.
        """
        return parse_destination(text, region=region, extension=extension)

    @classmethod
    def _trusted(
        cls, number: str | None, extension: str | None = None, sip_uri: str | None = None
    ) -> Destination:
        """Build one from parts that were checked before, without checking again."""
        made = object.__new__(cls)
        object.__setattr__(made, "number", number)
        object.__setattr__(made, "extension", extension)
        object.__setattr__(made, "sip_uri", sip_uri)
        return made

    def __str__(self) -> str:
        if self.sip_uri is not None:
            return self.sip_uri
        assert self.number is not None
        if self.extension is None:
            return self.number
        return f"{self.number};{'ext' if self.extension.isdigit() else 'postd'}={self.extension}"

    @property
    def masked(self) -> str:
        """The destination with all but its last two digits hidden, for logs."""
        if self.sip_uri is not None:
            return self.sip_uri.partition(":")[0] + ":***"
        if self.extension is None:
            return mask(str(self.number))
        return mask(str(self.number)) + (";ext=**" if self.extension.isdigit() else ";postd=**")

    @property
    def country(self) -> str | None:
        """ISO 3166-1 alpha-2 region of the number (``"001"`` if global); None for SIP."""
        return None if self.number is None else _facts(self.number)[0]

    @property
    def number_type(self) -> str | None:
        """Type by libphonenumber, such as ``"toll_free"`` or ``"premium_rate"``; None for SIP."""
        return None if self.number is None else _facts(self.number)[1]

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        def validate(value: Any) -> Destination:
            if isinstance(value, Destination):
                return value
            if isinstance(value, str):
                kept = kept_destination(value)
                return parse_destination(value) if kept is None else kept
            raise InvalidValueError(
                f"a destination is a str or a Destination, not {type(value).__name__}"
            )

        return core_schema.no_info_plain_validator_function(
            validate,
            json_schema_input_schema=core_schema.str_schema(),
            serialization=core_schema.plain_serializer_function_ser_schema(
                str, return_schema=core_schema.str_schema()
            ),
        )


def kept_destination(text: str) -> Destination | None:
    """Read a stored number without checks, within :func:`as_kept`; None elsewhere."""
    if not are_kept():
        return None
    number, _, parameter = text.partition(";")
    name, _, extension = parameter.partition("=")
    if not _E164.fullmatch(number):
        return None
    if text != number and not (
        _DIGITS.fullmatch(extension)
        if name == "ext"
        else name == "postd" and _is_extension(extension)
    ):
        return None
    return Destination._trusted(number, extension or None)


def _is_extension(text: str) -> bool:
    if text.isdigit():
        return _DIGITS.fullmatch(text) is not None
    return len(text) <= MAX_KEYS_LENGTH and _KEYS.fullmatch(text) is not None


def _why_no_extension(text: object) -> str:
    return (
        f"extension {text!r} is not 1 to {MAX_EXTENSION_DIGITS} digits, nor keys with p for each "
        f"second to wait, such as pppp12# (at most {MAX_KEYS_LENGTH})"
    )


def _check_e164(number: str) -> None:
    if not isinstance(number, str) or not _E164.fullmatch(number):
        raise InvalidValueError(f"{_shown(str(number))!r} is not an E.164 number")
    _facts(number)


@lru_cache(maxsize=65536)
def _facts(number: str) -> tuple[str, str]:
    """Return region and type of an E.164 number; InvalidValueError if it is not valid."""
    import phonenumbers

    from routing_engine.model.numbering import assigned, split

    parts = split(number[1:])
    found = None if parts is None else assigned(*parts)
    if found is None:
        # In the way that explains, or that knows leading zeros and national prefixes.
        try:
            parsed = phonenumbers.parse(number, None)
        except phonenumbers.NumberParseException as error:
            raise InvalidValueError(f"{_shown(number)!r} is not a phone number (E.164)") from error
        national = phonenumbers.national_significant_number(parsed)
        found = assigned(parsed.country_code or 0, national)
        if found is None:
            raise InvalidValueError(_why_invalid(parsed, number, None))
    region, kind = found
    return region, str(phonenumbers.PhoneNumberType.to_string(kind)).lower()


def parse_destination(
    text: str, *, region: str | None = None, extension: str | None = None
) -> Destination:
    """See :meth:`Destination.parse`."""
    import phonenumbers

    for value in (text, "" if extension is None else extension):
        if not isinstance(value, str):
            raise InvalidValueError(f"a destination is a str, not {type(value).__name__}")
    if region is not None and region not in phonenumbers.SUPPORTED_REGIONS:
        raise InvalidValueError(
            f"region {region!r} is not a two-letter country code such as 'US' or 'GB'"
        )
    check_length(text)
    # NFKC folds full-width digits and plus signs, which lose nothing, into ASCII.
    written = unicodedata.normalize("NFKC", text).strip(" \t\u00a0")
    if not written:
        raise InvalidValueError("empty; a phone number or SIP URI is needed")
    if re.match(r"(?i)sips?:", written):
        if not text.isascii():  # folding must not turn another name into this one
            raise InvalidValueError(f"{_shown(text)!r} is not a SIP URI: it is not plain ASCII")
        if extension:
            raise InvalidValueError("a SIP destination has no extension")
        return Destination._trusted(None, None, _parse_sip(written))
    number, written_extension = _parse_number(written, region)
    given = keys_of(extension.strip()) if extension is not None else ""
    if given and not _is_extension(given):
        raise InvalidValueError(_why_no_extension(given))
    if given and written_extension and given != written_extension:
        raise InvalidValueError(
            f"two different extensions: {written_extension!r} in the number and {given!r} beside it"
        )
    return Destination._trusted(number, given or written_extension or None)


def check_length(text: str) -> None:
    """Refuse a text that is too long for a destination, before any pattern is tried on it.

    Raises:
        InvalidValueError: longer than :data:`MAX_WRITTEN_LENGTH`.
    """
    if len(text) > MAX_WRITTEN_LENGTH:
        raise InvalidValueError(
            f"{_shown(text)!r} is not a phone number or SIP URI: it has {len(text)} characters"
        )


def _shown(written: str) -> str:
    """Quote an invalid destination in an error: it is no phone number, so it is not masked."""
    return written if len(written) <= 60 else written[:57] + "…"


def _parse_number(written: str, region: str | None) -> tuple[str, str | None]:
    import phonenumbers

    from routing_engine.model.numbering import assigned, longest_short

    shown = _shown(written)
    written = fold(written)
    # A number spelt in letters ("1-800-FLOWERS") is refused: whoever mistypes one digit as a
    # letter would otherwise reach a stranger.
    read = read_written(written)
    what = look_alike(written if read is None else read.main.strip(), region)
    pair = None
    if what is None:
        pair = two_numbers(written if read is None else read.main.strip(), region)
        pair = several_runs(written) if pair is None and read is None else pair
    if pair is not None:
        raise InvalidValueError(
            f"{shown!r} holds two numbers, {pair[0]!r} and {pair[1]!r}, and is not a phone number: "
            "keep one of them, and write the other into the fallback"
        )
    if read is None or what is not None:
        because = "" if what is None else f": it looks like {what}"
        raise InvalidValueError(f"{shown!r} is not a phone number ({_formats(region)}){because}")
    main, written_extension = read
    if written_extension and not _is_extension(written_extension):
        raise InvalidValueError(f"{shown!r}: {_why_no_extension(written_extension)}")
    digits = re.sub(r"\D", "", main)
    if not main.lstrip().startswith("+") and region is None:
        raise InvalidValueError(
            f"{mask(written)!r} has no country code; "
            "write it as E.164 (+…) or say which region it is of"
        )
    is_national = region is not None and not main.lstrip().startswith("+")
    if is_national and len(digits) <= longest_short(str(region)):
        _refuse_short(digits, str(region), shown)
    if main.startswith("00") and not _is_valid(main, region):
        # How most of the world dials abroad; nothing else begins with it.
        main = f"+{main[2:].lstrip()}"
    try:
        parsed = phonenumbers.parse(main, region)
    except phonenumbers.NumberParseException as error:
        raise InvalidValueError(f"{shown!r} is not a phone number ({_formats(region)})") from error
    national = phonenumbers.national_significant_number(parsed)
    if assigned(parsed.country_code or 0, national) is None:
        raise InvalidValueError(_why_invalid(parsed, written, region))
    return f"+{parsed.country_code}{national}", written_extension


def _refuse_short(digits: str, region: str, shown: str) -> None:
    """Refuse an emergency number or a short code.

    Raises:
        InvalidValueError: it is one.
    """
    import phonenumbers

    try:
        short = phonenumbers.parse(digits, region) if len(digits) > 1 else None
    except phonenumbers.NumberParseException:
        short = None
    if phonenumbers.is_emergency_number(digits, region):
        raise InvalidValueError(f"{shown!r} is an emergency number; a call is never sent there")
    if short is not None and phonenumbers.is_valid_short_number_for_region(short, region):
        raise InvalidValueError(f"{shown!r} is a short code, not a phone number")


def _is_valid(written: str, region: str | None) -> bool:
    import phonenumbers

    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(written, region))
    except phonenumbers.NumberParseException:
        return False


def _formats(region: str | None) -> str:
    return "E.164" if region is None else f"E.164 or national format for region {region}"


def _why_invalid(parsed: PhoneNumber, written: str, region: str | None) -> str:
    import phonenumbers
    from phonenumbers import ValidationResult

    shown = _shown(written)
    reason = phonenumbers.is_possible_number_with_reason(parsed)
    if reason in (ValidationResult.TOO_SHORT, ValidationResult.IS_POSSIBLE_LOCAL_ONLY):
        return f"{shown!r} is too short to be a phone number ({_formats(region)})"
    if reason == ValidationResult.TOO_LONG:
        return f"{shown!r} is too long to be a phone number ({_formats(region)})"
    if reason == ValidationResult.INVALID_COUNTRY_CODE:
        return f"{shown!r} has a country code that does not exist"
    return f"{shown!r} is not an assigned phone number ({_formats(region)})"


def _why_no_host(host: str) -> str | None:
    """What a host in lower case would have to be and is not, or None."""
    if host.startswith("["):
        try:
            ipaddress.IPv6Address(host[1:-1])
        except ValueError:
            return "an IPv6 address"
    elif re.fullmatch(r"[0-9.]+", host):
        try:
            ipaddress.IPv4Address(host)
        except ValueError:
            return "an IPv4 address"
    else:
        labels = host.removesuffix(".").split(".")
        # A last label that begins with a digit would make an address of a name.
        if not all(_HOST_LABEL.fullmatch(label) for label in labels) or labels[-1][0].isdigit():
            return "a host name"
    return None


def _parse_sip(written: str) -> str:
    """Parse a SIP URI into canonical form (scheme and host in lower case)."""
    problem = f"{_shown(written)!r} is not a SIP URI"
    if len(written) > MAX_SIP_LENGTH:
        raise InvalidValueError(f"a SIP URI of {len(written)} characters; at most {MAX_SIP_LENGTH}")
    if "?" in written:
        raise InvalidValueError(f"{problem}: headers ('?…') are not allowed in a destination")
    match = _SIP.fullmatch(written)
    if match is None:
        raise InvalidValueError(f"{problem} (sip:user@host[:port][;parameter])")
    host = match["host"].lower()
    wrong = _why_no_host(host)
    if wrong is not None:
        raise InvalidValueError(f"{problem}: {host} is not {wrong}")
    port = match["port"]
    if port is not None and not 1 <= int(port) <= 65535:
        raise InvalidValueError(f"{problem}: port {port} is not 1 to 65535")
    names = [part.partition("=")[0].lower() for part in match["parameters"].split(";")[1:]]
    for name in names:
        if names.count(name) > 1:
            raise InvalidValueError(f"{problem}: parameter {name!r} comes twice")
    user = f"{match['user']}@" if match["user"] else ""
    return (
        f"{match['scheme'].lower()}:{user}{host}"
        f"{f':{int(port)}' if port else ''}{match['parameters']}"
    )


def _plain_host(host: str) -> str:
    """A host as hosts are compared: in lower case, an address in its shortest form."""
    plain = host.lower().removesuffix(".")
    try:
        return str(ipaddress.ip_address(plain.removeprefix("[").removesuffix("]")))
    except ValueError:
        return plain


def _hosts_of(uri: str) -> Iterator[str]:
    """Every host that a SIP URI in canonical form can send a call to."""
    match = _SIP.fullmatch(uri)
    if match is None:
        raise InvalidValueError(f"{_shown(uri)!r} is not a SIP URI")
    yield _plain_host(match["host"])
    for parameter in match["parameters"].split(";")[1:]:
        name, _, value = parameter.partition("=")
        # RFC 3261, section 19.1.1: the address to be contacted, overriding the host.
        if name.lower() == "maddr":
            yield _plain_host(value)


@dataclass(frozen=True, slots=True)
class _Dialled:
    """What a gateway may make of the user part of a SIP URI.

    Attributes:
        numbers: valid numbers, E.164, that are meant with their country code.
        perhaps: valid numbers that it may stand for in a country, or behind an outside line.
        is_number: whether it is a number and nothing else: one with ``+``.
        is_emergency: whether it is an emergency number.
    """

    numbers: tuple[str, ...] = ()
    perhaps: tuple[str, ...] = ()
    is_number: bool = False
    is_emergency: bool = False


def _user_of(uri: str) -> str:
    """The user part of a SIP URI, without parameters of its own; empty for none."""
    match = _SIP.fullmatch(uri)
    return "" if match is None or match["user"] is None else match["user"].partition(";")[0]


@lru_cache(maxsize=4096)
def _dialled(user: str, regions: frozenset[str]) -> _Dialled:
    """Read the user part of a SIP URI as gateways may.

    Some drop whatever is no digit, others stop at it, and feature codes (``*67``) stand before the
    number: every reading counts.

    Args:
        user: the part before ``@``.
        regions: in whose national format it may be written.
    """
    before, plus, after = re.sub(r"^\*[0-9]{2}", "", user).partition("+")
    written = after if plus else before
    is_named = re.search("[A-Za-z]", written) is not None
    if is_named and not plus:
        return _Dialled()
    visual = re.match(r"[0-9.()\-]*", written)
    parts = ("" if visual is None else visual[0], "" if is_named else written)
    found = list(dict.fromkeys(re.sub("[^0-9]", "", part) for part in parts))
    if plus:
        numbers = tuple(number for digits in found if (number := _if_valid(digits)) is not None)
        return _Dialled(numbers, is_number=not before and not is_named)
    sure: dict[str, None] = {}
    perhaps: dict[str, None] = {}
    for digits in found:
        sure.update(dict.fromkeys(_abroad(digits)))
        behind = digits[1:] if digits[:1] in ("9", "0") else ""
        perhaps.update(dict.fromkeys((*_abroad(behind), *_national(behind, regions))))
        perhaps.update(dict.fromkeys(_national(digits, regions)))
    is_emergency = any(d in EMERGENCY_NUMBERS | EMERGENCY_THROUGH_A_LINE for d in found)
    return _Dialled(tuple(sure), tuple(perhaps), is_emergency=is_emergency)


def _abroad(digits: str) -> Iterator[str]:
    """The numbers that digits stand for with their country code, ``00`` before it or not."""
    rests = [digits.removeprefix(prefix) for prefix in PREFIXES_ABROAD if digits.startswith(prefix)]
    if len(digits) >= MIN_INTERNATIONAL_DIGITS:
        rests.append(digits)
    yield from (number for rest in rests if (number := _if_valid(rest)) is not None)


def _national(digits: str, regions: frozenset[str]) -> Iterator[str]:
    """The numbers that digits stand for in some countries."""
    import phonenumbers

    if not MIN_NATIONAL_DIGITS <= len(digits) <= MAX_NATIONAL_DIGITS:
        return
    for region in sorted(regions):
        with suppress(phonenumbers.NumberParseException):
            parsed = phonenumbers.parse(digits, region)
            national = phonenumbers.national_significant_number(parsed)
            if (number := _if_valid(f"{parsed.country_code}{national}")) is not None:
                yield number


def _if_valid(digits: str) -> str | None:
    """The number of digits with their country code; None where there is none such."""
    try:
        _check_e164(f"+{digits}")
    except InvalidValueError:
        return None
    return f"+{digits}"


def _foreign_parameter(uri: str, *, are_hosts_known: bool) -> str | None:
    """The first parameter by which a SIP URI may say more than how its host is called."""
    names = [part.partition("=")[0].lower() for part in uri.rpartition("@")[2].split(";")[1:]]
    known = SIP_PARAMETERS | {"maddr"} if are_hosts_known else SIP_PARAMETERS
    return next((name for name in names if name not in known), None)


def _are_refused(kind: str) -> str:
    return f"{kind.removesuffix('_number').replace('_', ' ')} numbers are refused"


def _host_allowed(written: str) -> str:
    """A host of a dial policy in the form that hosts are compared in."""
    host = _plain_host(written.strip())
    if _why_no_host(f"[{host}]" if ":" in host else host.removeprefix("*.")) is not None:
        raise InvalidValueError(
            f"{written!r} is not a SIP host: use a name such as sip.example.com, an address, or "
            "*.example.com for every host below it"
        )
    return host


@dataclass(frozen=True, slots=True)
class DialPolicy:
    """Which destinations may be dialled; checked when a sheet is read and again at decision time.

    Attributes:
        countries: ISO 3166-1 alpha-2 regions that may be dialled; None allows all, an empty set
            allows none.
        refused_types: libphonenumber number types that are never dialled.
        allow_sip: whether SIP and SIPS URIs may be dialled.
        allow: numbers or URIs, as ``str(destination)`` without extension, that are allowed
            whatever the rest says; None for no such list.
        sip_hosts: hosts that SIP URIs may name, such as ``sip.example.com`` or an address;
            ``*.example.com`` is every host below it. None allows all, an empty set allows none.

    A SIP URI that has a gateway dial a phone number is judged by that number too: with ``+``,
    with its country code, or, for its type alone, as a national number of ``countries`` (of the US
    without any). Emergency numbers and parameters other than :data:`SIP_PARAMETERS` are refused in
    it, ``maddr`` unless ``sip_hosts`` allows its host; ``allow`` overrides.
    """

    countries: frozenset[str] | None = None
    refused_types: frozenset[str] = frozenset(
        {"premium_rate", "shared_cost", "satellite", "personal_number", "pager"}
    )
    allow_sip: bool = True
    allow: frozenset[str] | None = None
    sip_hosts: frozenset[str] | None = None

    def __post_init__(self) -> None:
        for name in ("countries", "refused_types", "allow", "sip_hosts"):
            if isinstance(getattr(self, name), str):
                raise InvalidValueError(f"{name} is a set of str, not one str")
        object.__setattr__(
            self,
            "countries",
            None if self.countries is None else frozenset(c.upper() for c in self.countries),
        )
        object.__setattr__(self, "refused_types", frozenset(self.refused_types))
        unknown = sorted(self.refused_types - NUMBER_TYPES)
        if unknown:
            raise InvalidValueError(
                f"unknown number types {unknown}; known are {sorted(NUMBER_TYPES)}"
            )
        if self.countries:
            import phonenumbers

            bad = sorted(self.countries - phonenumbers.SUPPORTED_REGIONS)
            if bad:
                raise InvalidValueError(f"unknown countries {bad}; use codes such as 'US'")
        if self.allow is not None:
            object.__setattr__(self, "allow", frozenset(self.allow))
        if self.sip_hosts is not None:
            object.__setattr__(self, "sip_hosts", frozenset(map(_host_allowed, self.sip_hosts)))

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-able fields; ``DialPolicy(**fields)`` is equal to this policy."""
        return {
            name: sorted(value) if isinstance(value, frozenset) else value
            for name, value in asdict(self).items()
        }

    def refusal(self, destination: Destination) -> str | None:
        """Return why a destination may not be dialled, or None if it may."""
        if destination.sip_uri is not None:
            if self.allow is not None and destination.sip_uri in self.allow:
                return None
            found = self._sip_refusal(destination.sip_uri)
            return None if found is None else found[0]
        assert destination.number is not None
        return self._number_refusal(destination.number)

    def _sip_refusal(self, uri: str) -> tuple[str, str] | None:
        """Return why a SIP URI may not be dialled, and which field says so; None if it may."""
        if (host := self._refused_host(uri)) is not None and self.allow_sip:
            return (
                f"SIP destinations at {host} are not allowed",
                f"(dial policy: sip_hosts lacks {host}; --sip-host {host})",
            )
        if not self.allow_sip:
            return "SIP destinations are not allowed", "(dial policy: allow_sip)"
        by_name = f"(dial policy: allow lacks {uri})"
        foreign = _foreign_parameter(uri, are_hosts_known=self.sip_hosts is not None)
        if foreign is not None:
            return f"SIP destinations with the parameter {foreign} are refused", by_name
        dialled = _dialled(_user_of(uri), self.countries or frozenset({"US"}))
        if dialled.is_emergency:
            return "emergency numbers are refused", by_name
        if dialled.is_number and not dialled.numbers:
            return "SIP destinations with an invalid number are refused", by_name
        for number in dialled.numbers:
            if (why := self._number_refusal(number)) is not None:
                return why, self._rule_of_number(number)
        for number in dialled.perhaps:
            is_allowed = self.allow is not None and number in self.allow
            if not is_allowed and (kind := self._refused_kind(number)) is not None:
                return _are_refused(kind), self._rule_of_number(number)
        return None

    def _number_refusal(self, number: str) -> str | None:
        if self.allow is not None and number in self.allow:
            return None
        kind = self._refused_kind(number)
        if kind is not None:
            return _are_refused(kind)
        country, _ = _facts(number)
        if self.countries is not None and country not in self.countries:
            return f"numbers of {country} are not allowed"
        return None

    def _refused_kind(self, number: str) -> str | None:
        """The refused type that a number is of, or None."""
        kinds = [_facts(number)[1]]
        if number.startswith(SATELLITE_CODES):
            kinds.append("satellite")
        if number.startswith(PERSONAL_CODE):
            kinds.append("personal_number")
        return next((kind for kind in kinds if kind in self.refused_types), None)

    def _refused_host(self, uri: str) -> str | None:
        """The host that a SIP URI names and that may not be called, or None."""
        if self.sip_hosts is None:
            return None
        return next((host for host in _hosts_of(uri) if not self._is_allowed(host)), None)

    def _is_allowed(self, host: str) -> bool:
        allowed = self.sip_hosts or frozenset()
        above = host.split(".")[1:]
        parents = (f"*.{'.'.join(above[i:])}" for i in range(len(above)))
        return host in allowed or any(parent in allowed for parent in parents)

    def rule_of(self, destination: Destination) -> str:
        """Return which field of the policy refuses a destination, and how to allow it."""
        if destination.sip_uri is not None:
            found = self._sip_refusal(destination.sip_uri)
            return "(dial policy)" if found is None else found[1]
        assert destination.number is not None
        return self._rule_of_number(destination.number)

    def _rule_of_number(self, number: str) -> str:
        kind = self._refused_kind(number)
        if kind is not None:
            return f"(dial policy: refused_types has {kind}; --allow {kind})"
        return f"(dial policy: countries lacks {_facts(number)[0]})"


DEFAULT_DIAL_POLICY = DialPolicy()

DialPolicies: TypeAlias = DialPolicy | Callable[[str], DialPolicy]
"""One policy for all locations; or what gives that of a location, by its id."""


def policy_for(policies: DialPolicies, location_id: str) -> DialPolicy:
    """The dial policy of a location."""
    return policies if isinstance(policies, DialPolicy) else policies(location_id)

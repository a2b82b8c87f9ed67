"""Build values of SIP headers from unchecked text.

Whatever goes in, what comes out is printable ASCII that reads as one value of its production in
RFC 3261: no line break, no second header, no parameter that was not asked for. Text for people
(display names, the context of a transfer) is made to fit; what identifies something (a URI, a
tag, a Call-ID) is refused with an ``InvalidValueError`` where it does not fit as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote

from routing_engine.errors import InvalidValueError
from routing_engine.integrations.extensions import plain_extension
from routing_engine.model.caller import Caller, Context
from routing_engine.model.destinations import Destination
from routing_engine.text.lines import ascii_line

__all__ = [
    "Dialog",
    "Header",
    "address",
    "context_headers",
    "diversion",
    "history",
    "quoted",
    "read_user_to_user",
    "target",
    "token",
    "user_to_user",
    "with_headers",
]

Header = tuple[str, str]
"""Name and value of a header."""

MAX_NAME = 64
"""Most characters of a display name."""

MAX_USER_TO_USER = 128
"""Most octets of user information (RFC 7434), protocol discriminator included."""

_USER_SPECIFIC = 0
"""Protocol discriminator "user-specific" of ITU-T Q.931 section 4.5.30."""

_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]{1,255}", re.ASCII)
_WORD = r"[A-Za-z0-9\-.!%*_+`'~()<>:\\\"/\[\]?{}]{1,255}"
_CALL_ID = re.compile(rf"{_WORD}(?:@{_WORD})?", re.ASCII)
_URI = re.compile(r"(sips?:)(?:[A-Za-z0-9\-_.!~*'()&=+$,;/]{1,255}@)?([^@]+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Dialog:
    """A dialog that a new call replaces (RFC 3891), as its holder knows it.

    Attributes:
        call_id: its Call-ID.
        to_tag: the tag of the side that gets the ``Replaces`` header.
        from_tag: the tag of the other side.

    Raises:
        InvalidValueError: not a Call-ID or tag of RFC 3261.
    """

    call_id: str
    to_tag: str
    from_tag: str

    def __post_init__(self) -> None:
        if not isinstance(self.call_id, str) or not _CALL_ID.fullmatch(self.call_id):
            raise InvalidValueError("call_id is not a Call-ID of RFC 3261 (word, or word@word)")
        token(self.to_tag)
        token(self.from_tag)

    def __str__(self) -> str:
        return f"{self.call_id};to-tag={self.to_tag};from-tag={self.from_tag}"


def token(text: str) -> str:
    """Check that a text is a token of RFC 3261, and return it.

    Raises:
        InvalidValueError: it is not one.
    """
    if not isinstance(text, str) or not _TOKEN.fullmatch(text):
        raise InvalidValueError(
            "a tag or name is 1 to 255 letters, digits or any of -.!%*_+`'~ (token of RFC 3261)"
        )
    return text


def quoted(text: str) -> str:
    """Return the text as a quoted-string: ASCII, one line, at most 64 characters."""
    name = ascii_line(text, MAX_NAME)
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def address(uri: str, name: str = "", *, headers: Iterable[Header] = ()) -> str:
    """Build a name-addr: ``"Jane Doe" <sip:jane@example.com>``; without a name, ``<...>`` alone.

    Args:
        uri: without headers.
        name: whatever somebody is called.
        headers: that the URI asks for.

    Raises:
        InvalidValueError: that is no SIP URI.
    """
    shown = quoted(name)
    place = f"<{with_headers(_checked(uri), headers)}>"
    return place if shown == '""' else f"{shown} {place}"


def _checked(uri: str) -> str:
    """Check a URI as a destination is checked; its user may have a ``;ext=``."""
    match = _URI.fullmatch(uri)
    try:
        Destination(sip_uri=uri if match is None else match[1] + match[2])
    except InvalidValueError as error:
        raise InvalidValueError(
            "what is to stand in a SIP header is no SIP URI, such as sip:user@host"
        ) from error
    return uri


def target(destination: Destination, domain: str) -> str:
    """Return the SIP URI of a destination.

    Args:
        destination: where to.
        domain: host, and port if any, of the peer that a phone number is sent to.

    Returns:
        A SIP URI as it is; a number as ``sip:+14155550111;ext=12@domain;user=phone`` (RFC 3261
        section 19.1.6).

    Raises:
        InvalidValueError: that is no URI of RFC 3261, or an extension with pauses or keys, for which
            it has no place.
    """
    if destination.sip_uri is None:
        plain_extension(destination, "SIP")
    try:
        return _checked(destination.sip_uri or f"sip:{destination}@{domain};user=phone")
    except InvalidValueError as error:
        raise InvalidValueError(
            f"{destination.masked} cannot stand in a SIP header; publish another destination"
        ) from error


def with_headers(uri: str, headers: Iterable[Header]) -> str:
    """Add headers to a SIP URI, for the request made from it (RFC 3261, 19.1.1).

    Raises:
        InvalidValueError: a name is no token, or a value no Unicode.
    """
    try:
        asked = "&".join(f"{quote(token(name))}={quote(value, safe='')}" for name, value in headers)
    except UnicodeEncodeError as error:
        raise InvalidValueError(
            "a header of a SIP URI holds a lone surrogate; decode the text correctly, or replace it"
        ) from error
    return f"{uri}?{asked}" if asked else uri


def diversion(uri: str) -> str:
    """Build a ``Diversion`` (RFC 5806): the call was passed on from this URI, once."""
    return f"<{_checked(uri)}>;reason=deflection;counter=1"


def history(uris: Sequence[str]) -> str:
    """Build a ``History-Info`` (RFC 7044): each URI was replaced by the next."""
    entries = []
    index = "1"
    for i, uri in enumerate(uris):
        entries.append(f"<{_checked(uri)}>;index={index}" + (f";mp={index[:-2]}" if i else ""))
        index += ".1"
    return ", ".join(entries)


def user_to_user(context: Context) -> str:
    """Encode the context as ``User-to-User`` (RFC 7433), package isdn-uui (RFC 7434).

    A zero octet, then ``id=...;loc=...;why=...`` and the details, in UTF-8 and in this order, as
    far as 128 octets go. An id that does not fit whole is left out; other text is cut between
    two characters. Sent in hex, which survives every gateway.

    Returns:
        The value; empty for an empty context.
    """
    data = bytearray([_USER_SPECIFIC])
    ids = (("id", context.decision_id), ("loc", context.location_id))
    for key, text in (*ids, ("why", context.reason), *context.details.items()):
        _append(data, key, text, whole=key in ("id", "loc"))
    if len(data) == 1:
        return ""
    return f"{data.hex()};encoding=hex;purpose=isdn-uui;content=isdn-uui"


def context_headers(caller: Caller, context: Context | None) -> list[Header]:
    """Return the ``User-to-User`` header of a transfer, or nothing if the context is empty."""
    value = "" if context is None else user_to_user(context.for_others(caller))
    return [("User-to-User", value)] if value else []


def _append(data: bytearray, key: str, text: str, *, whole: bool) -> None:
    if not text:
        return
    field = (";" if len(data) > 1 else "").encode() + _escaped(key).encode() + b"="
    room = MAX_USER_TO_USER - len(data) - len(field)
    value = bytearray()
    for character in text:
        octets = _escaped(character).encode()
        if len(value) + len(octets) > room:
            if whole:
                return
            break
        value += octets
    if value:
        data += field + value


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace(";", "%3B").replace("=", "%3D")


def read_user_to_user(value: str) -> dict[str, str]:
    """Decode a value of :func:`user_to_user`, which may be cut short; for the called side.

    Raises:
        InvalidValueError: the value is not one of ours.
    """
    try:
        data = bytes.fromhex(value.partition(";")[0])
        if not data or data[0] != _USER_SPECIFIC:
            raise ValueError("no protocol discriminator 00")
        fields = [part.split("=") for part in data[1:].decode().split(";")]
        return {unquote(key): unquote(text) for key, text in fields}
    except ValueError as error:
        raise InvalidValueError(f"not a User-to-User value of this library: {error}") from error

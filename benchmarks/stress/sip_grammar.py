"""A strict parser of SIP requests, written from the RFCs' grammars alone.

It shares no code with ``routing_engine.integrations`` and is what their output is judged by.
Productions are named as in RFC 3261 section 25.1, with host names and IPv6 as corrected by
RFC 5954 and phone numbers of RFC 3966; headers of other RFCs name theirs. Stricter than a
receiver must be: no folding, no compact names, addresses only in angle brackets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

__all__ = [
    "READERS",
    "SUBSCRIBER",
    "Address",
    "GrammarError",
    "Uri",
    "read_request",
    "read_value",
]

ALPHANUM = r"[A-Za-z0-9]"
ESCAPED = r"%[0-9A-Fa-f]{2}"
UNRESERVED = r"[A-Za-z0-9\-_.!~*'()]"
TOKEN = r"[A-Za-z0-9\-.!%*_+`'~]+"
WORD = r"[A-Za-z0-9\-.!%*_+`'~()<>:\\\"/\[\]?{}]+"
SWS = r"[ \t]*"
SEMI, COMMA, EQUAL = rf"{SWS};{SWS}", rf"{SWS},{SWS}", rf"{SWS}={SWS}"
# qdtext is LWS / %x21 / %x23-5B / %x5D-7E / UTF8-NONASCII; a quoted-pair is any ASCII but CR, LF.
QUOTED_STRING = r'"(?:[ \t!#-\[\]-~\u0080-\U0010ffff]|\\[\x00-\x09\x0b\x0c\x0e-\x7f])*"'

DOMAINLABEL = rf"(?:{ALPHANUM}|{ALPHANUM}[A-Za-z0-9\-]*{ALPHANUM})"
TOPLABEL = rf"(?:[A-Za-z]|[A-Za-z][A-Za-z0-9\-]*{ALPHANUM})"
HOSTNAME = rf"(?:{DOMAINLABEL}\.)*{TOPLABEL}\.?"
DEC_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
IPV4 = rf"{DEC_OCTET}(?:\.{DEC_OCTET}){{3}}"
H16 = r"[0-9A-Fa-f]{1,4}"
LS32 = rf"(?:{H16}:{H16}|{IPV4})"
IPV6 = "|".join((
    rf"(?:{H16}:){{6}}{LS32}",
    rf"::(?:{H16}:){{5}}{LS32}",
    rf"(?:{H16})?::(?:{H16}:){{4}}{LS32}",
    rf"(?:(?:{H16}:){{0,1}}{H16})?::(?:{H16}:){{3}}{LS32}",
    rf"(?:(?:{H16}:){{0,2}}{H16})?::(?:{H16}:){{2}}{LS32}",
    rf"(?:(?:{H16}:){{0,3}}{H16})?::{H16}:{LS32}",
    rf"(?:(?:{H16}:){{0,4}}{H16})?::{LS32}",
    rf"(?:(?:{H16}:){{0,5}}{H16})?::{H16}",
    rf"(?:(?:{H16}:){{0,6}}{H16})?::",
))  # fmt: skip
HOST = rf"(?:{HOSTNAME}|{IPV4}|\[(?:{IPV6})\])"

USER = rf"(?:{UNRESERVED}|{ESCAPED}|[&=+$,;?/])+"
PARAMCHAR = rf"(?:[\[\]/:&+$]|{UNRESERVED}|{ESCAPED})"
HEADERCHAR = rf"(?:[\[\]/?:+$]|{UNRESERVED}|{ESCAPED})"
PARAMETER = rf"{PARAMCHAR}+(?:={PARAMCHAR}+)?"
ASKED = rf"{HEADERCHAR}+={HEADERCHAR}*"
SIP_URI = re.compile(
    rf"(?P<scheme>sips?):(?:(?P<user>{USER})@)?(?P<host>{HOST})(?::(?P<port>[0-9]+))?"
    rf"(?P<parameters>(?:;{PARAMETER})*)(?:\?(?P<headers>{ASKED}(?:&{ASKED})*))?"
)
# RFC 3966: global-number-digits, then parameters.
SUBSCRIBER = re.compile(
    rf"\+[0-9\-.()]*[0-9][0-9\-.()]*(?:;(?:ext=[0-9\-.()]+|(?!ext=){PARAMETER}))*"
)

GEN_VALUE = rf"(?:{TOKEN}|{HOST}|{QUOTED_STRING})"
GENERIC_PARAM = rf"{TOKEN}(?:{EQUAL}{GEN_VALUE})?"
NAME_ADDR = (
    rf"(?P<display>(?:{TOKEN}[ \t]+)*|{QUOTED_STRING}){SWS}<(?P<uri>[^<>\"\s]+)>"
    rf"(?P<parameters>(?:{SEMI}{GENERIC_PARAM})*)"
)
ADDRESS = re.compile(NAME_ADDR)
ONE_PARAM = re.compile(rf"{SEMI}(?P<name>{TOKEN})(?:{EQUAL}(?P<value>{GEN_VALUE}))?")
BETWEEN = re.compile(COMMA)

REQUEST_LINE = re.compile(r"[A-Z]+ (?P<uri>\S+) SIP/2\.0")
HEADER = re.compile(rf"(?P<name>{TOKEN}){SWS}:{SWS}(?P<value>[^\x00-\x08\x0a-\x1f\x7f]*)")

# RFC 3323, 3325 and 7044.
PRIV_VALUES = frozenset(("header", "session", "user", "none", "critical", "id", "history"))
PRIVACY = re.compile(rf"{TOKEN}(?:{SEMI}{TOKEN})*")
# RFC 5806; the values that it names, and no token besides.
DIVERSION_REASONS = frozenset((
    "unknown", "user-busy", "no-answer", "unavailable", "unconditional", "time-of-day",
    "do-not-disturb", "deflection", "follow-me", "out-of-service", "away",
))  # fmt: skip
INDEX = re.compile(r"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))*")
# RFC 3891.
REPLACES = re.compile(rf"(?P<call_id>{WORD}(?:@{WORD})?)(?P<parameters>(?:{SEMI}{GENERIC_PARAM})*)")
# RFC 7433.
USER_TO_USER = re.compile(
    rf"(?P<data>{TOKEN}|{QUOTED_STRING})(?P<parameters>(?:{SEMI}{GENERIC_PARAM})*)"
)
HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
MAX_ISDN_OCTETS = 128


class GrammarError(ValueError):
    """The text violates the RFCs; the message names the production."""


@dataclass(frozen=True, slots=True)
class Uri:
    """A parsed SIP or SIPS URI.

    Attributes:
        scheme: ``sip`` or ``sips``.
        user: as it stands, escapes and all; empty for none.
        host: with brackets, for IPv6.
        port: or None.
        parameters: name -> value, empty for none.
        headers: name -> value, unescaped.
    """

    scheme: str
    user: str
    host: str
    port: int | None
    parameters: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Address:
    """A name-addr and its parameters.

    Attributes:
        name: display name, unquoted; empty for none.
        uri: taken apart.
        parameters: name -> value as it stands.
    """

    name: str
    uri: Uri
    parameters: Mapping[str, str]


def read_request(data: bytes) -> tuple[str, list[tuple[str, str]]]:
    """Parse a request without a body.

    Returns:
        The Request-URI, and the headers as they stand, names and values in order.

    Raises:
        GrammarError: it is not exactly one request, to the last octet.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise GrammarError("not UTF-8") from error
    if not text.endswith("\r\n\r\n"):
        raise GrammarError("no empty line at the end")
    first, *lines = text[:-4].split("\r\n")
    request = REQUEST_LINE.fullmatch(first)
    if request is None:
        raise GrammarError("Request-Line")
    headers = []
    for line in lines:
        match = HEADER.fullmatch(line)
        if match is None:
            raise GrammarError("message-header")
        headers.append((match["name"], match["value"]))
    return request["uri"], headers


def read_value(name: str, value: str) -> object:
    """Parse one header's value by its production, and the headers in its URIs by theirs.

    Raises:
        GrammarError: it does not match, or nothing is known of such a header.
    """
    reader = READERS.get(name)
    if reader is None:
        raise GrammarError(f"no production of {name}")
    return reader(value)


def _uri(text: str) -> Uri:
    match = SIP_URI.fullmatch(text)
    if match is None:
        raise GrammarError("SIP-URI")
    pairs = [part.partition("=") for part in match["parameters"].split(";")[1:]]
    parameters = {name: value for name, _, value in pairs}
    if len(parameters) != len(pairs):
        raise GrammarError("a uri-parameter comes twice")
    asked: dict[str, str] = {}
    for part in (match["headers"] or "").split("&"):
        if not part:
            continue
        name, _, value = part.partition("=")
        if name in asked:
            raise GrammarError("a header comes twice in a URI")
        asked[name] = _unescape(value)
        read_value(name, asked[name])
    user = match["user"] or ""
    port = match["port"]
    if port is not None and not 0 < int(port) < 65536:
        raise GrammarError("port")
    return Uri(
        match["scheme"], user, match["host"], (port and int(port)) or None, parameters, asked
    )


def _unescape(text: str) -> str:
    octets = re.sub(
        rb"%([0-9A-Fa-f]{2})", lambda match: bytes((int(match[1], 16),)), text.encode("ascii")
    )
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError as error:
        raise GrammarError("escaped octets are not UTF-8") from error


def _unquote(text: str) -> str:
    if not text.startswith('"'):
        return text.strip(" \t")
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)


def _parameters(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for match in ONE_PARAM.finditer(text):
        name = match["name"].lower()
        if name in found:
            raise GrammarError(f"parameter {name} comes twice")
        found[name] = match["value"] or ""
    return found


def _addresses(value: str) -> list[Address]:
    found = []
    position = 0
    while True:
        match = ADDRESS.match(value, position)
        if match is None:
            raise GrammarError("name-addr")
        parameters = _parameters(match["parameters"])
        found.append(Address(_unquote(match["display"]), _uri(match["uri"]), parameters))
        position = match.end()
        if position == len(value):
            return found
        comma = BETWEEN.match(value, position)
        if comma is None:
            raise GrammarError("something follows a name-addr")
        position = comma.end()


def _one_address(value: str) -> Address:
    found = _addresses(value)
    if len(found) != 1:
        raise GrammarError("more than one address")
    return found[0]


def _without_headers(value: str) -> Address:
    found = _one_address(value)
    if found.uri.headers:
        raise GrammarError("a URI of From, To or Referred-By asks for no headers here")
    return found


def _asserted(value: str) -> list[Address]:
    found = _addresses(value)
    if len(found) > 2 or any(address.parameters for address in found):
        raise GrammarError("PAssertedID-value")
    return found


def _privacy(value: str) -> list[str]:
    if not PRIVACY.fullmatch(value):
        raise GrammarError("Privacy-hdr")
    found = re.split(SEMI, value)
    if not PRIV_VALUES.issuperset(found) or len(set(found)) != len(found):
        raise GrammarError("priv-value")
    return found


def _diversion(value: str) -> list[Address]:
    found = _addresses(value)
    for address in found:
        if address.parameters.get("reason") not in DIVERSION_REASONS:
            raise GrammarError("diversion-reason")
        if not re.fullmatch(r"[0-9]{1,2}", address.parameters.get("counter", "1")):
            raise GrammarError("diversion-counter")
    return found


def _history(value: str) -> list[Address]:
    found = _addresses(value)
    indexes = []
    for address in found:
        index = address.parameters.get("index", "")
        targets = [
            address.parameters[name] for name in ("rc", "mp", "np") if name in address.parameters
        ]
        if not INDEX.fullmatch(index) or len(targets) > 1:
            raise GrammarError("hi-entry")
        if any(target not in indexes for target in targets):
            raise GrammarError("an hi-entry refers to none before it")
        indexes.append(index)
    if len(set(indexes)) != len(indexes):
        raise GrammarError("an hi-index comes twice")
    return found


def _replaces(value: str) -> tuple[str, dict[str, str]]:
    match = REPLACES.fullmatch(value)
    if match is None:
        raise GrammarError("Replaces")
    parameters = _parameters(match["parameters"])
    if not {"to-tag", "from-tag"} <= parameters.keys():
        raise GrammarError("to-tag and from-tag")
    return match["call_id"], parameters


def _user_to_user(value: str) -> bytes:
    match = USER_TO_USER.fullmatch(value)
    if match is None:
        raise GrammarError("uui-value")
    parameters = _parameters(match["parameters"])
    if parameters.get("encoding") != "hex" or not HEX.fullmatch(match["data"]):
        raise GrammarError("uui-data is not in hex")
    data = bytes.fromhex(match["data"])
    if parameters.get("purpose") == "isdn-uui" and len(data) > MAX_ISDN_OCTETS:
        raise GrammarError("more than 128 octets")
    return data


READERS: Mapping[str, Callable[[str], object]] = {
    "To": _without_headers,
    "From": _without_headers,
    "Refer-To": _one_address,
    "Referred-By": _without_headers,
    "P-Asserted-Identity": _asserted,
    "Privacy": _privacy,
    "Diversion": _diversion,
    "History-Info": _history,
    "Replaces": _replaces,
    "User-to-User": _user_to_user,
}
"""Header -> parser of its value."""

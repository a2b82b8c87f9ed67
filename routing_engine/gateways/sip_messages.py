"""Parse SIP requests and build responses, by the grammar of RFC 3261.

Strict where a mistake would matter (request line, headers that are copied into a response, lengths)
and blind to all else. What is copied is printable text of one line, so that no request can put a
header of its own into a response.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from routing_engine.errors import RoutingError

__all__ = ["MAX_MESSAGE", "MalformedError", "Request", "body_length", "read_request", "response"]

MAX_MESSAGE = 65_535
MAX_HEADERS = 200
MAX_PORT = 65_535

_NAME = r"[A-Za-z0-9\-.!%*_+`'~]+"
_REQUEST_LINE = re.compile(rf"({_NAME}) (\S{{1,2048}}) SIP/([0-9]+\.[0-9]+)", re.ASCII)
_HEADER = re.compile(rf"({_NAME})[ \t]*:[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")
_FOLD = re.compile(r"\r\n[ \t]+")
_URI = re.compile(
    r"(?P<scheme>sips?):(?:(?P<user>[A-Za-z0-9\-_.!~*'()%&=+$,;?/]{1,1024})@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9.\-]{1,253})(?P<port>:[0-9]{1,5})?"
    r"(?P<rest>[;?][A-Za-z0-9\-_.!~*'()%&=+$/:\[\];?]{1,1024})?",
    re.ASCII | re.IGNORECASE,
)
_TEL = re.compile(r"tel:(?P<user>\+?[0-9\-.()*#A-Fa-f]{1,64})(?:;\S*)?", re.ASCII | re.IGNORECASE)
_CSEQ = re.compile(rf"([0-9]{{1,20}})[ \t]+({_NAME})", re.ASCII)
_VIA = re.compile(
    rf"SIP[ \t]*/[ \t]*2\.0[ \t]*/[ \t]*({_NAME})[ \t]+"
    r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9.\-]{1,253})(?:[ \t]*:[ \t]*([0-9]{1,5}))?"
    r"[ \t]*((?:;[^;,]*)*)",
    re.ASCII,
)
_TAG = re.compile(rf";[ \t]*tag[ \t]*=[ \t]*({_NAME})", re.ASCII | re.IGNORECASE)
_BRANCH = re.compile(rf";[ \t]*branch[ \t]*=[ \t]*({_NAME})", re.ASCII | re.IGNORECASE)
_RPORT = re.compile(r";[ \t]*rport[ \t]*(?=;|$)", re.ASCII | re.IGNORECASE)
_ADDRESS = re.compile(
    r"(?:\"(?:[^\"\\]|\\.)*\"[ \t]*<[^<>]+>|[^<>\"]*<[^<>]+>|[^<>;, \t\"]+)[ \t]*(?:;[^<>]*)?",
    re.DOTALL,
)
_WORD = r"[A-Za-z0-9\-.!%*_+`'~()<>:\\\"/\[\]?{}]+"
_CALL_ID = re.compile(rf"{_WORD}(?:@{_WORD})?", re.ASCII)

_COMPACT = {
    "v": "via", "f": "from", "t": "to", "i": "call-id", "l": "content-length", "m": "contact",
    "c": "content-type", "k": "supported", "e": "content-encoding", "s": "subject",
}  # fmt: skip
_ONCE = ("from", "to", "call-id", "cseq", "content-length", "max-forwards")
# What is no UTF-8 is copied into the response byte by byte.
_BYTES = "surrogateescape"
_REASONS = {
    200: "OK", 302: "Moved Temporarily", 400: "Bad Request", 404: "Not Found",
    405: "Method Not Allowed", 416: "Unsupported URI Scheme", 420: "Bad Extension",
    480: "Temporarily Unavailable", 481: "Call/Transaction Does Not Exist",
    500: "Server Internal Error", 503: "Service Unavailable", 505: "Version Not Supported",
    603: "Decline",
}  # fmt: skip


class MalformedError(RoutingError):
    """The message is not a request of RFC 3261.

    Attributes:
        request: what could be read of it, where that is enough to answer it; else None.
        status: what to answer then.
    """

    def __init__(self, what: str, request: Request | None = None, status: int = 400) -> None:
        super().__init__(what)
        self.request = request
        self.status = status


@dataclass(frozen=True, slots=True)
class Request:
    """The parts of a request that a redirect server needs.

    Attributes:
        method: as written; methods are case-sensitive.
        uri: the request URI.
        headers: name in lower case, value; in order.
        vias: each ``Via`` value, topmost first.
    """

    method: str
    uri: str
    headers: tuple[tuple[str, str], ...]
    vias: tuple[str, ...]

    def header(self, name: str) -> str:
        """Return the first value of a header, named in lower case; empty for none."""
        return next((value for key, value in self.headers if key == name), "")

    def text(self, name: str) -> str:
        """Return a header as text: UTF-8, as SIP has it, or else Windows-1252."""
        value = self.header(name)
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode(errors=_BYTES).decode("cp1252", "replace")
        return value

    def all(self, name: str) -> list[str]:
        """Return all values of a header."""
        return [value for key, value in self.headers if key == name]

    @property
    def user(self) -> str | None:
        """The user part of the request URI, unescaped, or None."""
        match = _URI.fullmatch(self.uri) or _TEL.fullmatch(self.uri)
        if match is None or match["user"] is None:
            return None
        # Parameters and a password are no part of the user's name.
        return unquote(match["user"].partition(";")[0].partition(":")[0])

    @property
    def host(self) -> str:
        """Host and port of the request URI; empty for a tel URI."""
        match = _URI.fullmatch(self.uri)
        return "" if match is None else match["host"] + (match["port"] or "")

    @property
    def has_known_scheme(self) -> bool:
        """Whether the request URI is a SIP or tel URI."""
        return _URI.fullmatch(self.uri) is not None or _TEL.fullmatch(self.uri) is not None

    @property
    def to_tag(self) -> str:
        """The tag of ``To``; empty outside a dialog."""
        found = _TAG.search(_parameters(self.header("to")))
        return "" if found is None else found[1]

    @property
    def key(self) -> tuple[str, ...]:
        """Key of the transaction, equal for retransmissions."""
        branch = _BRANCH.search(self.vias[0])
        return (
            "" if branch is None else branch[1],
            self.vias[0].partition(";")[0],
            self.header("call-id"),
            self.header("from"),
            self.header("cseq"),
            self.uri,
        )

    def reply_port(self) -> int | None:
        """The port of the topmost ``Via``; None if it asks for the source port (RFC 3581)."""
        match = _VIA.fullmatch(self.vias[0])
        if match is None or _RPORT.search(self.vias[0]):
            return None
        return int(match[3]) if match[3] else 5060


def _parameters(value: str) -> str:
    """Return the parameters after an address; after the brackets, if it has any."""
    return value.rpartition(">")[2] if ">" in value else value


def body_length(head: str) -> int | None:
    """Return the ``Content-Length`` of a message head, or None.

    Raises:
        MalformedError: it is no length.
    """
    for line in head.split("\r\n")[1:]:
        name, colon, value = line.partition(":")
        if colon and name.strip().lower() in ("content-length", "l"):
            text = value.strip()
            if not (text.isascii() and text.isdigit() and len(text) < 7):
                raise MalformedError("Content-Length")
            return int(text)
    return None


def read_request(data: bytes) -> Request | None:
    """Read one message, whole.

    Returns:
        The request; None for a response, or for nothing but line breaks (RFC 5626 keep-alive).

    Raises:
        MalformedError: neither; it may be answered where it holds a request.
    """
    if not data.strip(b"\r\n"):
        return None
    head_bytes, blank, body = data.lstrip(b"\r\n").partition(b"\r\n\r\n")
    head = head_bytes.decode(errors=_BYTES)
    if head.startswith("SIP/2.0 "):
        return None
    first, *lines = _FOLD.sub(" ", head).split("\r\n")
    match = _REQUEST_LINE.fullmatch(first)
    if match is None or not blank or len(lines) > MAX_HEADERS:
        raise MalformedError("request line")
    headers: list[tuple[str, str]] = []
    wrong = ""
    for line in lines:
        found = _HEADER.fullmatch(line)
        if found is None:
            wrong = wrong or "header"
            continue
        name = found[1].lower()
        headers.append((_COMPACT.get(name, name), found[2].rstrip(" \t")))
    vias = tuple(
        item.strip() for name, value in headers if name == "via" for item in value.split(",")
    )
    request = Request(match[1], match[2], tuple(headers), vias)
    _check_answerable(request)
    if wrong:
        raise MalformedError(wrong, request)
    if match[3] != "2.0":
        raise MalformedError("version", request, 505)
    for name in _ONCE:
        if len(request.all(name)) > 1:
            raise MalformedError(name, request)
    cseq = _CSEQ.fullmatch(request.header("cseq"))
    if cseq is None or cseq[2] != request.method or int(cseq[1]) >= 1 << 31:
        raise MalformedError("CSeq", request)
    hops = request.header("max-forwards")
    if hops and not (hops.isascii() and hops.isdigit() and int(hops[:4]) <= 255):
        raise MalformedError("Max-Forwards", request)
    try:
        length = body_length(head)
    except MalformedError as error:
        raise MalformedError("Content-Length", request) from error
    if length is not None and length > len(body):
        raise MalformedError("Content-Length", request)
    return request


def _check_answerable(request: Request) -> None:
    """Refuse requests that cannot be answered by the rules."""
    if not request.vias:
        raise MalformedError("Via")
    for via in request.vias:
        match = _VIA.fullmatch(via)
        if match is None or not 0 < int(match[3] or 5060) <= MAX_PORT:
            raise MalformedError("Via")
    for name in ("from", "to"):
        if not _ADDRESS.fullmatch(request.header(name)):
            raise MalformedError(name)
    if not _CALL_ID.fullmatch(request.header("call-id")):
        raise MalformedError("Call-ID")
    if not _CSEQ.fullmatch(request.header("cseq")):
        raise MalformedError("CSeq")


def response(
    request: Request,
    status: int,
    *,
    tag: str,
    source: tuple[str, int],
    headers: Iterable[tuple[str, str]] = (),
) -> bytes:
    """Build a response without a body.

    Args:
        request: what it answers.
        status: a final one.
        tag: of ``To``, where the request had none.
        source: address and port that the request came from.
        headers: more of them; their values are of one line.
    """
    to = request.header("to")
    if not request.to_tag:
        to = f"{to};tag={tag}"
    lines = [f"SIP/2.0 {status} {_REASONS[status]}"]
    lines += [f"Via: {via}" for via in _received(request.vias, source)]
    lines += [
        f"From: {request.header('from')}",
        f"To: {to}",
        f"Call-ID: {request.header('call-id')}",
        f"CSeq: {request.header('cseq')}",
    ]
    lines += [f"{name}: {' '.join(value.split())}" for name, value in headers]
    lines += ["Content-Length: 0", "", ""]
    return "\r\n".join(lines).encode(errors=_BYTES)


def _received(vias: Sequence[str], source: tuple[str, int]) -> list[str]:
    """Return the ``Via`` values, with the real source address in the topmost."""
    top, *others = vias
    match = _VIA.fullmatch(top)
    assert match is not None
    host, port = source
    shown = f"[{host}]" if ":" in host else host
    if _RPORT.search(top):
        top = _RPORT.sub(f";rport={port}", top, count=1) + f";received={host}"
    elif match[2] != shown:
        top += f";received={host}"
    return [top, *others]

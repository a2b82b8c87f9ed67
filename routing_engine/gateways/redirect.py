"""A SIP redirect server (RFC 3261 section 8.3): it answers INVITEs of proxies with 302.

It is a stateless user agent server: it sends no provisional responses, ignores ACK and CANCEL, and
answers a retransmission as it answered the request. Nobody is authenticated: listen where only your
own proxies can send.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import secrets
from collections import OrderedDict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from routing_engine.errors import InvalidValueError, RoutingError
from routing_engine.gateways.sip_messages import (
    MAX_MESSAGE,
    MalformedError,
    Request,
    body_length,
    read_request,
    response,
)
from routing_engine.integrations.headers import target
from routing_engine.model.caller import Caller
from routing_engine.model.decisions import Decision
from routing_engine.model.destinations import Destination
from routing_engine.model.outcomes import Outcome

if TYPE_CHECKING:
    from routing_engine.gateways.switchboard import Switchboard

__all__ = ["RedirectServer", "contacts"]

ALLOW = "INVITE, ACK, CANCEL, OPTIONS"
MAX_CONNECTIONS = 1000
MAX_PENDING = 2000
"""Most requests being decided at once; one more is answered 503."""

MAX_ANSWERS = 50_000
MAX_ADDRESS = 512
IDLE_S = 600.0
"""Seconds until a connection that says nothing is closed."""

MESSAGE_S = 10.0
"""Seconds that a message may take to arrive or to leave once it has begun."""

RETRY_AFTER_S = 2

_logger = logging.getLogger(__name__)

Headers = list[tuple[str, str]]


def contacts(decision: Decision, domain: str) -> list[str]:
    """Return ``Contact`` values of all destinations, the first with the highest ``q``.

    How long each may ring is its parameter ``ring``; an extension is ``ext``, for whoever can dial
    it after the answer, and never stands in the URI. One that no URI can be made of is left out.

    Args:
        decision: one that dials.
        domain: host of phone numbers.
    """
    found = []
    for destination, ring_s in decision.destinations:
        plain = destination if destination.number is None else Destination(destination.number)
        try:
            uri = target(plain, domain)
        except InvalidValueError:
            continue
        found.append((uri, ring_s, destination.extension))
    step = min(100, 900 // max(1, len(found)))
    values = []
    for i, (uri, ring_s, extension) in enumerate(found):
        q = 1000 - i * step
        value = f"<{uri}>;q={q // 1000}.{q % 1000:03d}".rstrip("0").removesuffix(".")
        value += "" if ring_s is None else f";ring={ring_s}"
        values.append(value + ("" if extension is None else f";ext={extension}"))
    return values


class RedirectServer:
    """A SIP redirect server over UDP and TCP.

    Args:
        switchboard: what decides.
        domain: host of the URIs of phone numbers; empty for that of the request URI.
    """

    def __init__(self, switchboard: Switchboard, *, domain: str = "") -> None:
        self._switchboard = switchboard
        self._domain = domain
        self._secret = secrets.token_bytes(16)
        self._answers: OrderedDict[tuple[str, ...], bytes] = OrderedDict()
        self._pending: dict[tuple[str, ...], asyncio.Task[None]] = {}
        self._n_connections = 0
        self._server: asyncio.Server | None = None
        self._transport: asyncio.DatagramTransport | None = None

    async def start(self, host: str, port: int) -> int:
        """Start listening by UDP and TCP on one port; return it."""
        self._server = await asyncio.start_server(
            self._connected, host, port, limit=MAX_MESSAGE, backlog=512
        )
        found: int = self._server.sockets[0].getsockname()[1]
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(self), local_addr=(host, found)
        )
        return found

    async def serve(self) -> None:
        """Serve until cancelled."""
        assert self._server is not None
        assert self._transport is not None
        try:
            async with self._server:
                await self._server.serve_forever()
        finally:
            self._transport.close()

    # ---------------------------------------------------------------- transports

    def datagram(self, data: bytes, source: tuple[str, int]) -> None:
        """Handle one message received by UDP."""
        request = self._read(data, source, self._send_datagram)
        if request is None:
            return
        key = request.key
        if key in self._answers:
            self._send_datagram(request, self._answers[key], source)
            return
        if key in self._pending:
            return  # a retransmission of one that is being decided
        if len(self._pending) >= MAX_PENDING:
            self._send_datagram(request, self._busy(request, source), source)
            return

        async def answer() -> None:
            try:
                made = await self.answer(request, source)
                if made:
                    self._keep(key, made)
                    self._send_datagram(request, made, source)
            finally:
                self._pending.pop(key, None)

        self._pending[key] = asyncio.create_task(answer())

    def _send_datagram(self, request: Request, data: bytes, source: tuple[str, int]) -> None:
        """Send to the source address, whatever ``Via`` says, so that no third party is flooded."""
        port = request.reply_port()
        if self._transport is not None:
            self._transport.sendto(data, (source[0], source[1] if port is None else port))

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._n_connections += 1
        source = writer.get_extra_info("peername")[:2]
        try:
            while self._n_connections <= MAX_CONNECTIONS:
                async with asyncio.timeout(IDLE_S):
                    first = await reader.readuntil(b"\r\n")
                if first == b"\r\n":
                    continue  # a keep-alive
                async with asyncio.timeout(MESSAGE_S):
                    data = first + await _rest_of_message(reader, first)

                def send(_: Request, made: bytes, __: tuple[str, int]) -> None:
                    writer.write(made)

                request = self._read(data, source, send)
                made = b"" if request is None else await self.answer(request, source)
                if made:
                    writer.write(made)
                    async with asyncio.timeout(MESSAGE_S):
                        await writer.drain()
        except (
            TimeoutError, ConnectionError, MalformedError,
            asyncio.IncompleteReadError, asyncio.LimitOverrunError,
        ):  # fmt: skip
            pass
        finally:
            self._n_connections -= 1
            writer.close()
            try:
                async with asyncio.timeout(MESSAGE_S):
                    await writer.wait_closed()
            except (ConnectionError, TimeoutError):
                writer.transport.abort()

    # ---------------------------------------------------------------- requests

    def _read(self, data: bytes, source: tuple[str, int], send: object) -> Request | None:
        """Parse a request; malformed ones are refused or dropped."""
        try:
            return read_request(data)
        except MalformedError as error:
            request = error.request
            if request is not None and request.method != "ACK":
                made = self._made(request, error.status, source)
                send(request, made, source)  # type: ignore[operator]
            return None

    async def answer(self, request: Request, source: tuple[str, int]) -> bytes:
        """Return the response to a request; empty for none."""
        if request.method in ("ACK", "CANCEL"):
            return b""  # a stateless server ignores them
        required = [item for item in request.all("require") if item]
        if required:
            unsupported = [("Unsupported", ", ".join(required))]
            return self._made(request, 420, source, unsupported)
        if request.method == "OPTIONS":
            return self._made(request, 200, source, [("Allow", ALLOW)])
        if request.method == "BYE" or request.to_tag:
            return self._made(request, 481, source)
        if request.method != "INVITE":
            return self._made(request, 405, source, [("Allow", ALLOW)])
        if not request.has_known_scheme:
            return self._made(request, 416, source)
        try:
            status, headers = await self._decided(request)
        except RoutingError as error:
            _logger.warning("an INVITE could not be decided: %s", type(error).__name__)
            status, headers = 500, []
        return self._made(request, status, source, headers)

    async def _decided(self, request: Request) -> tuple[int, Headers]:
        user = request.user
        location_id = None if user is None else self._switchboard.location_id(user)
        if location_id is None:
            return 404, []
        decision = await self._switchboard.ask(
            location_id,
            request.text("x-words"),
            caller=_caller(request, self._switchboard.region),
            called="" if user == location_id else user or "",
        )
        self._switchboard.forget(decision.decision_id)
        headers: Headers = [
            ("X-Routing-Outcome", decision.outcome.value),
            ("X-Routing-Reason", decision.reason.value),
            ("X-Routing-Decision", decision.decision_id),
        ]
        domain = self._domain or request.host or "localhost"
        found = contacts(decision, domain) if decision.destination is not None else []
        if found:
            return 302, [*(("Contact", value) for value in found), *headers]
        status = 480 if decision.outcome is Outcome.CLOSED else 603
        headers.append(("Reason", f'SIP;cause={status};text="{decision.reason.value}"'))
        if status == 480 and decision.next_opening is not None:
            wait_s = (decision.next_opening - datetime.now(UTC)).total_seconds()
            headers.append(("Retry-After", str(max(1, int(wait_s)))))
        return status, headers

    def _busy(self, request: Request, source: tuple[str, int]) -> bytes:
        return self._made(request, 503, source, [("Retry-After", str(RETRY_AFTER_S))])

    def _made(
        self,
        request: Request,
        status: int,
        source: tuple[str, int],
        headers: Sequence[tuple[str, str]] = (),
    ) -> bytes:
        signed = "\0".join(request.key).encode(errors="surrogateescape")
        # The same for a retransmission, and no other request's.
        tag = hmac.new(self._secret, signed, hashlib.sha256).hexdigest()[:16]
        return response(request, status, tag=tag, source=source, headers=headers)

    def _keep(self, key: tuple[str, ...], made: bytes) -> None:
        self._answers[key] = made
        if len(self._answers) > MAX_ANSWERS:
            self._answers.popitem(last=False)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: RedirectServer) -> None:
        self._server = server

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._server.datagram(data, addr[:2])


async def _rest_of_message(reader: asyncio.StreamReader, first: bytes) -> bytes:
    """Read what follows the first line of a message; it must have a ``Content-Length``."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = body_length((first + head).decode(errors="replace"))
    if length is None or len(first) + len(head) + length > MAX_MESSAGE:
        raise MalformedError("Content-Length")
    return head + (await reader.readexactly(length) if length else b"")


def _caller(request: Request, region: str | None) -> Caller:
    """Read the caller from the proxy's report, as unverified."""
    reported = request.text("p-asserted-identity") or request.text("from")
    if len(reported) > MAX_ADDRESS:
        return Caller()
    return Caller.reported(reported, privacy=request.header("privacy"), region=region)

"""FastAGI: tell an Asterisk dialplan where a caller goes, and whom to try next.

The protocol (https://docs.asterisk.org/Configuration/Interfaces/Asterisk-Gateway-Interface-AGI/):
Asterisk connects and sends ``agi_*`` lines up to an empty one; then every command gets one response
before the next is sent. A line ``HANGUP`` may come in between, once the caller has gone.

Nobody is authenticated: listen where only your own Asterisk can connect.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from typing import TYPE_CHECKING

from routing_engine.errors import RoutingError
from routing_engine.integrations.asterisk import caller_of, ending
from routing_engine.model.decisions import Decision

if TYPE_CHECKING:
    from routing_engine.gateways.switchboard import Switchboard

__all__ = ["AgiServer", "variables_of"]

MAX_LINE = 8192
MAX_LINES = 200
MAX_CONNECTIONS = 2000
REQUEST_S = 5.0
RESPONSE_S = 5.0
"""Timeout of Asterisk's request and of each of its responses."""

_ENVIRONMENT = re.compile(r"(agi_[a-z0-9_]{1,40}): ?(.*)", re.ASCII | re.DOTALL)
_RESPONSE = re.compile(r"(\d{3}) result=(-?\d+)(?: \((.*)\))?", re.ASCII | re.DOTALL)
_VALUE = "200 result=1 ("

_logger = logging.getLogger(__name__)


class _ProtocolError(RoutingError):
    """The peer does not speak AGI; the connection is closed."""


class _HungUpError(RoutingError):
    """The caller has hung up."""


def variables_of(decision: Decision | None, *, reason: str = "") -> dict[str, str]:
    """Return the channel variables of a decision, or of a call without location for None.

    Args:
        decision: what to do.
        reason: why there is none.
    """
    if decision is None:
        names = ("RULE", "DESTINATION", "EXTENSION", "RING", "DECISION")
        return {"ROUTING_OUTCOME": "", "ROUTING_REASON": reason} | {
            f"ROUTING_{name}": "" for name in names
        }
    destination, rule, ring_s = decision.destination, decision.concerned, decision.ring_timeout_s
    number = "" if destination is None else destination.number or destination.sip_uri or ""
    return {
        "ROUTING_OUTCOME": decision.outcome.value,
        "ROUTING_REASON": decision.reason.value,
        "ROUTING_RULE": "" if rule is None else rule.label,
        "ROUTING_DESTINATION": number,
        # Dialled after the answer: in a request URI it would be another number.
        "ROUTING_EXTENSION": "" if destination is None else destination.extension or "",
        "ROUTING_RING": "" if ring_s is None else str(ring_s),
        "ROUTING_DECISION": decision.decision_id,
    }


class _Channel:
    """One AGI connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.environment: dict[str, str] = {}
        self.has_hung_up = False

    async def read_request(self) -> None:
        """Read the ``agi_*`` lines."""
        for _ in range(MAX_LINES):
            line = await self._line()
            if not line:
                break
            match = _ENVIRONMENT.fullmatch(line)
            if match is None:
                raise _ProtocolError
            self.environment[match[1]] = match[2].strip()
        else:
            raise _ProtocolError
        if "agi_request" not in self.environment:
            raise _ProtocolError

    async def get(self, name: str) -> str:
        """Return a channel variable; empty if it is not set."""
        status, value = await self._command(f"GET VARIABLE {name}")
        return value if status == 1 else ""

    async def set(self, name: str, value: str) -> None:
        """Set a channel variable."""
        await self._command(f"SET VARIABLE {name} {_quoted(value)}")

    async def _command(self, command: str) -> tuple[int, str]:
        self._writer.write(command.encode() + b"\n")
        await self._writer.drain()
        async with asyncio.timeout(RESPONSE_S):
            while True:
                line = await self._line()
                if line == "HANGUP":
                    self.has_hung_up = True
                    continue
                # A value may have line breaks, and Asterisk writes them as they are.
                while line.startswith(_VALUE) and not line.endswith(")") and len(line) < MAX_LINE:
                    line += "\n" + await self._line()
                if not line[:3].isdigit():
                    continue  # the rest of such a value, one line of which ended with a bracket
                if line.startswith(("511", "510")):
                    raise _HungUpError if line.startswith("511") else _ProtocolError
                match = _RESPONSE.fullmatch(line)
                if match is None or match[1] != "200":
                    raise _ProtocolError
                return int(match[2]), match[3] or ""

    async def _line(self) -> str:
        try:
            raw = await self._reader.readuntil(b"\n")
        except asyncio.LimitOverrunError as error:
            raise _ProtocolError from error
        except asyncio.IncompleteReadError as error:
            raise ConnectionResetError from error
        return raw.decode(errors="replace").rstrip("\r\n")


def _quoted(value: str) -> str:
    """Quote a value as an argument of a command, on one line."""
    line = " ".join(value.split())
    return '"' + line.replace("\\", "\\\\").replace('"', '\\"') + '"'


class AgiServer:
    """A FastAGI server.

    Args:
        switchboard: what decides, and keeps the calls.
    """

    def __init__(self, switchboard: Switchboard) -> None:
        self._switchboard = switchboard
        self._server: asyncio.Server | None = None
        self._n_connections = 0

    async def start(self, host: str, port: int) -> int:
        """Start listening; return the port."""
        self._server = await asyncio.start_server(
            self._connected, host, port, limit=MAX_LINE, backlog=512
        )
        found: int = self._server.sockets[0].getsockname()[1]
        return found

    async def serve(self) -> None:
        """Serve until cancelled."""
        assert self._server is not None
        async with self._server:
            await self._server.serve_forever()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._n_connections += 1
        try:
            if self._n_connections > MAX_CONNECTIONS:
                _logger.warning("more than %d AGI connections; one is closed", MAX_CONNECTIONS)
                return
            await self._answer(_Channel(reader, writer))
        except (_ProtocolError, TimeoutError):
            _logger.warning("an AGI request that is malformed, or too slow, is closed")
        except (_HungUpError, ConnectionError):
            pass
        finally:
            self._n_connections -= 1
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, channel: _Channel) -> None:
        async with asyncio.timeout(REQUEST_S):
            await channel.read_request()
        variables = await self._decided(channel)
        if channel.has_hung_up:
            self._switchboard.forget(variables["ROUTING_DECISION"])
            return
        for name, value in variables.items():
            await channel.set(name, value)

    async def _decided(self, channel: _Channel) -> dict[str, str]:
        """Decide the variables: of the next destination, if this call was asked about before."""
        switchboard, environment = self._switchboard, channel.environment
        called = environment.get("agi_extension", "")
        named = environment.get("agi_arg_1", "")
        location_id = switchboard.location_id(named or called)
        before = await channel.get("ROUTING_DECISION")
        asked_at = switchboard.location_of(before)
        # Sent on to another location, the caller is a new one there. An extension that is nobody's
        # (``h``, ``s``) changes nothing.
        is_there = location_id == asked_at or (location_id is None and not named)
        if asked_at is not None and is_there:
            status = await channel.get("DIALSTATUS")
            if status:
                cause = await channel.get("HANGUPCAUSE")
                # Read once: the next request may come without a Dial in between.
                await channel.set("DIALSTATUS", "")
                decision = switchboard.ended(before, ending(status, cause))
                return variables_of(decision, reason="unknown_call")
        if location_id is None:
            return variables_of(None, reason="unknown_location")
        words = environment.get("agi_arg_2") or await channel.get("ROUTING_WORDS")
        caller = caller_of(
            environment.get("agi_callerid", ""),
            environment.get("agi_calleridname", ""),
            environment.get("agi_callingpres", ""),
            region=switchboard.region,
        )
        dialled = environment.get("agi_dnid", "")
        line = called if dialled in ("", "unknown") else dialled
        try:
            decision = await switchboard.ask(location_id, words, caller=caller, called=line)
        except RoutingError as error:  # the location was taken out this moment
            _logger.warning("an AGI request could not be decided: %s", type(error).__name__)
            return variables_of(None, reason="unknown_location")
        return variables_of(decision)

"""Transfers by SIP: what to add to a REFER, or to the INVITE of a back-to-back user agent.

Caller identity follows RFC 3325: ``P-Asserted-Identity`` goes only to a peer that is declared
trusted, and only for a number that somebody trusted vouches for. RFC 3325 lets an anonymous
caller's identity go to trusted peers beside ``Privacy: id``; here it goes only to one that is
declared to honour that too. By default nothing sent for an anonymous caller has the number.
"""

from __future__ import annotations

from dataclasses import dataclass

from routing_engine.errors import InvalidValueError
from routing_engine.integrations.headers import (
    Dialog,
    Header,
    address,
    context_headers,
    diversion,
    history,
    target,
)
from routing_engine.model.caller import Caller, Context
from routing_engine.model.destinations import Destination
from routing_engine.model.reported import is_withheld_name

__all__ = ["Dialog", "Peer", "invite", "refer"]

ANONYMOUS = '"Anonymous" <sip:anonymous@anonymous.invalid>'
"""``From`` of a caller who withholds the number: RFC 3323 section 4.1.1.3."""

UNAVAILABLE = "sip:unavailable@unknown.invalid"
"""URI of a caller whose number is not known: 3GPP TS 23.003 section 13.7."""


@dataclass(frozen=True, slots=True)
class Peer:
    """The SIP trunk, proxy or gateway that a request goes to.

    Attributes:
        domain: its host name, IPv4 or bracketed IPv6 address, with a port if it has one. Phone
            numbers are written as numbers of it.
        trusted: it is of the same trust domain (RFC 3325): a carrier under contract, an own PBX.
        honours_privacy: it keeps an asserted identity to itself beside ``Privacy: id``.

    Raises:
        InvalidValueError: not such a domain, or privacy is left to a peer that is not trusted.
    """

    domain: str
    trusted: bool = False
    honours_privacy: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.domain, str) or set(self.domain) & set("@;?"):
            raise InvalidValueError(f"domain {self.domain!r} is not a host, or host:port")
        uri = target(Destination.parse(f"sip:{self.domain}"), "")
        object.__setattr__(self, "domain", uri.removeprefix("sip:"))
        if self.honours_privacy and not self.trusted:
            raise InvalidValueError(
                "honours_privacy is for a trusted peer; give trusted=True too, or neither"
            )


def refer(
    caller: Caller,
    destination: Destination,
    *,
    peer: Peer,
    line: Destination | None = None,
    context: Context | None = None,
    replaces: Dialog | None = None,
) -> list[Header]:
    """Build the headers of a REFER (RFC 3515): the caller's side calls the destination.

    The context is put into the ``Refer-To`` URI, from where it is copied into the new INVITE
    (RFC 7433); so is ``Privacy: id`` for an anonymous caller. Which caller ID that
    INVITE shows is for its sender to say: a trunk must be set up to show the transferee's.

    Args:
        caller: on the line.
        destination: from the published table.
        peer: who gets the REFER; phone numbers are of its domain.
        line: the business's own number or URI that was called, for ``Referred-By`` (RFC 3892).
        context: for the person who picks up.
        replaces: of an attended transfer, the dialog with the destination (RFC 3891).

    Raises:
        InvalidValueError: a SIP URI cannot stand in a header.
    """
    asked: list[Header] = []
    if caller.anonymous:
        asked.append(("Privacy", "id"))
    if replaces is not None:
        asked.append(("Replaces", str(replaces)))
    asked += context_headers(caller, context)
    headers = [("Refer-To", address(target(destination, peer.domain), headers=asked))]
    if line is not None:
        headers.append(("Referred-By", address(target(line, peer.domain))))
    return headers


def invite(
    caller: Caller,
    destination: Destination,
    *,
    peer: Peer,
    line: Destination | None = None,
    context: Context | None = None,
    replaces: Dialog | None = None,
) -> list[Header]:
    """Build the headers of the INVITE to the destination, in order.

    The user agent adds ``Via``, ``Contact``, ``Call-ID``, ``CSeq``, ``Max-Forwards`` and the tag of
    ``From``, and sends it to the URI in ``To``.

    Args:
        caller: on the other leg.
        destination: from the published table.
        peer: who gets the INVITE.
        line: the business's own number or URI that was called; ``Diversion`` (RFC 5806) and
            ``History-Info`` (RFC 7044) then say that the call came through it.
        context: for the person who picks up.
        replaces: a dialog of the destination that the call takes the place of (RFC 3891).

    Raises:
        InvalidValueError: a SIP URI cannot stand in a header.
    """
    to = target(destination, peer.domain)
    headers = [("To", address(to)), ("From", _from(caller, peer))]
    may_know = peer.trusted and (peer.honours_privacy or not caller.anonymous)
    if may_know and caller.verified and caller.number is not None:
        name = "" if caller.anonymous or is_withheld_name(caller.name) else caller.name
        own = address(_phone(caller.number, peer), name)
        headers.append(("P-Asserted-Identity", own))
    if caller.anonymous:
        headers.append(("Privacy", "id"))
    if line is not None:
        through = target(line, peer.domain)
        headers.append(("Diversion", diversion(through)))
        headers.append(("History-Info", history((through, to))))
    if replaces is not None:
        headers.append(("Replaces", str(replaces)))
    return headers + context_headers(caller, context)


def _from(caller: Caller, peer: Peer) -> str:
    if caller.anonymous:
        return ANONYMOUS
    uri = UNAVAILABLE if caller.number is None else _phone(caller.number, peer)
    # A name that says "Private" of a number that is shown would be read as no number at all.
    return address(uri, "" if is_withheld_name(caller.name) else caller.name)


def _phone(number: str, peer: Peer) -> str:
    """Return the URI of a caller's number, which need not be a dialable one."""
    return f"sip:{number}@{peer.domain};user=phone"

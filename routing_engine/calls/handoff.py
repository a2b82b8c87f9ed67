"""The packet for the person who picks up: who is calling, why, what is known and what is not.

A :class:`Handoff` is made by ``call.handoff(decision)``, goes on as JSON and is what every builder
of :mod:`routing_engine.integrations` needs::

    handoff = call.handoff(decision)
    sip.invite(handoff.caller, handoff.destination, peer=peer, context=handoff.context)

Its JSON is of the schema ``routing_engine/resources/handoff-v1.schema.json`` and never longer than
``MAX_JSON`` bytes. What nobody should read goes before it is made: :class:`HandoffPolicy`, and the
number of a caller who withholds it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any

from pydantic import ConfigDict, Field, StringConstraints, TypeAdapter, field_validator

from routing_engine.calls.redaction import MAX_DETAIL, MAX_DETAILS, HandoffPolicy, Redaction
from routing_engine.model.caller import MAX_DETAIL_NAME, TAKEN, Caller, Context
from routing_engine.model.decisions import Decision
from routing_engine.model.destinations import Destination
from routing_engine.text.lines import cut
from routing_engine.validation import Value

__all__ = ["SCHEMA_VERSION", "Event", "Handoff", "HandoffPolicy", "Verification", "schema"]

SCHEMA_VERSION = "1.1"
"""Version of packets. A newer minor version only adds fields; a major one may change them."""

MAX_JSON = 32 * 1024
"""Most bytes of a packet's JSON, in UTF-8; the oldest timeline entries are dropped first."""

MAX_EVENTS = 100
MAX_EVENT = 200
MAX_NAME = 64
MAX_REASON = 300
MAX_VERIFICATIONS = 4
MAX_WHISPER = 200
"""Most characters of a whisper: about fifteen seconds of speech."""

_SHORTEST_REASON = 16
"""Fewest characters left for a reason for it to be whispered."""
_WHISPERED_NAME = 40


class _Part(Value):
    """Part of a packet; fields that a newer minor version added are ignored."""

    model_config = ConfigDict(extra="ignore")
    is_private = True


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened in a call.

    Attributes:
        at: when.
        kind: ``"caller"``, ``"agent"``, ``"silence"``, ``"agent_failed"``, ``"verified"``,
            ``"not_verified"``, ``"confirmed"``, ``"declined"``, ``"decided"``, ``"failed"``,
            ``"transferred"``.
        text: the words of a turn; otherwise what the kind leaves open: the method, the reason.
        number: what was dialled, where something was.
        reported: of a transfer that ended, what the platform said of it; empty where it was told
            in this library's own words.
    """

    at: datetime
    kind: str
    text: str = ""
    number: str | None = None
    reported: str = ""


_AN_EVENT = TypeAdapter(Event)


class Verification(_Part):
    """One way in which the caller's identity was verified.

    Attributes:
        method: as it was reported: ``"pin"``.
        at: when.
    """

    method: Annotated[str, StringConstraints(max_length=MAX_NAME)]
    at: datetime


_Name = Annotated[str, StringConstraints(max_length=MAX_DETAIL_NAME)]
_Detail = Annotated[str, StringConstraints(max_length=MAX_DETAIL)]


class Handoff(_Part):
    """Who is calling, why, and what is known.

    Attributes:
        schema_version: ``"1.1"``; any other ``"1.x"`` is read too, without what it added.
        call_id: of the call.
        decision_id: of the decision; ``Decision.decision_id``.
        location_id: who was called.
        location_name: its name; empty where it has none.
        caller: number (none where it is withheld or not known), name, whether they withhold the
            number, and whether somebody trusted vouches for the number.
        verified_by: how the caller's identity was verified in this call; empty where it was not.
        reason: why they call, in their own words, or as it was noted; it may be empty.
        rule: label of the rule that matched; empty where none did.
        details: what the agent collected, what the rule asks for first.
        missing: what the rule asks for and the agent did not collect.
        whisper: one or two sentences to be said to whoever picks up.
        destination: what to dial; null where nothing is to be dialled.
        ring_timeout_s: seconds that it may ring; null where nobody says.
        outcome: what was decided: ``"transfer"``, ``"default"`` and so on.
        outcome_reason: why that: ``"rule_matched"``, ``"person_requested"`` and so on.
        catalog_version: version of the catalog that decided.
        timeline: what happened, in order; the latest part of it, where all would be too long.

    Raises:
        InvalidValueError: lists every wrong field.
    """

    schema_version: Annotated[str, StringConstraints(pattern=r"^1\.[0-9]{1,4}$")]
    call_id: Annotated[str, StringConstraints(max_length=MAX_NAME)]
    decision_id: Annotated[str, StringConstraints(max_length=MAX_NAME)]
    location_id: Annotated[str, StringConstraints(max_length=256)]
    location_name: Annotated[str, StringConstraints(max_length=200)]
    caller: Caller
    verified_by: Annotated[tuple[Verification, ...], Field(max_length=MAX_VERIFICATIONS)]
    reason: Annotated[str, StringConstraints(max_length=MAX_REASON)]
    rule: Annotated[str, StringConstraints(max_length=200)]
    details: Annotated[dict[_Name, _Detail], Field(max_length=MAX_DETAILS)]
    missing: Annotated[tuple[_Name, ...], Field(max_length=MAX_DETAILS)]
    whisper: Annotated[str, StringConstraints(max_length=MAX_WHISPER)]
    destination: Destination | None
    ring_timeout_s: Annotated[int, Field(ge=1)] | None
    outcome: Annotated[str, StringConstraints(max_length=MAX_NAME)]
    outcome_reason: Annotated[str, StringConstraints(max_length=MAX_NAME)]
    catalog_version: Annotated[int, Field(ge=0)]
    timeline: Annotated[tuple[Event, ...], Field(max_length=MAX_EVENTS)]

    @field_validator("schema_version", mode="before")
    @classmethod
    def _is_of_this_major_version(cls, version: object) -> object:
        if isinstance(version, str) and not version.startswith("1."):
            raise ValueError("is of a major version that this library does not read; it reads 1.x")
        return version

    @field_validator("caller")
    @classmethod
    def _shows_what_it_may(cls, caller: Caller) -> Caller:
        if len(caller.name) > MAX_NAME:
            raise ValueError(f"has a name of more than {MAX_NAME} characters")
        shown = caller.shown
        return caller if shown == caller.number else replace(caller, number=shown)

    @classmethod
    def of(
        cls,
        decision: Decision,
        *,
        missing: Iterable[str],
        call_id: str,
        caller: Caller,
        location_name: str,
        rule: str,
        said: str,
        noted: str,
        details: Mapping[str, str],
        verified_by: Iterable[Event],
        timeline: Iterable[Event],
        policy: HandoffPolicy,
    ) -> Handoff:
        """Build a packet within its size limits, without what the policy hides.

        Args:
            decision: to hand over.
            missing: details that the rule asks for and the agent did not collect.
            call_id: of the call.
            caller: on the line, with the number even if it is withheld.
            location_name: for people.
            rule: label of the rule that matched.
            said: why they call, as the caller said it.
            noted: why they call, as the agent noted it; it goes first.
            details: what the agent collected, in order.
            verified_by: the verifications that hold.
            timeline: all that happened.
            policy: what is not passed on.
        """
        hide = Redaction(caller, details, policy)
        told = hide(noted, MAX_REASON)
        is_quoted = policy.transcript and not told
        if is_quoted:
            told = hide(said, MAX_REASON)
        name = hide(caller.name, MAX_NAME)
        place, label = hide(location_name, 200), hide(rule, 200)
        verifications = [
            Verification(method=hide(event.text, MAX_NAME), at=event.at) for event in verified_by
        ][-MAX_VERIFICATIONS:]
        packet = cls(
            schema_version=SCHEMA_VERSION,
            call_id=call_id,
            decision_id=decision.decision_id,
            location_id=decision.location_id,
            location_name=place,
            caller=caller if name == caller.name else replace(caller, name=name),
            verified_by=tuple(verifications),
            reason=told,
            rule=label,
            details=hide.details(details),
            missing=tuple(hide(item, MAX_DETAIL_NAME) for item in missing),
            whisper=_whisper(
                name, place, label, told, is_quoted=is_quoted, is_verified=bool(verifications)
            ),
            destination=decision.destination,
            ring_timeout_s=decision.ring_timeout_s,
            outcome=decision.outcome.value,
            outcome_reason=decision.reason.value,
            catalog_version=decision.catalog_version,
            timeline=(),
        )
        return packet._with_as_much_as_fits(timeline, hide, policy)

    def _with_as_much_as_fits(
        self, timeline: Iterable[Event], hide: Redaction, policy: HandoffPolicy
    ) -> Handoff:
        room = MAX_JSON - len(self.to_json().encode())
        kept: list[Event] = []
        for event in reversed(tuple(timeline)):
            if event.kind in ("caller", "agent") and not policy.transcript:
                continue
            text, reported = hide(event.text, MAX_EVENT), hide(event.reported, MAX_EVENT)
            is_plain = (text, reported) == (event.text, event.reported)
            entry = event if is_plain else replace(event, text=text, reported=reported)
            room -= len(_AN_EVENT.dump_json(entry)) + 1
            if room < 0 or len(kept) == MAX_EVENTS:
                break
            kept.append(entry)
        return self.model_copy(update={"timeline": tuple(reversed(kept))})

    @classmethod
    def from_json(cls, text: str | bytes) -> Handoff:
        """Read a packet from JSON of this or a newer minor version.

        Raises:
            InvalidValueError: it is not one, or is of another major version.
        """
        return cls.model_validate_json(text)

    def to_json(self) -> str:
        """Return the packet as JSON, at most ``MAX_JSON`` bytes in UTF-8."""
        return self.model_dump_json()

    @property
    def context(self) -> Context:
        """The context that builders of :mod:`routing_engine.integrations` take."""
        return Context(
            reason=": ".join(filter(None, (self.rule, self.reason))),
            location_id=self.location_id,
            decision_id=self.decision_id,
            details={
                f"detail {name}" if name in TAKEN else name: text
                for name, text in self.details.items()
            },
            whisper=self.whisper,
        )

    def __str__(self) -> str:
        """Return the packet for people, in a few lines."""
        numbered = self.caller.shown or ("withheld" if self.caller.anonymous else "unknown")
        ways = [verification.method for verification in self.verified_by]
        dialled = "nobody" if self.destination is None else str(self.destination)
        timeout = "" if self.ring_timeout_s is None else f", rings {self.ring_timeout_s} s"
        rows = {
            "caller": f"{self.caller.name} ({numbered})" if self.caller.name else numbered,
            "verified": ", ".join(ways) or "no",
            "reason": self.reason,
            "rule": self.rule,
            **{f"- {name}": text for name, text in self.details.items()},
            "missing": ", ".join(self.missing),
            "location": " ".join(filter(None, (self.location_id, self.location_name))),
            "dial": dialled + timeout,
            "decision": f"{self.decision_id} ({self.outcome}, {self.outcome_reason}, "
            f"catalog {self.catalog_version})",
            "whisper": self.whisper,
            "timeline": f"{len(self.timeline)} entries",
        }
        return "\n".join(f"{name:<9} {text}" for name, text in rows.items() if text)


def schema() -> str:
    """Return the JSON schema of a packet."""
    made: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:routing-engine:handoff:{SCHEMA_VERSION.partition('.')[0]}",
        **Handoff.model_json_schema(),
    }
    for part in (made, *made["$defs"].values()):
        part["description"] = part["description"].partition("\n\nRaises:")[0]
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"


def _whisper(
    name: str, place: str, rule: str, reason: str, *, is_quoted: bool, is_verified: bool
) -> str:
    """Compose what the person who picks up hears first; any part may be missing."""
    opening = "Transferred call"
    for word, text in (("from", name), ("for", place), ("about", rule)):
        if text:
            opening += (
                f"{',' if word == 'about' else ''} {word} {_shortened(text, _WHISPERED_NAME)}"
            )
    closing = " Their identity is verified." if is_verified else ""
    lead = " They said: " if is_quoted else " Reason: "
    opening = _closed(opening)
    room = MAX_WHISPER - len(opening) - len(lead) - len(closing) - 1
    told = _shortened(reason, room) if room >= _SHORTEST_REASON else ""
    return opening + (_closed(lead + told) if told else "") + closing


def _closed(sentence: str) -> str:
    """End a sentence with a full stop, unless it has an end."""
    return sentence if sentence[-1] in ".!?…" else sentence.rstrip(",;:- ") + "."


def _shortened(text: str, limit: int) -> str:
    """Cut to at most this many characters, between two words if possible."""
    if len(text) <= limit:
        return text
    head = cut(text, limit - 1)
    return (head.rpartition(" ")[0] or head).rstrip(" ,;:-") + "…"

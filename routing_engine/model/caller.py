"""Who is calling and why, limited to what the person who picks up may know."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from routing_engine.errors import InvalidValueError, mask
from routing_engine.model.reported import read_caller
from routing_engine.text.lines import one_line

__all__ = ["Caller", "Context"]

MAX_TEXT = 200
"""Most characters of a reason or detail; about fifteen seconds of speech."""

MAX_DETAIL_NAME = 64

TAKEN = frozenset(("id", "loc", "why"))
"""Reserved names, which details of a context cannot have."""

_E164 = re.compile(r"\+[1-9][0-9]{1,14}", re.ASCII)

# A number as people write it: digits with some punctuation between them.
_WRITTEN_DIGITS = re.compile(r"\d(?:[\W_]{0,8}\d)*")
_TELLING = 7
"""Fewest digits in a row that would give a withheld number away in another text."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The person on the line.

    Attributes:
        number: E.164, for example ``"+12025550188"``; None where it is not known.
        name: as the network or a customer record has it; it may be empty.
        anonymous: the caller withholds the number. It is then sent to nobody, but for
            a peer that is declared to honour ``Privacy``.
        verified: somebody trusted vouches for the number: a carrier that asserted it, or a
            STIR/SHAKEN attestation of level A. Only then it is asserted to others.

    Raises:
        InvalidValueError: the number is not E.164; :meth:`reported` reads what platforms write.
    """

    number: str | None = None
    name: str = ""
    anonymous: bool = False
    verified: bool = False

    def __post_init__(self) -> None:
        if self.number is not None and not (
            isinstance(self.number, str) and _E164.fullmatch(self.number)
        ):
            raise InvalidValueError(
                f"caller number {mask(str(self.number))!r} is not E.164, such as +12025550188; "
                "Caller.reported reads what a platform reports"
            )
        if not isinstance(self.name, str):
            raise InvalidValueError(f"a caller's name is a str, not {type(self.name).__name__}")

    @classmethod
    def reported(
        cls,
        text: str,
        *,
        name: str = "",
        privacy: str = "",
        verified: bool = False,
        region: str | None = None,
    ) -> Caller:
        """Read what a platform reports as the caller. Never fails, as a call is going on.

        Args:
            text: a number, as E.164 with or without its ``+``, or in the national format of
                ``region``; a SIP or tel URI of one, with a display name, host and parameters or
                not; a header such as ``From`` or ``P-Asserted-Identity``, of which the first
                number counts; or a word for none, such as ``anonymous``, ``Private Number`` or
                ``restricted``. What is none of these is an unknown number, and so is
                ``unknown``, ``unavailable`` or an empty text.
            name: display name, if the platform gives one.
            privacy: the ``Privacy`` header of the call that came in (RFC 3323), if it had one.
            verified: see the attribute.
            region: ISO 3166-1 alpha-2 code of the line, whose national numbers are read.
        """
        found = read_caller(text, name=name, privacy=privacy, region=region)
        if found.is_withheld:
            return cls(anonymous=True)
        is_verified = verified and found.number is not None
        return cls(found.number, found.name, found.wants_privacy, is_verified)

    @property
    def shown(self) -> str | None:
        """The number that others may see: None where it is withheld or not known."""
        return None if self.anonymous else self.number

    def redacted(self, text: str) -> str:
        """Return a text without this caller's number, if it is withheld.

        Digits go that have seven in a row in common with it, whatever stands between them.
        """
        if not self.anonymous or self.number is None:
            return text
        own = self.number[1:]
        telling = [own[i : i + _TELLING] for i in range(max(1, len(own) - _TELLING + 1))]

        def hidden(match: re.Match[str]) -> str:
            digits = "".join(str(unicodedata.digit(c)) for c in match[0] if c.isdecimal())
            return "***" if any(part in digits for part in telling) else match[0]

        return _WRITTEN_DIGITS.sub(hidden, text)


@dataclass(frozen=True, slots=True)
class Context:
    """Why a call is transferred, for the person who picks up and for their screen.

    Texts are kept on one line, without control characters, and cut at ``MAX_TEXT`` characters.

    Attributes:
        reason: why they call, in words: ``"Billing: a charge they do not recognise"``.
        location_id: which location the call came to.
        decision_id: under which everything about this decision can be looked up.
        details: what else is known, most important first; ``"id"``, ``"loc"`` and ``"why"``
            are taken.
        whisper: what is said to whoever picks up; the reason where it is empty.

    Raises:
        InvalidValueError: not str, or a detail has no name or one that is taken.
    """

    reason: str = ""
    location_id: str = ""
    decision_id: str = ""
    details: Mapping[str, str] = field(default_factory=dict, hash=False)
    whisper: str = ""

    def __post_init__(self) -> None:
        texts = (self.reason, self.location_id, self.decision_id, self.whisper)
        if not all(isinstance(text, str) for text in (*texts, *self.details.values())):
            raise InvalidValueError("every text of a context is a str")
        for name in ("reason", "location_id", "decision_id", "whisper"):
            object.__setattr__(self, name, one_line(getattr(self, name), MAX_TEXT))
        details = {
            one_line(key, MAX_DETAIL_NAME): one_line(text, MAX_TEXT)
            for key, text in self.details.items()
        }
        if wrong := {"", *TAKEN} & details.keys():
            raise InvalidValueError(
                f"a detail cannot be named {min(wrong)!r}; give it a name of its own"
            )
        object.__setattr__(self, "details", details)

    def for_others(self, caller: Caller) -> Context:
        """Return the context without the number of a caller who withholds it."""
        if not caller.anonymous or caller.number is None:
            return self
        return replace(
            self,
            reason=caller.redacted(self.reason),
            location_id=caller.redacted(self.location_id),
            decision_id=caller.redacted(self.decision_id),
            details={
                caller.redacted(key): caller.redacted(text) for key, text in self.details.items()
            },
            whisper=caller.redacted(self.whisper),
        )

    @property
    def spoken(self) -> str:
        """The reason as speech, without braces, which platforms would expand as templates."""
        said = self.whisper or self.reason
        return said.translate({ord("{"): None, ord("}"): None}).strip()

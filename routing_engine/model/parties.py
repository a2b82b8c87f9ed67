"""The caller's number and the called line, to which a call is never transferred.

A transfer to the caller's own number rings a phone that is in use, or its voicemail. A transfer to
the line that was called is answered by the agent once more, which transfers it again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from routing_engine.errors import InvalidValueError
from routing_engine.model.caller import Caller
from routing_engine.model.destinations import MAX_WRITTEN_LENGTH, Destination

__all__ = ["NOBODY", "Parties", "line_of"]

_URI = re.compile(r"(?:sips?:)?(?:(?P<user>[^@]*)@)?(?P<host>\[[^\]]*\]|[^:;?]*)", re.IGNORECASE)
_SEPARATORS = re.compile(r"[ ().\-]")
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_NATIONAL = re.compile(r"[0-9]{5,15}", re.ASCII)


def line_of(text: str | Destination) -> str:
    """Normalise a called line for comparison.

    Args:
        text: a number (E.164, or its digits as a switch passes them on), a SIP or tel URI of one,
            with a display name and parameters or not, or the name of a SIP user.

    Returns:
        E.164 where the text is a number; ``user@host`` in lower case for any other SIP URI; else
        the text itself, in lower case. Empty where nothing is there.
    """
    if isinstance(text, Destination):
        text = text.number or text.sip_uri or ""
    written = text[:MAX_WRITTEN_LENGTH].strip()
    number = Caller.reported(written).number
    if number is not None:
        return number
    if "<" in written:
        written = written[written.rindex("<") + 1 :].partition(">")[0]
    folded = written.casefold().removeprefix("tel:")
    if not folded.startswith(("sip:", "sips:")) and "@" not in folded:
        return _SEPARATORS.sub("", folded.partition(";")[0])
    match = _URI.match(folded)
    assert match is not None  # every part of it may be empty
    user = (match["user"] or "").partition(";")[0]
    return f"{user}@{match['host']}" if user else match["host"]


@dataclass(frozen=True, slots=True)
class Parties:
    """The caller's number and the called line, as far as they are known.

    Attributes:
        caller: the caller's own number, E.164; None where it is not known.
        called: the line that was called, as :func:`line_of` gives it; None where it is not known.

    Raises:
        InvalidValueError: neither text nor None.
    """

    caller: str | None = None
    called: str | None = None

    @classmethod
    def of(
        cls,
        caller: str | Caller | None = None,
        called: str | Destination | None = None,
    ) -> Parties:
        """Read both from a platform's report; what cannot be read stays unknown.

        Args:
            caller: the caller's number, also one that is withheld.
            called: the line that was called, as :func:`line_of` reads it.

        Raises:
            InvalidValueError: an argument of another type.
        """
        if called is not None and not isinstance(called, (str, Destination)):
            raise InvalidValueError(
                f"called is a str, a Destination or None, not {type(called).__name__}"
            )
        line = (line_of(called) or None) if called is not None else None
        if isinstance(caller, str):
            caller = Caller.reported(caller, region=cls(None, line).region)
        elif caller is not None and not isinstance(caller, Caller):
            raise InvalidValueError(
                f"caller_id is a str, a Caller or None, not {type(caller).__name__}"
            )
        number = None if caller is None else caller.number
        return NOBODY if number is line is None else cls(number, line)

    @property
    def region(self) -> str | None:
        """Country of the line that was called, whose national numbers are read; None for none."""
        if self.called is None or not _NUMBER.fullmatch(self.called):
            return None
        try:
            return Destination(self.called).country
        except InvalidValueError:
            return None

    def has(self, destination: Destination) -> bool:
        """Whether a transfer to a destination would loop back to the call itself.

        An extension behind the line that was called is answered by the line; one behind the
        caller's number is a phone of its own.
        """
        if self.caller is None and self.called is None:
            return False
        number = destination.number
        if number is None:
            own = line_of(destination)
            if own in (self.caller, self.called):
                return True
            user = own.partition("@")[0]
            # A switch that names the line by its user alone does not say on which host.
            return user == self.called or any(
                party is not None and _is_national_form(user, party)
                for party in (self.caller, self.called)
            )
        if number == self.called or (number == self.caller and destination.extension is None):
            return True
        return self.called is not None and _is_national_form(self.called, number)


NOBODY = Parties()
"""Parties of whom nothing is known."""


@lru_cache(maxsize=4096)
def _is_national_form(line: str, number: str) -> bool:
    """Whether digits are the national form of an E.164 number."""
    if not _NATIONAL.fullmatch(line) or not _NUMBER.fullmatch(number):
        return False
    import phonenumbers

    try:
        parsed = phonenumbers.parse(line, Destination(number).country)
    except (phonenumbers.NumberParseException, InvalidValueError):
        return False
    e164: str = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return e164 == number

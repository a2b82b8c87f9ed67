"""Hide parts of a call before it is handed over: card numbers, details, a withheld caller id."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from routing_engine.model.caller import MAX_DETAIL_NAME, Caller
from routing_engine.text.lines import cut, one_line, same_name
from routing_engine.validation import Value

__all__ = ["MAX_DETAIL", "MAX_DETAILS", "HandoffPolicy", "Redaction"]

MAX_DETAILS = 16
MAX_DETAIL = 200

_READ = 4096
"""Most characters of a text that are searched for what to hide; the rest is never shown."""

_LONGEST_NUMBER = 40
_SHORTEST_HIDDEN = 3
"""Fewest characters of a detail that is also hidden in speech; "7" would hide too much."""

_WRITTEN_DIGITS = re.compile(r"\d(?:[\W_]{0,3}\d){12,}")
_SOCIAL_SECURITY = re.compile(
    r"(?<!\d)\d{3}[\W_]{1,2}\d{2}[\W_]{1,2}\d{4}(?!\d)"
    r"|(?:(?<=social)|(?<=ssn)|(?<=security))(\D{0,40})(?:\d[\W_]?){8}\d(?!\d)",
    re.IGNORECASE,
)


class HandoffPolicy(Value):
    """Which parts of a call are hidden from the person who picks up.

    Attributes:
        mask_numbers: numbers of payment cards and of social security are not shown, wherever
            they were said or written in digits.
        masked_details: names of details of which only the last two characters are shown.
        left_out_details: names of details that are not passed on. Names are compared without
            case, spaces and punctuation. What is masked or left out is hidden also where the
            caller said it in the same words.
        transcript: whether the turns of the conversation go along; otherwise the reason too is
            only what was noted.
    """

    mask_numbers: bool = True
    masked_details: tuple[str, ...] = ()
    left_out_details: tuple[str, ...] = ()
    transcript: bool = True


class Redaction:
    """Cut texts to length, and hide what the policy hides.

    Args:
        caller: whose number may be withheld.
        details: of which some are masked or left out.
        policy: which.
    """

    def __init__(self, caller: Caller, details: Mapping[str, str], policy: HandoffPolicy) -> None:
        self._caller = caller
        self._mask_numbers = policy.mask_numbers
        self._left_out = set(map(same_name, policy.left_out_details))
        self._masked = set(map(same_name, policy.masked_details))
        hidden = [
            _line(text)
            for name, text in details.items()
            if same_name(name) in self._left_out | self._masked
        ]
        longest_first = sorted(
            (text for text in hidden if len(text) >= _SHORTEST_HIDDEN), key=len, reverse=True
        )
        self._values = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)", re.IGNORECASE)

    def __call__(self, text: str, limit: int) -> str:
        """Return a text redacted, on one line, of at most this many characters."""
        line = self._values.sub("***", _line(text))
        return self._cut(line, limit)

    def details(self, details: Mapping[str, str]) -> dict[str, str]:
        """Return the details, redacted."""
        shown: dict[str, str] = {}
        for name, text in details.items():
            key = same_name(name)
            if key in self._left_out:
                continue
            if key in self._masked:
                line = _line(text)
                told = self._cut("***" + (line[-2:] if len(line) > 4 else ""), MAX_DETAIL)
            else:
                told = self(text, MAX_DETAIL)
            if label := self(name, MAX_DETAIL_NAME):
                shown[label] = told
        return dict(list(shown.items())[:MAX_DETAILS])

    def _cut(self, line: str, limit: int) -> str:
        line = self._caller.redacted(line)
        if self._mask_numbers:
            line = _WRITTEN_DIGITS.sub(_without_card, line)
            line = _SOCIAL_SECURITY.sub(
                lambda match: (match[1] or "") + "[social security number]", line
            )
        return cut(line, limit)


def _line(text: str) -> str:
    """Return the text on one line, never cut within a number: half a card number is not recognised."""
    return cut(one_line(cut(text, _READ), 20 * _READ), _READ)


def _without_card(match: re.Match[str]) -> str:
    """Replace digits in a row if 13 to 19 of them could be a payment card number."""
    digits = [unicodedata.decimal(c) for c in match[0] if c.isdecimal()]
    if len(digits) > _LONGEST_NUMBER or any(
        digits[start] in (2, 3, 4, 5, 6) and _passes_luhn(digits[start : start + length])
        for length in range(13, 20)
        for start in range(len(digits) - length + 1)
    ):
        return "[card number]"
    return match[0]


def _passes_luhn(digits: list[int]) -> bool:
    """Whether digits pass the Luhn check (ISO/IEC 7812-1, annex B)."""
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return (sum(digits[::-2]) + sum(doubled)) % 10 == 0

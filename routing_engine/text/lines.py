"""Clean text of a caller or a model for one line of a message or a record."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["ascii_line", "cut", "one_line", "same_name"]

_LONGEST_READ = 4096
"""Most characters of a text that are read; what follows would be cut anyway."""

# Letters and marks that Unicode does not decompose.
_ASCII = str.maketrans({
    "ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O",
    "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "ı": "i",
    "‘": "'", "’": "'", "“": '"', "”": '"', "‐": "-", "–": "-", "—": "-",
})  # fmt: skip


def one_line(text: str, limit: int) -> str:
    """Return the text on one line, in Unicode.

    Control characters, direction marks, surrogates and unassigned characters go, white space
    becomes single spaces, compatibility forms (full-width digits) become plain ones.

    Args:
        text: anything.
        limit: most characters that are returned.
    """
    if text.isascii() and text.isprintable():  # as nearly all is, and nothing of it goes
        return " ".join(text[:_LONGEST_READ].split())[:limit].rstrip()
    folded = unicodedata.normalize("NFKC", text[:_LONGEST_READ])
    kept = "".join(c for c in folded if unicodedata.category(c)[0] != "C" or c.isspace())
    return " ".join(kept.split())[:limit].rstrip()


def ascii_line(text: str, limit: int) -> str:
    """Return the text on one line, in printable ASCII; accents and other signs are dropped.

    Args:
        text: anything.
        limit: most characters that are returned.
    """
    folded = unicodedata.normalize("NFKD", text[:_LONGEST_READ].translate(_ASCII))
    kept = "".join(" " if c.isspace() else c for c in folded if "!" <= c <= "~" or c.isspace())
    return " ".join(kept.split())[:limit].rstrip()


_BROKEN_NUMBER = re.compile(r"\d[\d\W_]*$")


def cut(text: str, limit: int) -> str:
    """Cut a text to its beginning, without half a number at its end.

    Half a card number is no longer told for one, and half a phone number is of no use.

    Args:
        text: anything; lone surrogates become question marks.
        limit: most characters that are returned.
    """
    if not text.isascii():
        text = text.encode(errors="replace").decode()
    if len(text) <= limit:
        return text
    return _BROKEN_NUMBER.sub("", text[:limit]).rstrip()


def same_name(name: str) -> str:
    """Fold a name for comparison: without case, white space and punctuation."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(character for character in folded if character.isalnum())

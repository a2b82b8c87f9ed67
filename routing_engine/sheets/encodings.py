"""Detect which old code page a text file is in."""

from __future__ import annotations

import logging
import re
import unicodedata
from pathlib import Path
from typing import NamedTuple

__all__ = ["Detected", "detected_encoding"]

MAX_SAMPLE_BYTES = 1 << 18

_NAMES = {
    "cp1252": "Windows-1252", "cp1250": "Windows-1250", "cp1251": "Windows-1251",
    "cp1253": "Windows-1253", "cp1254": "Windows-1254", "cp932": "Shift-JIS", "gb18030": "GB 18030",
    "big5": "Big5", "cp949": "EUC-KR", "cp1255": "Windows-1255", "cp1256": "Windows-1256",
    "cp1257": "Windows-1257", "cp874": "Windows-874",
}  # fmt: skip
_OF_REGION = {
    **dict.fromkeys(("PL", "CZ", "SK", "HU", "RO", "HR", "SI", "BA", "AL"), "cp1250"),
    **dict.fromkeys(("RU", "UA", "BY", "BG", "RS", "MK", "KZ"), "cp1251"),
    "GR": "cp1253", "CY": "cp1253", "TR": "cp1254", "JP": "cp932", "CN": "gb18030",
    **dict.fromkeys(("SA", "AE", "EG", "JO", "KW", "QA", "BH", "OM", "LB", "IQ", "MA", "DZ", "TN", "IR"), "cp1256"),
    **dict.fromkeys(("LT", "LV", "EE"), "cp1257"), "IL": "cp1255", "TH": "cp874",
    "SG": "gb18030", "TW": "big5", "HK": "big5", "KR": "cp949",
}  # fmt: skip
_BY_REGION_ALONE = frozenset(("cp1255", "cp1256", "cp1257", "cp874"))
"""Code pages that short texts of others are mistaken for."""


_WORD = re.compile(r"[^\s,;|\"()/.:0-9+-]+")
_QUOTES = "\u2018\u2019\u201c\u201d\u201e\u2013\u2014\u2026\u00b4\u20ac\u00b0\u00ba\u00aa\u00ae\u2122\u00ab\u00bb"


class Detected(NamedTuple):
    """A detected code page.

    Attributes:
        codec: as Python names it.
        name: as people know it.
        confidence: 0 to 1; None for the usual one, Windows-1252.
    """

    codec: str
    name: str
    confidence: float | None


def detected_encoding(path: Path, region: str | None) -> Detected | None:
    """Detect the code page of a file that is not UTF-8; None if no supported one fits.

    Windows-1252 is taken unless its letters make no words, or the sheet is of a region where
    another page was usual and reads it as well.
    """
    from charset_normalizer import from_bytes

    logging.getLogger("charset_normalizer").propagate = False
    sample, whole = _sample(path)
    possible = [codec for codec in _NAMES if _decodes(whole, codec)]
    usual = _OF_REGION.get(region or "")
    if usual in possible and _is_wordy(sample, usual):
        return Detected(usual, _NAMES[usual], _confidence(sample, usual))
    if "cp1252" in possible and _is_wordy(sample, "cp1252"):
        return Detected("cp1252", _NAMES["cp1252"], None)
    wordy = [
        codec for codec in possible if codec not in _BY_REGION_ALONE and _is_wordy(sample, codec)
    ]
    found = from_bytes(sample, cp_isolation=wordy).best() if wordy and len(sample) > 8 else None
    if found is not None and found.encoding in wordy:
        return Detected(found.encoding, _NAMES[found.encoding], 1 - found.chaos)
    return Detected("cp1252", _NAMES["cp1252"], None) if "cp1252" in possible else None


def _confidence(sample: bytes, codec: str) -> float:
    from charset_normalizer import from_bytes

    found = from_bytes(sample, cp_isolation=[codec], threshold=1.0).best()
    return 0.5 if found is None else 1 - found.chaos


def _is_wordy(sample: bytes, codec: str) -> bool:
    """Whether non-ASCII letters stand in words as in the languages of the code page.

    A page of another script makes signs inside words (``£ódŸ``), words of accented letters alone
    (``Ìîñêâà``), or mixes scripts in one word.
    """
    words = [word for word in _WORD.findall(sample.decode(codec, "replace")) if not word.isascii()]
    is_latin = codec in ("cp1252", "cp1250", "cp1254", "cp1257")
    is_east = codec in ("cp932", "gb18030", "big5", "cp949")
    strange = 0
    for word in words:
        others = [c for c in word if not c.isascii()]
        if not all(
            c.isalpha()
            or c in _QUOTES
            or unicodedata.category(c) == "Mn"
            or (is_east and _is_mark(c))
            for c in others
        ):
            strange += 1
        elif is_latin:
            strange += len(word) > 2 and len(others) == len(word)
        else:
            # "FAX番号" is usual, and "Caf驛" is not.
            letters = [c for c in word if c.isalpha() and not (is_east and c.isupper())]
            strange += any(unicodedata.name(c, "?").startswith("LATIN") for c in letters)
    return strange <= len(words) * 0.2


def _is_mark(character: str) -> bool:
    """Whether a character is a mark or a wide form of the East: ``・``, ``～``, ``（``."""
    return (
        "\u3000" <= character <= "\u303f"
        or character == "\u30fb"
        or "\uff00" <= character <= "\uffef"
    )


def _sample(path: Path) -> tuple[bytes, bytes]:
    """Return the lines with non-ASCII letters, and the whole file."""
    whole = path.read_bytes()
    lines = [line for line in whole.splitlines() if not line.isascii()]
    return b"\n".join(lines)[:MAX_SAMPLE_BYTES], whole


def _decodes(data: bytes, codec: str) -> bool:
    try:
        data.decode(codec)
    except UnicodeDecodeError:
        return False
    return True

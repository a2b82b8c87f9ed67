"""Read what platforms write as the caller: numbers, SIP and tel URIs, headers, and words for none."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote

from routing_engine.text.lines import same_name

__all__ = ["ReportedCaller", "is_withheld_name", "read_caller"]

MAX_LENGTH = 512
"""Most characters of a value; no platform writes a longer one."""

_E164 = re.compile(r"\+[1-9][0-9]{1,14}", re.ASCII)
_WRITTEN = re.compile(r"\+?[0-9 ().\-/]{3,40}", re.ASCII)
_SEPARATORS = re.compile(r"[ ().\-/]")
_EXTENSION = re.compile(r"\s*(?:,|x|ext\.?|extension)\s*[0-9]{1,8}")

_DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−"), "-")
_HEADER_NAME = re.compile(
    r"(?i)\s*(?:from|f|contact|remote-party-id|p-(?:asserted|preferred)-identity)\s*:\s*(?=[\"<\w])"
)
# A header of SIP: a display name, quoted or not, an address in brackets, and parameters.
_NAME_ADDRESS = re.compile(
    r"\s*(?P<name>\"(?:[^\"\\]|\\.)*\"|[^<>\",;]*?)\s*<(?P<address>[^<>]+)>(?P<parameters>(?:[^<\",]|\"[^\"]*\")*)",
    re.DOTALL,
)
_PRIVACY = re.compile(r";\s*privacy\s*=\s*\"?(?:full|uri)", re.IGNORECASE)
_CONTEXT = re.compile(r";phone-context=(\+[0-9.\-()]{1,20})")
_ASKED_PRIVACY = frozenset(("id", "user", "header", "session"))

# Said by networks, switches and platforms, in their countries' languages; and the words on a
# telephone keypad, as Twilio wrote them for years.
_WITHHELD_NAMES = frozenset((
    "anonymous", "restricted", "private", "withheld",
    "anonym", "anonymus", "anonyme", "anonimo", "anónimo", "anônimo", "anoniem", "anonymní",
    "anonimowy", "privé", "privado", "privato", "masqué", "unterdrückt",
))  # fmt: skip
_WITHHELD = _WITHHELD_NAMES | frozenset((
    "blocked", "hidden", "nocallerid", "oculto", "nascosto", "rufnummerunterdrückt",
    "numéromasqué", "numéroprivé", "númerooculto", "númeroprivado", "numeroprivato",
    "266696687", "2562533", "7378742833",
))  # fmt: skip
_UNAVAILABLE = frozenset(("8656696", "86282452253"))
_AROUND = re.compile(
    r"^(?:number|callerid|caller|id)(?=.)|(?<=.)(?:number|callerid|caller|calls?|id)$"
)
_NOBODYS_HOST = "anonymous.invalid"


class ReportedCaller(NamedTuple):
    """A caller as reported by a platform.

    Attributes:
        number: E.164; None where it is withheld or not known.
        name: display name; empty where there is none.
        is_withheld: the caller withholds the number, and nothing of it was written.
        wants_privacy: the number was written, and is to be kept from others.
    """

    number: str | None = None
    name: str = ""
    is_withheld: bool = False
    wants_privacy: bool = False


def read_caller(text: str, *, name: str, privacy: str, region: str | None) -> ReportedCaller:
    """Read a caller; never fails.

    Args:
        text, name, privacy, region: as for ``Caller.reported``.
    """
    asked = {value.strip() for value in privacy.casefold().split(";")}
    wants_privacy = not asked.isdisjoint(_ASKED_PRIVACY)
    found = ReportedCaller(name=name)
    for shown, address, parameters in _addresses(_folded(text)):
        own_name = name or shown
        user, host, context = _parts(address)
        if host == _NOBODYS_HOST or _says(user, _WITHHELD) or is_withheld_name(own_name):
            return ReportedCaller(is_withheld=True)
        wants_privacy |= _PRIVACY.search(parameters) is not None
        number = _number(user, context, region)
        found = ReportedCaller(number, own_name or found.name)
        if number is not None:
            break
    return found._replace(wants_privacy=wants_privacy)


def is_withheld_name(name: str) -> bool:
    """Whether a display name says that the caller withholds the number."""
    return _says(name, _WITHHELD_NAMES)


def _folded(text: str) -> str:
    """Normalise what differs only on screen: direction marks, wide digits, long dashes."""
    cut = text[:MAX_LENGTH]
    if not cut.isascii():
        kept = (c for c in cut if unicodedata.category(c) != "Cf")
        cut = unicodedata.normalize("NFKC", "".join(kept)).translate(_DASHES)
    cut = cut.strip()
    header = _HEADER_NAME.match(cut)
    return cut if header is None else cut[header.end() :]


def _addresses(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield every address of a value: display name, address, header parameters."""
    start, count = 0, 0
    while (match := _NAME_ADDRESS.match(text, start)) is not None:
        shown = match["name"].strip()
        if shown.startswith('"'):
            shown = re.sub(r"\\(.)", r"\1", shown[1:-1], flags=re.DOTALL).strip()
        yield shown, match["address"], match["parameters"]
        count += 1
        start = match.end()
        if text[start : start + 1] != ",":
            return
        start += 1
    if not count:
        yield "", text.strip("<>"), ""


def _parts(address: str) -> tuple[str, str, str]:
    """Split an address into user or number, host and phone context, in lower case."""
    folded = address.strip().casefold()
    for scheme in ("sips:", "sip:", "tel:", "sip_"):
        if folded.startswith(scheme):
            folded = folded[len(scheme) :]
            break
    context = _CONTEXT.search(folded)
    user, at, rest = folded.rpartition("@")
    host = re.split("[:;?>]", rest, maxsplit=1)[0] if at else ""
    user = unquote(user if at else rest).partition(";")[0]
    if at:
        user = user.partition(":")[0]  # a password
    return user.strip(), host, "" if context is None else context[1]


def _says(text: str, words: frozenset[str]) -> bool:
    """Whether a text is one of some words, ignoring "number" or "caller" around it."""
    folded = same_name(text)
    return folded in words or _AROUND.sub("", folded) in words


def _number(user: str, context: str, region: str | None) -> str | None:
    """Read a user part or a text as an E.164 number."""
    shortened = _EXTENSION.sub("", user) if _EXTENSION.search(user) else user
    if not _WRITTEN.fullmatch(shortened):
        return None
    if shortened.startswith("+"):
        shortened = shortened.replace("(0)", "")
    digits = _SEPARATORS.sub("", shortened)
    if context and not digits.startswith("+"):
        digits = _SEPARATORS.sub("", context) + digits
    if digits.lstrip("+") in _UNAVAILABLE:
        return None
    if digits.startswith("+"):
        return digits if _E164.fullmatch(digits) else None
    return _without_plus(digits, None if region is None else region.upper())


def _without_plus(digits: str, region: str | None) -> str | None:
    """Read digits without ``+``: of the region, or E.164 that lost its plus.

    Where a region's national numbers begin with a trunk prefix, such as 0, digits without it are
    first tried as E.164; elsewhere they are first tried as a national number.
    """
    import phonenumbers

    tries: list[tuple[str, str | None]] = [(f"+{digits.removeprefix('00')}", None)]
    if region in phonenumbers.SUPPORTED_REGIONS:
        trunk = phonenumbers.ndd_prefix_for_region(region, True) or ""
        is_national = trunk in ("", "1") or digits.startswith(trunk)
        tries.insert(0 if is_national or digits.startswith("00") else 1, (digits, region))
    for text, country in tries:
        try:
            parsed = phonenumbers.parse(text, country)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(parsed):
            return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return None

"""Locations from what is stored of them.

Locations of one brand are alike word for word but for their numbers and names. To check the same
words ten thousand times would stop every thread that routes for as long. So ids, names and numbers
are cut out of what is stored; where what is left was read before, only they are new.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from routing_engine.columns import (
    NO_DESTINATION,
    SPECIAL,
    ColumnsBuilder,
    CompiledLocation,
    LocationColumns,
)
from routing_engine.destinations import as_kept
from routing_engine.errors import InvalidValueError
from routing_engine.models import MAX_LABEL_LENGTH, MAX_LOCATION_ID_LENGTH, Location

__all__ = ["read_locations"]

# What is cut out is right as it stands, wherever it comes from: white space that is folded, and
# nothing to escape. Nothing within a text looks like a key: it has a backslash before its quotes.
_WORD: Final = r'[^\s"\\\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+'
_WORDS: Final = rf"{_WORD}(?: {_WORD})*"
_DIGITS: Final = r"[1-9][0-9]{6,14}"
_HEAD: Final = re.compile(rf'\{{"location_id":"({_WORDS})","default_destination":"\+({_DIGITS})",')
_NUMBER: Final = re.compile(rf'"destination":"\+({_DIGITS})"')
_NAME_KEY: Final = '],"name":'
_NAME: Final = re.compile(rf'"({_WORDS})"')


def read_locations(
    texts: Mapping[str, str],
) -> tuple[LocationColumns, dict[str, InvalidValueError]]:
    """Read locations as a store keeps them.

    Args:
        texts: location id -> JSON of a :class:`~routing_engine.models.Location`, in which it may
            have another id.

    Returns:
        Those that can be read, in order; and of the others, why not.
    """
    reader = _Reader()
    unreadable: dict[str, InvalidValueError] = {}
    with as_kept():
        for location_id, text in texts.items():
            try:
                reader.add(location_id, text)
            except InvalidValueError as error:
                unreadable[location_id] = error
    return reader.builder.columns(), unreadable


class _Cut(NamedTuple):
    """What is stored of a location, cut into what it may share with others and what is its own.

    Attributes:
        shared: what is left.
        location_id: as it is stored.
        default: digits of the default number.
        numbers: digits of the numbers that rules go to.
        name: None where it is part of what is left.
    """

    shared: tuple[str, ...]
    location_id: str
    default: str
    numbers: list[str]
    name: str | None


def _cut(text: str) -> _Cut | None:
    """Cut what is stored; None where it does not look as usual."""
    head = _HEAD.match(text)
    key = text.rfind(_NAME_KEY)
    if head is None or key < 0 or len(head[1]) > MAX_LOCATION_ID_LENGTH:
        return None
    after = key + len(_NAME_KEY)
    name = _NAME.match(text, after)
    if name is not None and len(name[1]) > MAX_LABEL_LENGTH:
        name = None
    parts = _NUMBER.split(text[head.end() : after])
    shared = *parts[::2], text[after if name is None else name.end() :]
    return _Cut(shared, head[1], head[2], parts[1::2], None if name is None else name[1])


class _Known(NamedTuple):
    """A location that was read, to read others like it.

    Attributes:
        compiled: it.
        numbered: which of its rules go to a plain number.
    """

    compiled: CompiledLocation
    numbered: list[int]

    @classmethod
    def of(cls, location: Location, compiled: CompiledLocation, cut: _Cut) -> _Known | None:
        """What is known of a location; None where another like it may be another matter."""
        codes = compiled.destinations
        numbered = [i for i, code in enumerate(codes) if NO_DESTINATION < code < SPECIAL]
        # Rules for the same callers must not send them to different numbers.
        callers = {(rule.when.casefold(), rule.languages) for rule in location.rules}
        is_as_cut = (
            location.location_id == cut.location_id
            and (cut.name is None or location.name == cut.name)
            and compiled.default == int(cut.default)
            and [codes[i] for i in numbered] == list(map(int, cut.numbers))
        )
        return cls(compiled, numbered) if is_as_cut and len(callers) == len(codes) else None

    def like(self, cut: _Cut) -> CompiledLocation:
        """The same location with what is another's own."""
        destinations = list(self.compiled.destinations)
        for i, digits in zip(self.numbered, cut.numbers, strict=True):
            destinations[i] = int(digits)
        name = self.compiled.name if cut.name is None else cut.name
        return self.compiled._replace(
            name=name, default=int(cut.default), destinations=destinations
        )


class _Reader:
    """Reads locations one after the other.

    Attributes:
        builder: has those that were read.
    """

    def __init__(self) -> None:
        self.builder = ColumnsBuilder()
        self._known: dict[tuple[str, ...], _Known] = {}

    def add(self, location_id: str, text: str) -> None:
        """Read one more.

        Raises:
            InvalidValueError: it is no location.
        """
        cut = _cut(text)
        known = None if cut is None else self._known.get(cut.shared)
        if cut is not None and known is not None:
            self.builder.add(location_id, known.like(cut))
            return
        location = Location.model_validate_json(text)
        compiled = self.builder.compiled(location)
        self.builder.add(location_id, compiled)
        known = None if cut is None else _Known.of(location, compiled, cut)
        if cut is not None and known is not None:
            self._known[cut.shared] = known

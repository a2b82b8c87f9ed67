"""Read locations from stored documents.

Locations of one brand are alike word for word but for their ids, names and numbers. To check the
same words ten thousand times would stop every thread that routes for as long. So what is a
location's own is taken out of what is stored; where the rest was read before, only that is new.
"""

from __future__ import annotations

import marshal
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from pydantic_core import from_json

from routing_engine.catalog.columns import (
    NO_DESTINATION,
    ColumnsBuilder,
    CompiledLocation,
    LocationColumns,
)
from routing_engine.errors import InvalidValueError
from routing_engine.model.called import is_line
from routing_engine.model.destinations import as_kept
from routing_engine.model.rules import (
    MAX_LABEL_LENGTH,
    MAX_LINES,
    MAX_LOCATION_ID_LENGTH,
    Location,
)

__all__ = ["read_locations", "scoped_line"]

# What is right as it stands, wherever it comes from: there is no white space to fold.
_WORD: Final = r"[^\s\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+"
_WORDS: Final = re.compile(rf"{_WORD}(?: {_WORD})*")
_NUMBER: Final = re.compile(r"\+[1-9][0-9]{6,14}")


def read_locations(
    texts: Mapping[str, str],
    scopes: Mapping[str, str] | None = None,
) -> tuple[LocationColumns, dict[str, InvalidValueError]]:
    """Read locations from stored documents, sharing equal rules.

    Args:
        texts: location id -> JSON of a :class:`~routing_engine.model.rules.Location`, in which it may
            have another id.
        scopes: location id -> whose it is, where locations of several are read together: their
            lines are then ``SCOPE/LINE``, since two may have one line.

    Returns:
        Those that can be read, in order; and of the others, why not.
    """
    reader = _Reader()
    unreadable: dict[str, InvalidValueError] = {}
    with as_kept():
        for location_id, text in texts.items():
            try:
                reader.add(location_id, text, "" if scopes is None else scopes[location_id])
            except InvalidValueError as error:
                unreadable[location_id] = error
    return reader.builder.columns(), unreadable


class _Own(NamedTuple):
    """The parts of a location that it does not share.

    Attributes:
        name: empty for None.
        default: destination code.
        destinations: the code of each rule's.
        lines: what callers dial.
    """

    name: str
    default: int
    destinations: list[int]
    lines: tuple[str, ...]


def _parted(text: str) -> tuple[bytes, _Own] | None:
    """Split a document into shared and own parts; None if it has an unusual form."""
    try:
        fields = from_json(text)
        location_id, name = fields.pop("location_id"), fields.pop("name")
        default = _code(fields.pop("default_destination"))
        codes = [_code(rule.pop("destination")) for rule in fields["rules"]]
        lines = tuple(fields.pop("lines", ()))
        # Which rules go nowhere is not their own.
        shared = marshal.dumps((fields, [code == NO_DESTINATION for code in codes]), 2)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    if default == NO_DESTINATION or not _is_sound(location_id, MAX_LOCATION_ID_LENGTH):
        return None
    if name is not None and not _is_sound(name, MAX_LABEL_LENGTH):
        return None
    if len(lines) > MAX_LINES or len(set(lines)) < len(lines) or not all(map(is_line, lines)):
        return None
    return shared, _Own(name or "", default, codes, lines)


def _is_sound(text: Any, length: int) -> bool:
    return isinstance(text, str) and len(text) <= length and _WORDS.fullmatch(text) is not None


def _code(number: Any) -> int:
    """Return the code of a plain number, or of no number.

    Raises:
        ValueError: it is another destination.
        TypeError: it is no text.
    """
    if number is None:
        return NO_DESTINATION
    if _NUMBER.fullmatch(number) is None:
        raise ValueError("no plain number")
    return int(number)


class _Reader:
    """Read locations one after another.

    Attributes:
        builder: has those that were read.
    """

    def __init__(self) -> None:
        self.builder = ColumnsBuilder()
        self._known: dict[bytes, CompiledLocation] = {}

    def add(self, location_id: str, text: str, scope: str = "") -> None:
        """Read one more location.

        Raises:
            InvalidValueError: it is no location.
        """
        parted = _parted(text)
        known = None if parted is None else self._known.get(parted[0])
        if parted is not None and known is not None:
            found = known._replace(**parted[1]._asdict())
            self.builder.add(location_id, _scoped(found, scope))
            return
        location = Location.model_validate_json(text)
        compiled = self.builder.compiled(location)
        self.builder.add(location_id, _scoped(compiled, scope))
        # Rules for the same callers must not send them to different numbers: these are read whole.
        callers = {(rule.when.casefold(), rule.languages) for rule in location.rules}
        if parted is not None and len(callers) == len(location.rules):
            shared, own = parted
            if compiled._replace(**own._asdict()) == compiled:
                self._known[shared] = compiled


def _scoped(location: CompiledLocation, scope: str) -> CompiledLocation:
    """Return a location whose lines are those of one scope."""
    if not scope or not location.lines:
        return location
    return location._replace(lines=tuple(scoped_line(scope, line) for line in location.lines))


def scoped_line(scope: str, line: str) -> str:
    """Return a line among those of several scopes."""
    return f"{scope}/{line}"

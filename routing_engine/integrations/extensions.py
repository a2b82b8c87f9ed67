"""What is dialled after a number has answered: digits, keys and pauses, as each way can send them.

An extension without pauses is dialled when the way thinks fit. One with pauses or keys, such as
``pp12#``, says when and what; where a way cannot say that, it is refused and never cut short.
"""

from __future__ import annotations

from routing_engine.errors import InvalidValueError
from routing_engine.model.destinations import PAUSE, Destination

__all__ = ["number_uri", "plain_extension", "tones"]

_SECONDS_BEFORE = 2
"""Before an extension that does not say how long to wait."""


def plain_extension(destination: Destination, way: str, *, keys: str = "") -> str | None:
    """The extension, for a way that waits as long as it likes; None where there is none.

    Args:
        destination: from the published table.
        way: as the error names it.
        keys: what may be sent beside digits.

    Raises:
        InvalidValueError: it has pauses, or keys that the way cannot send.
    """
    extension = destination.extension
    if extension is None or not extension.strip("0123456789" + keys):
        return extension
    what = "a pause" if PAUSE in extension else "the key * or #"
    raise InvalidValueError(
        f"{destination.masked}: {way} cannot send {what} after the number; publish the extension "
        "as digits alone, or a number that needs none"
    )


def number_uri(destination: Destination, way: str) -> str:
    """The ``tel:`` URI of a number (RFC 3966), with its extension.

    Raises:
        InvalidValueError: the extension has pauses or keys, for which it has no place.
    """
    plain_extension(destination, way)
    return f"tel:{destination}"


def tones(extension: str) -> str:
    """The extension as Twilio's ``sendDigits``: ``w`` is half a second."""
    wait = "" if extension.startswith(PAUSE) else PAUSE * _SECONDS_BEFORE
    return (wait + extension).replace(PAUSE, "ww")

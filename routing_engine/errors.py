"""All errors that this library raises for its user.

    RoutingError
    ├── InvalidValueError (ValueError)      a constructor argument or an option is wrong
    ├── SheetError                          a routing sheet cannot be loaded as it is
    ├── UnknownLocationError (KeyError)     no such location in this catalog version
    ├── EncoderError                        an encoder cannot be loaded, or misbehaved
    │   └── ModelIntegrityError             model weights are not the ones that were expected
    ├── SuggestionError                     a language model that was asked for examples failed
    ├── SnapshotError                       a snapshot is missing, altered, foreign or too new
    ├── BatchError                          a batch cannot be routed to its end
    ├── StoreError                          the store cannot do what it was asked to
    │   ├── NotFoundError                   no such row in this organisation
    │   ├── ConflictError                   what must be unique is there already
    │   ├── PreconditionFailedError         it was changed since it was read
    │   ├── IdempotencyConflictError        the same key came with another request
    │   ├── WrongSecretError                sealed with another secret, or altered
    │   └── StoreUnavailableError           the database does not answer; what is asked may be right
    └── MissingExtraError (ImportError)     an optional dependency is not installed

Messages name what was wrong, show the value and say what to do. Phone numbers in them are
masked but for the last two digits; the facts are attributes too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from routing_engine.reports import ImportReport

__all__ = [
    "BatchError",
    "ConflictError",
    "EncoderError",
    "IdempotencyConflictError",
    "InvalidValueError",
    "MissingExtraError",
    "ModelIntegrityError",
    "NotFoundError",
    "PreconditionFailedError",
    "Problem",
    "RoutingError",
    "SheetError",
    "SnapshotError",
    "StoreError",
    "StoreUnavailableError",
    "SuggestionError",
    "UnknownLocationError",
    "WrongSecretError",
    "mask",
]


def mask(value: str) -> str:
    """Hide all digits of a value but the last two, for logs.

    A text with fewer than five digits is no phone number and is returned as it is.
    """
    n_digits = sum(character.isdigit() for character in value)
    if n_digits < 5:
        return value
    hidden = n_digits - 2
    out: list[str] = []
    for character in value:
        if character.isdigit() and hidden:
            out.append("*")
            hidden -= 1
        else:
            out.append(character)
    return "".join(out)


class RoutingError(Exception):
    """Base of every error this library raises for its user."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem with one argument.

    Attributes:
        path: where it is, dotted: ``"rules.3.destination"``; empty for the whole value.
        message: what is wrong and what would be right.
    """

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class InvalidValueError(RoutingError, ValueError):
    """One or more arguments are invalid; all are listed.

    Attributes:
        what: what was being made, for example ``"Location"``.
        problems: every problem found, in order.
    """

    def __init__(
        self, message: str = "", *, what: str = "", problems: Iterable[Problem] = ()
    ) -> None:
        self.what = what
        self.problems = tuple(problems) or (Problem("", message),)
        lines = [str(problem) for problem in self.problems]
        if not what:
            text = "; ".join(lines)
        elif len(lines) == 1:
            text = f"invalid {what}: {lines[0]}"
        else:
            text = f"invalid {what}, {len(lines)} problems:\n" + "\n".join(
                f"  {line}" for line in lines
            )
        super().__init__(text)


class SheetError(RoutingError):
    """A routing sheet has errors and nothing was loaded.

    Attributes:
        report: the full report: every error with file, row, column and value.
    """

    def __init__(self, report: ImportReport) -> None:
        self.report = report
        super().__init__(report.summary())

    def __reduce__(self) -> tuple[type[SheetError], tuple[ImportReport]]:
        return type(self), (self.report,)


class UnknownLocationError(RoutingError, KeyError):
    """No such location in this catalog version.

    Attributes:
        location_id: the id that was asked for.
        catalog_version: the version that was searched.
    """

    def __init__(self, location_id: object, catalog_version: int) -> None:
        self.location_id = location_id
        self.catalog_version = catalog_version
        super().__init__(location_id)

    def __reduce__(self) -> tuple[type[UnknownLocationError], tuple[object, int]]:
        return type(self), (self.location_id, self.catalog_version)

    def __str__(self) -> str:
        return (
            f"no location {self.location_id!r} in catalog version {self.catalog_version}; "
            "load it, or give the engine a default_destination for unknown locations"
        )


class EncoderError(RoutingError):
    """An encoder cannot be loaded, or returned something that is not unit vectors."""


class ModelIntegrityError(EncoderError):
    """Model weights do not have the hash they should have."""


class SuggestionError(RoutingError):
    """A language model that was asked for examples cannot be reached, or answers nonsense."""


class SnapshotError(RoutingError):
    """A snapshot is missing, incomplete, altered, foreign or of a newer format."""


class BatchError(RoutingError):
    """A batch cannot be routed to its end; what is written is kept."""


class StoreError(RoutingError):
    """The store cannot do what was asked."""


class NotFoundError(StoreError):
    """No such row in this organisation.

    Attributes:
        what: what was looked for: ``"agent"``.
        object_id: its id.
    """

    def __init__(self, what: str, object_id: object) -> None:
        self.what = what
        self.object_id = object_id
        super().__init__(f"there is no {what} {object_id!r}")

    def __reduce__(self) -> tuple[type[NotFoundError], tuple[str, object]]:
        return type(self), (self.what, self.object_id)


class ConflictError(StoreError):
    """A value that must be unique exists already."""


class PreconditionFailedError(StoreError):
    """A draft was changed since it was read; read it again and repeat the change.

    Attributes:
        current: its etag now.
    """

    def __init__(self, object_id: str, current: str) -> None:
        self.object_id = object_id
        self.current = current
        super().__init__(f"{object_id} was changed since it was read; its etag is {current!r} now")

    def __reduce__(self) -> tuple[type[PreconditionFailedError], tuple[str, str]]:
        return type(self), (self.object_id, self.current)


class IdempotencyConflictError(StoreError):
    """An idempotency key was reused for another request."""


class WrongSecretError(StoreError):
    """Encrypted data cannot be decrypted: another secret, or it was altered or moved."""


class StoreUnavailableError(StoreError):
    """The database does not answer, or is too busy; the same request may succeed later."""


class MissingExtraError(RoutingError, ImportError):
    """An optional dependency is not installed; the message names the pip command."""

    def __init__(self, what: str, extra: str) -> None:
        self.what = what
        self.extra = extra
        super().__init__(f'{what} needs an extra: pip install "routing-engine[{extra}]"')

    def __reduce__(self) -> tuple[type[MissingExtraError], tuple[str, str]]:
        return type(self), (self.what, self.extra)

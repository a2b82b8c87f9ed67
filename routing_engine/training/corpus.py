"""The corpus of callers: businesses, their situations, and what callers say in them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from routing_engine.errors import InvalidValueError

__all__ = [
    "SPLITS",
    "Business",
    "Conversation",
    "Denial",
    "Situation",
    "read_business",
    "read_corpus",
]

SPLITS: Final = ("train", "dev", "test")
_SPLIT_FILE: Final = "split.json"

Split = Literal["train", "draft", "dev", "test"]


@dataclass(frozen=True, slots=True)
class Situation:
    """A situation in which a caller needs a person.

    Attributes:
        label: the rule's label.
        whens: descriptions of it: terse, full, keyword-like and clumsy, in that order.
        utterances: what callers say who are in it.
        urgent: whether waiting does harm.
    """

    label: str
    whens: tuple[str, ...]
    utterances: tuple[str, ...]
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class Denial:
    """An utterance that denies one situation and means another.

    Attributes:
        text: the words.
        denies: label of the situation it is not.
        wants: label of the one it is; None where no rule of the table is.
    """

    text: str
    denies: str
    wants: str | None


@dataclass(frozen=True, slots=True)
class Conversation:
    """A call, turn by turn.

    Attributes:
        kind: how the matter comes out: ``"at once"``, ``"in pieces"``, ``"elliptical"``,
            ``"person"`` or ``"contained"``.
        turns: pairs of ``"agent"`` or ``"caller"`` and words.
        rule: label of the rule that the caller must reach, or None.
        person: whether the caller asks outright for a person.
        known_at: number of the caller's turn (from 1) at which a careful human knows; None where
            the call stays with the agent.
    """

    kind: str
    turns: tuple[tuple[str, str], ...]
    rule: str | None
    person: bool
    known_at: int | None


@dataclass(frozen=True, slots=True)
class Business:
    """One business and its callers.

    Attributes:
        name: file name without suffix.
        trade: what it is, in words.
        situations: the rules of its table.
        routine: what the agent handles itself.
        uncovered: what no rule of the table covers.
        denials, conversations: see there.
    """

    name: str
    trade: str
    situations: tuple[Situation, ...]
    routine: tuple[str, ...]
    uncovered: tuple[str, ...]
    denials: tuple[Denial, ...] = ()
    conversations: tuple[Conversation, ...] = ()


def read_business(path: Path) -> Business:
    """Read one file of the corpus.

    Raises:
        InvalidValueError: it cannot be read, or a field is missing or of another type.
    """
    try:
        given: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return Business(
            name=path.stem,
            trade=given["trade"],
            situations=tuple(
                Situation(
                    rule["label"],
                    tuple(rule["whens"]),
                    tuple(rule["utterances"]),
                    rule.get("urgent", False),
                )
                for rule in given["rules"]
            ),
            routine=tuple(given["routine"]),
            uncovered=tuple(given["none"]),
            denials=tuple(
                Denial(item["text"], item["denies"], item["wants"]) for item in given["denials"]
            ),
            conversations=tuple(
                Conversation(
                    item["kind"],
                    tuple((speaker, text) for speaker, text in item["turns"]),
                    item["rule"],
                    item["person"],
                    item["known_at"],
                )
                for item in given["conversations"]
            ),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidValueError(f"{path} is no business of the corpus: {error!r}") from error


def read_corpus(folder: Path, *splits: Split) -> list[Business]:
    """Read the businesses of some splits, by name.

    Args:
        folder: a file a business, and ``split.json``: split -> names.
        splits: ``"train"``, ``"dev"``, ``"test"``; ``"draft"`` for shorter, rougher files that
            are only learnt from.

    Raises:
        InvalidValueError: a file is missing or cannot be read.
    """
    return [read_business(folder / f"{name}.json") for name in _names(folder, splits)]


def _names(folder: Path, splits: tuple[Split, ...]) -> Iterator[str]:
    try:
        given: dict[str, list[str]] = json.loads((folder / _SPLIT_FILE).read_text("utf-8"))
        for split in splits:
            yield from sorted(given[split])
    except (OSError, ValueError, KeyError) as error:
        raise InvalidValueError(f"{folder / _SPLIT_FILE} names no split: {error!r}") from error

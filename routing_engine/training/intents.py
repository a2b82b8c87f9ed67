"""Read public intent data as further businesses: one file per set, one line per intent.

Each line is ``{"intent", "domain", "label", "when", "utterances"}``. Intents become the situations
of made-up businesses: one a domain, and more of intents drawn at random, whose callers suit none
of the others. A set tells what no intent of another covers.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from routing_engine.errors import InvalidValueError
from routing_engine.training.corpus import Business, Situation

__all__ = ["read_intents"]

DRAWN_BUSINESSES: Final = 10
DRAWN_INTENTS: Final = 14
UNCOVERED: Final = 40
FEWEST_OF_DOMAIN, MOST_OF_DOMAIN = 5, 20
"""Fewest and most intents of a domain that become a business."""
OVERLAPPING: Final = {"banking77": ("banking", "credit_cards")}
"""Domains of other sets that a set's intents may also cover."""


def read_intents(paths: Sequence[Path], *, seed: int = 0) -> list[Business]:
    """Read intent sets as businesses; the same ones for the same seed.

    Args:
        paths: at least two sets, for what one does not cover is taken from the others.
        seed: of what is drawn.

    Raises:
        InvalidValueError: a file cannot be read, or there are fewer than two.
    """
    if len(paths) < 2:
        raise InvalidValueError("name at least two intent sets: one tells what another lacks")
    sets = {path.stem: _read(path) for path in paths}
    rng = random.Random(seed)
    elsewhere = {
        name: [
            text
            for other, intents in sets.items()
            if other != name
            for intent in intents
            if intent["domain"] not in OVERLAPPING.get(name, ())
            for text in intent["utterances"]
        ]
        for name in sets
    }

    def business(name: str, of: str, intents: Sequence[dict[str, Any]]) -> Business:
        return Business(
            name=name,
            trade=of,
            situations=tuple(
                Situation(intent["label"], (intent["when"],), tuple(intent["utterances"]))
                for intent in intents
            ),
            routine=(),
            uncovered=tuple(rng.sample(elsewhere[of], UNCOVERED)),
        )

    made = []
    for name, intents in sets.items():
        for domain in dict.fromkeys(intent["domain"] for intent in intents):
            of_domain = [intent for intent in intents if intent["domain"] == domain]
            if FEWEST_OF_DOMAIN <= len(of_domain) <= MOST_OF_DOMAIN:
                made.append(business(f"{name}-{domain}", name, of_domain))
    for k in range(DRAWN_BUSINESSES):
        for name, intents in sets.items():
            made.append(business(f"{name}-drawn-{k}", name, rng.sample(intents, DRAWN_INTENTS)))
    return made


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        intents: list[dict[str, Any]] = [json.loads(line) for line in lines if line]
        for intent in intents:
            intent["domain"], intent["label"], intent["when"], intent["utterances"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidValueError(f"{path} is no set of intents: {error!r}") from error
    return intents

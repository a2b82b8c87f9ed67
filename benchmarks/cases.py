"""Labelled cases: locations, what callers said to them, and which rule is right.

One JSON object a line, one location each::

    {"location_id": "…", "rules": [{"label": "…", "when": "…", "examples": ["…", …]}, …],
     "queries": [{"text": "…", "label": "…" | null, "kind": "in" | "near" | "far" | "oos"}, …]}

``label: null`` means that no rule of this location is right.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from routing_engine import ContextRule, InvalidValueError, Location

__all__ = ["OUT_OF_SCOPE", "CaseFile", "Query", "read_cases"]

OUT_OF_SCOPE = ("near", "far", "oos")
"""Kinds of query for which no rule of the location is right."""


@dataclass(frozen=True, slots=True)
class Query:
    """What one caller said.

    Attributes:
        location_id: to whom.
        text: the words.
        label: of the right rule; None where no rule of the location is right.
        kind: ``"in"`` where a rule is right, otherwise how far away the subject is.
    """

    location_id: str
    text: str
    label: str | None
    kind: str


@dataclass(frozen=True, slots=True)
class CaseFile:
    """The cases of one file.

    Attributes:
        name: of the file, without ``.jsonl``.
        sha256: of its bytes.
        rules: location id -> label -> the rest of the rule, as in the file.
        queries: in order.
    """

    name: str
    sha256: str
    rules: Mapping[str, Mapping[str, Mapping[str, Any]]]
    queries: tuple[Query, ...]

    @property
    def n_examples(self) -> tuple[int, int]:
        """Return the fewest and most examples of a rule."""
        counts = [
            len(rule.get("examples", ()))
            for rules in self.rules.values()
            for rule in rules.values()
        ]
        return (min(counts), max(counts)) if counts else (0, 0)

    def locations(self, *, with_examples: bool) -> list[Location]:
        """Build the locations; each rule and each default has its own made-up destination."""
        next_user = iter(range(10**9))

        def destination() -> str:
            return f"sip:{next(next_user)}@cases.example"

        return [
            Location(
                location_id=location_id,
                default_destination=destination(),
                rules=[
                    ContextRule(
                        label=label,
                        when=rule["when"],
                        examples=tuple(rule.get("examples", ())) if with_examples else (),
                        action=rule.get("action", "transfer"),
                        destination=destination(),
                    )
                    for label, rule in rules.items()
                ],
            )
            for location_id, rules in self.rules.items()
        ]


def read_cases(path: Path) -> CaseFile:
    """Read a case file.

    Raises:
        InvalidValueError: it cannot be read, or a line is not what it should be.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidValueError(f"{path} cannot be read: {error.strerror}") from error
    rules: dict[str, dict[str, dict[str, Any]]] = {}
    queries: list[Query] = []
    for number, line in enumerate(content.decode().splitlines(), start=1):
        if not line.strip():
            continue
        where = f"{path.name}:{number}"
        try:
            case = json.loads(line)
            location_id: str = case["location_id"]
            table = {rule["label"]: rule for rule in case["rules"]}
            said = [Query(location_id, q["text"], q["label"], q["kind"]) for q in case["queries"]]
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidValueError(f"{where} is not a case: {error!r}") from error
        if location_id in rules:
            raise InvalidValueError(f"{where}: location {location_id!r} is there twice")
        if len(table) != len(case["rules"]):
            raise InvalidValueError(f"{where}: two rules have the same label")
        for query in said:
            if query.label is not None and query.label not in table:
                raise InvalidValueError(f"{where}: no rule is labelled {query.label!r}")
            if query.kind not in ("in", *OUT_OF_SCOPE):
                raise InvalidValueError(f"{where}: {query.kind!r} is no kind of query")
            if (query.label is None) == (query.kind == "in"):
                raise InvalidValueError(f"{where}: a query of kind {query.kind!r} is mislabelled")
        rules[location_id] = table
        queries += said
    if not queries:
        raise InvalidValueError(f"{path} holds no query")
    sha256 = hashlib.sha256(content).hexdigest()
    return CaseFile(path.name.removesuffix(".jsonl"), sha256, rules, tuple(queries))

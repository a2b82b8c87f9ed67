"""The domain, as frozen values: rules, locations, policies, outcomes and reasons.

Constructors validate once, at the edge, and report every wrong field in one
:class:`~routing_engine.errors.InvalidValueError`. Inside the library values are right.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, Protocol, Self

from pydantic import (
    AfterValidator,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from routing_engine.destinations import Destination
from routing_engine.errors import InvalidValueError, Problem
from routing_engine.explanation import Grounds, explain
from routing_engine.languages import language_code
from routing_engine.schedule import BusinessHours, is_zone
from routing_engine.values import Value

__all__ = [
    "Action",
    "Candidate",
    "ContextRule",
    "Decision",
    "Location",
    "Outcome",
    "Reason",
    "RoutingPolicy",
    "RuleText",
]

MAX_RULES = 256
MAX_EXAMPLES = 64
MAX_LISTED = 16
"""Details, methods or ring times of one rule."""
SHORTEST_RING_S, LONGEST_RING_S = 5, 300
MAX_LABEL_LENGTH = 200
MAX_TEXT_LENGTH = 2000
MAX_LOCATION_ID_LENGTH = 256

Action = Literal["transfer", "contain"]
Window = Literal["always", "open", "closed"]


class Outcome(StrEnum):
    """What is to happen with the call now."""

    TRANSFER = "transfer"
    DEFAULT = "default"
    CONTAIN = "contain"
    CLARIFY = "clarify"
    VERIFY = "verify"
    CONFIRM = "confirm"
    CLOSED = "closed"


class Reason(StrEnum):
    """Why the outcome is what it is."""

    RULE_MATCHED = "rule_matched"
    LANGUAGE_MATCHED = "language_matched"
    BELOW_THRESHOLD = "below_threshold"
    EMPTY_UTTERANCE = "empty_utterance"
    NO_RULES = "no_rules"
    AMBIGUOUS = "ambiguous"
    NOTHING_ASKED = "nothing_asked"
    ROUTINE = "routine"
    RULE_DISABLED = "rule_disabled"
    OUTSIDE_HOURS = "outside_hours"
    VERIFICATION_REQUIRED = "verification_required"
    CONFIRMATION_REQUIRED = "confirmation_required"
    DESTINATION_REFUSED = "destination_refused"
    UNKNOWN_LOCATION = "unknown_location"
    ENGINE_DEGRADED = "engine_degraded"
    OVERLOADED = "overloaded"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    PERSON_REQUESTED = "person_requested"
    FRUSTRATED = "frustrated"
    NO_RESPONSE = "no_response"
    AGENT_FAILED = "agent_failed"
    VERIFICATION_FAILED = "verification_failed"
    DECLINED = "declined"
    FALLBACK = "fallback"
    NOBODY_ANSWERED = "nobody_answered"
    CALLER_LEFT = "caller_left"


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def _clean(text: str) -> str:
    """White space folded to single spaces; control characters and lone surrogates refused."""
    folded = " ".join(text.split())
    if not folded:
        raise ValueError("must not be empty")
    if _CONTROL.search(folded):
        raise ValueError("must not hold control characters")
    return folded


def _location_id(text: str) -> str:
    stripped = text.strip()
    if not stripped:
        raise ValueError("must not be empty")
    if _CONTROL.search(stripped):
        raise ValueError("must not hold control characters")
    return stripped


def _timezone(name: str) -> str:
    if not is_zone(name):
        raise ValueError("must be an IANA time zone such as 'America/New_York'")
    return name


Label = Annotated[str, Field(max_length=MAX_LABEL_LENGTH), AfterValidator(_clean)]
RuleSentence = Annotated[str, Field(max_length=MAX_TEXT_LENGTH), AfterValidator(_clean)]
Probability = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
LocationId = Annotated[str, Field(max_length=MAX_LOCATION_ID_LENGTH), AfterValidator(_location_id)]
TimeZone = Annotated[str, AfterValidator(_timezone)]
RingSeconds = Annotated[int, Field(ge=SHORTEST_RING_S, le=LONGEST_RING_S)]
Language = Annotated[str, AfterValidator(language_code)]


def _distinct(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))


def _distinct_in_any_case(names: tuple[str, ...]) -> tuple[str, ...]:
    first: dict[str, str] = {}
    for name in names:
        first.setdefault(name.casefold(), name)
    return tuple(first.values())


def _in_order(codes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(codes)))


Names = Annotated[
    tuple[Label, ...], Field(max_length=MAX_LISTED), AfterValidator(_distinct_in_any_case)
]


class RuleText(Value):
    """All of a context rule but its numbers: what locations of one brand share.

    Attributes:
        label: short name, "Billing".
        when: the situation, "caller asks about an invoice, charge, or refund".
        examples: things callers say, at most 64; exact repeats are dropped.
        threshold: least confidence for this rule, [0, 1]; None takes the location's or the
            policy's. 0.0 is a threshold.
        hours: when the rule applies: ``"always"``, in the location's ``"open"`` or ``"closed"``
            hours; None for open hours, and for always where it ``contain``s, which takes nobody to
            answer. A location without business hours is always open.
        requires_verification: the caller's identity must be verified first.
        requires_confirmation: the caller must confirm the transfer first.
        action: ``"transfer"``, or ``"contain"``: routine business that stays with the agent.
        enabled: a disabled rule is never matched.
        languages: the rule is for callers who speak one of these, whatever their words mean: ISO
            639-1 codes (``"es"``; a tag such as ``"es-MX"`` or a name such as ``"Spanish"`` is
            taken for its code), in order, each once. What is said in another language, or in
            English, is matched by its words, and only where they name one of these or speak of
            languages at all. Needs the extra ``languages``.
        required_details: what the person who picks up needs to know, and the agent asks for:
            ``("name", "account number")``; at most 16, repeats in any case are dropped.
        verification_methods: ways of verifying the caller that are good enough where
            ``requires_verification``: ``("PIN", "code by text")``; likewise. Empty: any way.
        ring_timeouts_s: how long the destination, then each fallback rings before the next is
            tried, seconds, 5 to 300; the last counts for all that come after. At most 16. Empty:
            as the call's policy says.
    """

    label: Label
    when: RuleSentence
    examples: Annotated[
        tuple[RuleSentence, ...], Field(max_length=MAX_EXAMPLES), AfterValidator(_distinct)
    ] = ()
    threshold: Probability | None = None
    hours: Window | None = None
    requires_verification: bool = False
    requires_confirmation: bool = False
    action: Action = "transfer"
    enabled: bool = True
    languages: Annotated[tuple[Language, ...], AfterValidator(_in_order)] = ()
    required_details: Names = ()
    verification_methods: Names = ()
    ring_timeouts_s: Annotated[tuple[RingSeconds, ...], Field(max_length=MAX_LISTED)] = ()

    def ring_timeout_s(self, position: int) -> int | None:
        """How long one of the chain rings: the destination is 0, the first fallback 1.

        None where the rule does not say.
        """
        times = self.ring_timeouts_s
        return times[min(position, len(times) - 1)] if times else None

    def is_verified_by(self, method: str) -> bool:
        """Whether a caller who was verified this way has passed, in any case and spacing."""
        allowed = self.verification_methods
        given = " ".join(method.split()).casefold()
        return not allowed or given in (name.casefold() for name in allowed)


class ContextRule(RuleText):
    """A described situation and where the call goes when the caller is in it.

    See :class:`RuleText` for the other attributes.

    Attributes:
        destination: an E.164 number or SIP URI as a str, or a
            :class:`~routing_engine.destinations.Destination`; None only where ``action`` is
            ``"contain"``.
        fallback: destinations to try in order when the first does not answer.

    Raises:
        InvalidValueError: lists every wrong field.
    """

    destination: Destination | None = Field(default=None, validate_default=True)
    fallback: tuple[Destination, ...] = ()

    @field_validator("destination", mode="after")
    @classmethod
    def _has_destination(
        cls, destination: Destination | None, info: ValidationInfo
    ) -> Destination | None:
        if destination is None and info.data.get("action") != "contain":
            raise ValueError("a rule that transfers needs a destination")
        return destination

    @property
    def chain(self) -> tuple[Destination, ...]:
        """Whom to try, in order; empty where the rule contains and names nobody."""
        return self.fallback if self.destination is None else (self.destination, *self.fallback)

    @property
    def text(self) -> RuleText:
        """The rule without its numbers."""
        fields = dict(self.__dict__)
        del fields["destination"], fields["fallback"]
        return RuleText._trusted(fields)


class Location(Value):
    """One site: a default destination and a small table of context rules.

    Attributes:
        location_id: unique in a catalog; compared exactly, after surrounding white space is
            stripped.
        default_destination: where a call goes that no rule matches.
        rules: the context rules, at most 256. Two rules with the same ``when`` and
            languages and different destinations are refused.
        name: for people; not used for routing.
        timezone: IANA name, or None; that of the business hours where they are given with one.
        threshold: least confidence for this location's rules; None takes the policy's.
        business_hours: when it is open; None for always. Also accepted as text, which
            :meth:`~routing_engine.schedule.BusinessHours.parse` reads, where ``timezone`` is given.
        after_hours: where a call goes while it is closed that no rule takes then; None for
            nowhere: no human transfer.

    Raises:
        InvalidValueError: lists every wrong field.
    """

    location_id: LocationId
    default_destination: Destination
    rules: Annotated[tuple[ContextRule, ...], Field(max_length=MAX_RULES)] = ()
    name: Label | None = None
    timezone: TimeZone | None = None
    threshold: Probability | None = None
    business_hours: BusinessHours | None = None
    after_hours: Destination | None = None

    @model_validator(mode="before")
    @classmethod
    def _in_the_zone_of_its_hours(cls, fields: Any) -> Any:
        if not isinstance(fields, dict) or fields.get("timezone") is not None:
            return fields
        hours = fields.get("business_hours")
        zone = hours.get("timezone") if isinstance(hours, dict) else None
        if isinstance(hours, BusinessHours):
            zone = hours.timezone
        return fields if zone is None else {**fields, "timezone": zone}

    @field_validator("business_hours", mode="before")
    @classmethod
    def _in_the_locations_zone(cls, hours: Any, info: ValidationInfo) -> Any:
        if isinstance(hours, str):
            # A time zone that is wrong has been told already.
            zone = info.data.get("timezone", "UTC")
            if zone is None:
                raise InvalidValueError("need the location's timezone")
            return BusinessHours.parse(hours, timezone=zone)
        return hours

    @field_validator("business_hours", mode="after")
    @classmethod
    def _has_one_zone(
        cls, hours: BusinessHours | None, info: ValidationInfo
    ) -> BusinessHours | None:
        zone = info.data.get("timezone")
        if hours is not None and zone is not None and hours.timezone != zone:
            raise ValueError(f"are in {hours.timezone}, and the location is in {zone}")
        return hours

    @model_validator(mode="after")
    def _rules_agree(self) -> Self:
        contradictions = contradicting_rules(
            [(rule.when, rule.languages, rule.destination, rule.action) for rule in self.rules]
        )
        if contradictions:
            raise InvalidValueError(
                problems=[
                    Problem(
                        f"rules.{second}",
                        f"same 'when' as rule {first} ({self.rules[first].label!r}) "
                        "but another destination; no caller can satisfy only one of them",
                    )
                    for first, second in contradictions
                ]
            )
        return self


def contradicting_rules(
    rules: list[tuple[str, tuple[str, ...], Destination | None, str]],
) -> list[tuple[int, int]]:
    """Pairs (first, second) of rules for the same callers that send them elsewhere.

    Rules are for the same callers where their ``when`` and their languages are equal.
    """
    first_with: dict[tuple[str, tuple[str, ...]], int] = {}
    found: list[tuple[int, int]] = []
    for index, (when, languages, destination, action) in enumerate(rules):
        first = first_with.setdefault((when.casefold(), languages), index)
        if first != index and rules[first][2:] != (destination, action):
            found.append((first, index))
    return found


class RoutingPolicy(Value):
    """Thresholds an engine decides by; a location and a rule may override the first.

    Attributes:
        threshold: least confidence for a transfer, [0, 1]; None takes the calibrated one that
            belongs to the scoring. 0.0 is a threshold.
        false_transfer_rate: instead of ``threshold``: of the callers whom no rule suits, the
            share that may be transferred all the same, (0, 1). The threshold is the one at which
            this was so on the development cases.
        margin: two rules with different destinations whose confidences lie closer than this, and
            together reach the threshold and 0.5, are ambiguous, [0, 1]; 0.0 never asks.
        on_ambiguous: what to do then: ``"clarify"`` (default destination, with a question),
            or ``"best"`` (the more confident rule).
    """

    threshold: Probability | None = None
    false_transfer_rate: Annotated[Probability, Field(gt=0.0, lt=1.0)] | None = None
    margin: Probability = 0.2
    on_ambiguous: Literal["clarify", "best"] = "clarify"

    @model_validator(mode="after")
    def _has_one_threshold(self) -> Self:
        if self.threshold is not None and self.false_transfer_rate is not None:
            raise InvalidValueError(
                problems=[Problem("false_transfer_rate", "cannot be given beside a threshold")]
            )
        return self


@dataclass(frozen=True, slots=True)
class Candidate:
    """One rule of the location, as it did against the utterance.

    Attributes:
        label: the rule's label.
        confidence: calibrated probability in [0, 1] that this rule is right.
        similarity: cosine with the rule's nearest text, in [-1, 1].
    """

    label: str
    confidence: float
    similarity: float


class Evidence(Protocol):
    """What a decision was made from, materialised only when asked for."""

    def rule(self, number: int) -> ContextRule:
        """Rule ``number`` of the location."""
        ...

    def candidates(self) -> tuple[Candidate, ...]:
        """Every rule of the location, most confident first."""
        ...

    def grounds(self, number: int | None) -> Grounds:
        """Every rule with its nearest text, rule ``number`` (or None, the best) first."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """Where a caller should go, and why.

    Attributes:
        outcome: what is to happen now.
        reason: why.
        destination: what to dial, ``str(destination)``; None where nothing is to be dialled.
        confidence: calibrated probability in [0, 1] that the best rule is right; 0.0 where no
            rule was scored.
        threshold: the least confidence that was asked of the best rule; None where no rule was
            scored.
        question: for ``CLARIFY`` and ``CONFIRM``, what the agent may ask; otherwise None.
        location_id: the location that was asked for.
        catalog_version: the version of the catalog that answered.
        next_opening: where the location is closed, when it opens, in its own time zone; None
            where it is open, or does not open within 400 days.
        decision_id: a name of its own, of a decision of a call; otherwise empty.
    """

    outcome: Outcome
    reason: Reason
    destination: Destination | None
    location_id: str
    catalog_version: int
    confidence: float = 0.0
    threshold: float | None = None
    question: str | None = None
    next_opening: datetime | None = None
    _rule: int | None = field(default=None, repr=False)
    _evidence: Evidence | None = field(default=None, repr=False)
    _closed: bool = field(default=False, repr=False)
    _rival: int | None = field(default=None, repr=False)
    _missing: tuple[str, ...] | None = field(default=None, repr=False)
    _ring_timeout_s: int | None = field(default=None, repr=False)
    decision_id: str = ""

    @property
    def rule(self) -> ContextRule | None:
        """The rule that the decision is about, or None."""
        if self._rule is None or self._evidence is None:
            return None
        return self._evidence.rule(self._rule)

    @property
    def choices(self) -> tuple[ContextRule, ...]:
        """For ``CLARIFY``, the two rules that the question is between, the better one first."""
        if self._rule is None or self._rival is None or self._evidence is None:
            return ()
        return self._evidence.rule(self._rule), self._evidence.rule(self._rival)

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Every rule of the location, most confident first; empty where none was scored."""
        return () if self._evidence is None else self._evidence.candidates()

    @property
    def missing(self) -> tuple[str, ...]:
        """Of the rule's ``required_details``, those that are still to be asked for.

        All of them, but for a call, which knows what it was told.
        """
        if self._missing is not None:
            return self._missing
        rule = self.rule
        return () if rule is None else rule.required_details

    @property
    def ring_timeout_s(self) -> int | None:
        """How long the destination may ring, seconds, where a rule or a call says so."""
        if self._ring_timeout_s is not None or self.outcome is not Outcome.TRANSFER:
            return self._ring_timeout_s
        rule = self.rule
        return None if rule is None else rule.ring_timeout_s(0)

    @property
    def verification_methods(self) -> tuple[str, ...]:
        """For ``VERIFY``, the ways that the rule allows; empty for any, and otherwise."""
        rule = self.rule if self.outcome is Outcome.VERIFY else None
        return () if rule is None else rule.verification_methods

    def explain(self) -> str:
        """Why the decision is what it is, in a short paragraph of plain words.

        Which rule, by which of its texts, how near the runner-up was, whose threshold was asked
        and what became of the call. Holds nothing of what the caller said and of a number only
        the last two digits, so that it may be logged.
        """
        return explain(self, None if self._evidence is None else self._evidence.grounds(self._rule))

    def to_dict(self) -> dict[str, Any]:
        """The decision as JSON-able values."""
        rule = self.rule
        return {
            "outcome": self.outcome.value,
            "reason": self.reason.value,
            "destination": None if self.destination is None else str(self.destination),
            "rule": None if rule is None else rule.label,
            "confidence": self.confidence,
            "threshold": self.threshold,
            "question": self.question,
            "missing": list(self.missing),
            "verification_methods": list(self.verification_methods),
            "ring_timeout_s": self.ring_timeout_s,
            "next_opening": None if self.next_opening is None else self.next_opening.isoformat(),
            "location_id": self.location_id,
            "catalog_version": self.catalog_version,
            "decision_id": self.decision_id,
            "candidates": [asdict(candidate) for candidate in self.candidates],
        }

    def _but(self, **changes: Any) -> Decision:
        """The decision with these fields: ``dataclasses.replace`` in a third of its time."""
        made = object.__new__(Decision)
        put = object.__setattr__
        for name in Decision.__slots__:
            put(made, name, changes[name] if name in changes else getattr(self, name))
        return made

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Decision):
            return NotImplemented
        return self.to_dict() == other.to_dict() and self.rule == other.rule

    def __hash__(self) -> int:
        return hash((self.outcome, self.reason, self.destination, self.location_id))

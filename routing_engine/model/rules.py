"""Rules, locations and thresholds, as frozen values.

Constructors validate once, at the edge, and report every wrong field in one
:class:`~routing_engine.errors.InvalidValueError`. Inside the library values are right.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from routing_engine.errors import InvalidValueError, Problem
from routing_engine.hours import BusinessHours, is_zone, meant_zone
from routing_engine.model.called import parse_line
from routing_engine.model.destinations import Destination, are_kept
from routing_engine.text.languages import language_code
from routing_engine.validation import Value

__all__ = [
    "Action",
    "ContextRule",
    "Location",
    "RoutingPolicy",
    "RuleText",
]

MAX_RULES = 256
MAX_COMPARED = 64
"""Examples of a rule that an utterance is compared with one by one; the others are folded."""
MAX_LISTED = 16
"""Most details, methods or ring times of one rule."""
SHORTEST_RING_S, LONGEST_RING_S = 5, 300
MAX_LABEL_LENGTH = 200
MAX_TEXT_LENGTH = 2000
MAX_LOCATION_ID_LENGTH = 256
MAX_LINES = 1000

Action = Literal["transfer", "contain"]
Window = Literal["always", "open", "closed"]

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def _clean(text: str) -> str:
    """Fold white space to single spaces; refuse control characters and lone surrogates."""
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
    advice = None if are_kept() and is_zone(name) else meant_zone(name)
    if advice is not None:
        # Where no place is known, the advice is the same once more.
        more = "" if advice.startswith("give an IANA") else f": {advice}"
        raise ValueError(f"must be an IANA time zone such as 'America/New_York'{more}")
    return name


Label = Annotated[str, Field(max_length=MAX_LABEL_LENGTH), AfterValidator(_clean)]
RuleSentence = Annotated[str, Field(max_length=MAX_TEXT_LENGTH), AfterValidator(_clean)]
Probability = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
LocationId = Annotated[str, Field(max_length=MAX_LOCATION_ID_LENGTH), AfterValidator(_location_id)]
TimeZone = Annotated[str, AfterValidator(_timezone)]
RingSeconds = Annotated[int, Field(ge=SHORTEST_RING_S, le=LONGEST_RING_S)]
Language = Annotated[str, AfterValidator(language_code)]
Line = Annotated[str, AfterValidator(parse_line)]


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
    """A context rule without its destinations: the part that locations of a brand share.

    Attributes:
        label: short name, "Billing".
        when: the situation, "caller asks about an invoice, charge, or refund".
        examples: things callers say, any number; exact repeats are dropped. All of them count;
            of more than 64, those that stand for all are compared with an utterance one by one.
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
        urgent: missing this situation costs more than a wrong transfer: danger, damage that is
            happening now, a business that stands still. Such a rule is asked for less
            (:attr:`RoutingPolicy.urgent_threshold`), is preferred to a rule that it is nearly tied
            with, and is never asked about with ``CLARIFY``. Not for one that ``contain``s.
    """

    label: Label
    when: RuleSentence
    examples: Annotated[tuple[RuleSentence, ...], AfterValidator(_distinct)] = ()
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
    urgent: bool = False

    @field_validator("urgent", mode="after")
    @classmethod
    def _transfers_where_urgent(cls, urgent: bool, info: ValidationInfo) -> bool:
        if urgent and info.data.get("action") == "contain":
            raise ValueError("a rule that stays with the agent cannot be urgent")
        return urgent

    @property
    def n_folded(self) -> int:
        """Number of examples that others stand for."""
        return max(0, len(self.examples) - MAX_COMPARED)

    def ring_timeout_s(self, position: int) -> int | None:
        """Return how long a position of the chain rings: 0 is the destination, 1 the first fallback.

        None where the rule does not say.
        """
        times = self.ring_timeouts_s
        return times[min(position, len(times) - 1)] if times else None

    def is_verified_by(self, method: str) -> bool:
        """Whether a verification method is good enough; case and spacing do not matter."""
        allowed = self.verification_methods
        given = " ".join(method.split()).casefold()
        return not allowed or given in (name.casefold() for name in allowed)


class ContextRule(RuleText):
    """A described situation and where the call goes when the caller is in it.

    See :class:`RuleText` for the other attributes.

    Attributes:
        destination: an E.164 number or SIP URI as a str, or a
            :class:`~routing_engine.model.destinations.Destination`; None only where ``action`` is
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
        """Destinations to try in order; empty if the rule contains and has none."""
        return self.fallback if self.destination is None else (self.destination, *self.fallback)

    @property
    def text(self) -> RuleText:
        """The rule without its destinations."""
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
            :meth:`~routing_engine.hours.BusinessHours.parse` reads, where ``timezone`` is given.
        after_hours: where a call goes while it is closed that no rule takes then; None for
            nowhere: no human transfer.
        lines: what callers dial to reach it: numbers (E.164), DIDs or SIP users, at most 1,000;
            of a SIP URI the user counts. A line belongs to one location of a catalog. See
            :meth:`RoutingEngine.location_for <routing_engine.RoutingEngine.location_for>`.

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
    lines: Annotated[tuple[Line, ...], Field(max_length=MAX_LINES), AfterValidator(_distinct)] = ()

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
    """Find pairs (first, second) of rules that send the same callers to different places.

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
    """Thresholds that decide; a location and a rule may override ``threshold``.

    Attributes:
        threshold: least confidence for a transfer, [0, 1]; None takes the calibrated one that
            belongs to the scoring. 0.0 is a threshold.
        urgent_threshold: least confidence for a rule that is urgent, [0, 1], where the threshold
            that it would have otherwise is not lower still. A rule's own threshold stays as it is.
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
    urgent_threshold: Probability = 0.4
    margin: Probability = 0.2
    on_ambiguous: Literal["clarify", "best"] = "clarify"

    @model_validator(mode="after")
    def _has_one_threshold(self) -> Self:
        if self.threshold is not None and self.false_transfer_rate is not None:
            raise InvalidValueError(
                problems=[Problem("false_transfer_rate", "cannot be given beside a threshold")]
            )
        return self

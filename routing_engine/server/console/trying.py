"""Try a sentence or a conversation on a location: what the draft would do, and what is published."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from starlette.responses import Response

from routing_engine.errors import InvalidValueError
from routing_engine.model.decisions import Decision
from routing_engine.model.outcomes import Reason
from routing_engine.server.backtesting import published_location
from routing_engine.server.console.visits import Pages, Visit
from routing_engine.server.drafts import compile_draft
from routing_engine.server.examining import trial
from routing_engine.server.problems import ProblemError

if TYPE_CHECKING:
    from routing_engine.encoders import Encoder
    from routing_engine.model.destinations import DialPolicy
    from routing_engine.model.rules import Location

__all__ = ["pages"]

pages = Pages()

MAX_SAID = 20_000


@dataclass(frozen=True, slots=True)
class Bar:
    """How one rule did.

    Attributes:
        text: its text that is nearest to what was said.
        is_reached: the confidence is at least the threshold.
    """

    label: str
    confidence: float
    threshold: float
    text: str
    is_example: bool
    is_reached: bool
    destination: str


@dataclass(frozen=True, slots=True)
class Gate:
    """One thing that has to hold before a call is transferred.

    Attributes:
        state: whether it held; ``"unasked"`` where one before it did not.
    """

    name: str
    state: Literal["passed", "failed", "unasked"]


@dataclass(frozen=True, slots=True)
class Tried:
    """The decision of a location on some words."""

    decision: Decision
    bars: tuple[Bar, ...]
    gates: tuple[Gate, ...]


_GATES: tuple[tuple[str, frozenset[Reason]], ...] = (
    (
        "A rule is confident enough",
        frozenset(
            {Reason.BELOW_THRESHOLD, Reason.EMPTY_UTTERANCE, Reason.NO_RULES, Reason.AMBIGUOUS,
             Reason.ENGINE_DEGRADED}
        ),
    ),
    ("The rule is enabled", frozenset({Reason.RULE_DISABLED})),
    ("It is open", frozenset({Reason.OUTSIDE_HOURS})),
    ("The caller is verified, where that is asked", frozenset({Reason.VERIFICATION_REQUIRED})),
    ("The caller has confirmed, where that is asked", frozenset({Reason.CONFIRMATION_REQUIRED})),
    ("The number may be dialled", frozenset({Reason.DESTINATION_REFUSED})),
)  # fmt: skip


def tried(
    location: Location,
    encoder: Encoder,
    turns: list[tuple[str, str]],
    *,
    policy: DialPolicy,
    verified: bool,
    confirmed: bool,
    now: datetime | None,
) -> Tried:
    """Decide on a conversation whose last turn is the caller's."""
    engine = trial(location, encoder, policy)
    decision = engine.route(
        location.location_id,
        turns[-1][1],
        history=turns[:-1],
        verified=verified,
        confirmed=confirmed,
        now=now,
    )
    usual = engine._builder.threshold if location.threshold is None else location.threshold
    rules = {rule.label: rule for rule in location.rules}
    evidence = decision._evidence
    grounds = None if evidence is None else evidence.grounds(None)
    matches = () if grounds is None else grounds.matches
    bars = []
    for match in matches:
        rule = rules[match.label]
        threshold = usual if rule.threshold is None else rule.threshold
        bars.append(
            Bar(
                match.label,
                match.confidence,
                threshold,
                match.text,
                match.is_example,
                match.confidence >= threshold,
                "" if rule.destination is None else str(rule.destination),
            )
        )
    return Tried(decision, tuple(bars), _gates(decision))


def _gates(decision: Decision) -> tuple[Gate, ...]:
    """The gates in their order; what stands behind one that failed was not asked."""
    failed = next((i for i, (_, why) in enumerate(_GATES) if decision.reason in why), len(_GATES))
    return tuple(
        Gate(name, "passed" if i < failed else "failed" if i == failed else "unasked")
        for i, (name, _) in enumerate(_GATES)
    )


def conversation(text: str) -> list[tuple[str, str]]:
    """Turns, one a line; ``agent:`` begins one of the agent's. The last one is the caller's.

    Raises:
        InvalidValueError: nothing was said by a caller at the end.
    """
    turns = []
    for line in text.splitlines():
        words = line.strip()
        if not words:
            continue
        speaker = "agent" if words.casefold().startswith("agent:") else "caller"
        for name in ("agent:", "caller:"):
            if words.casefold().startswith(name):
                words = words[len(name) :].strip()
        turns.append((speaker, words))
    if not turns or turns[-1][0] != "caller":
        raise InvalidValueError("the last line must be what the caller says")
    return turns


@pages.post("/locations/{agent}/try", "calls:write")
def try_out(visit: Visit) -> Response:
    """Show the decisions of draft and published version on some words. Stores nothing."""
    if not visit.may("agents:read"):
        raise ProblemError(403, "this key lacks the scope agents:read", code="missing_scope")
    turns = conversation(visit.given("said")[:MAX_SAID])
    agent_id = visit.path("agent")
    with visit.plane.store.read(visit.session.principal.organisation_id) as work:
        draft = work.drafts.get(agent_id)
        published = None
        if work.agents.get(agent_id).version is not None:
            published = published_location(work, agent_id)
    sides: list[tuple[str, Tried | None, list[str]]] = []
    options: dict[str, Any] = {
        "policy": visit.plane.dial_policy(visit.session.principal.organisation_id),
        "verified": visit.given("verified") == "on",
        "confirmed": visit.given("confirmed") == "on",
    }
    try:
        location = compile_draft(draft).location
        now = _moment(visit.given("at"), location.timezone)
        made = tried(location, visit.plane.encoder, turns, now=now, **options)
        sides.append(("Draft", made, []))
    except InvalidValueError as error:
        sides.append(("Draft", None, [str(problem) for problem in error.problems] or [str(error)]))
    if published is not None:
        now = _moment(visit.given("at"), published.timezone)
        made = tried(published, visit.plane.encoder, turns, now=now, **options)
        sides.append(("Published", made, []))
    decisions = [made.decision for _, made, _ in sides if made is not None]
    differ = len(decisions) == 2 and (decisions[0].outcome, decisions[0].destination) != (
        decisions[1].outcome,
        decisions[1].destination,
    )
    return visit.render("_tried.html", sides=sides, differ=differ)


def _moment(text: str, timezone: str | None) -> datetime | None:
    """A moment of the location's own clock; None for now.

    Raises:
        InvalidValueError: it is none.
    """
    if not text.strip():
        return None
    try:
        zone = ZoneInfo(timezone or "UTC")
        return datetime.fromisoformat(text.strip()).replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError, ZoneInfoNotFoundError) as error:
        raise InvalidValueError("at must be a moment such as 2026-11-26T18:00") from error

"""Read a turn of the caller, and derive the terms of the decision on it. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from routing_engine.calls.policy import CallPolicy
from routing_engine.calls.record import CallRecord
from routing_engine.deciding.gates import CallTerms
from routing_engine.deciding.scored import Scored
from routing_engine.model.decisions import CallFacts
from routing_engine.model.outcomes import Reason
from routing_engine.text.history import has_content, is_answer
from routing_engine.text.signals import NEITHER, declines_person, parse_choice, signals

__all__ = ["Turn", "read_again", "read_turn", "terms_of", "with_meaning"]

_OFFER = re.compile(
    r"\b(?:connect|transfer|put you|pass you|hand you|get you|speak|talk)", re.IGNORECASE
)


class Turn(NamedTuple):
    """What a turn of the caller says, apart from its topic.

    Attributes:
        told: turns of the caller that said something, this one included.
        impatience: signs of impatience in the call, this turn included.
        wants_person: the caller asks for a person.
        choice: label of the rule that the caller names in answer to a question, or None.
        settled: why the call stays with the agent, whatever the words are about; or None.
        is_repeat: the turn was decided on before.
        is_answer: a short answer to the agent's question, which says nothing alone.
    """

    told: int
    impatience: int
    wants_person: bool
    choice: str | None
    settled: Reason | None
    is_repeat: bool = False
    is_answer: bool = False


def read_turn(record: CallRecord, turns: Sequence[tuple[str, str]], utterance: str) -> Turn:
    """Read what the caller says now.

    Args:
        record: the call so far.
        turns: what was said before, oldest first.
        utterance: the caller's words.
    """
    heard = signals(utterance)
    choice, settled = None, None
    if not record.agent:  # a person is needed in any case, and no agent could ask
        return Turn(record.told + 1, 0, False, None, None)
    if record.asked is not None:
        number = parse_choice(utterance, *record.asked)
        if number == NEITHER:
            settled = None if heard.wants_person else Reason.DECLINED
        elif number is not None:
            choice = record.asked[number]
    is_nothing = heard.asks_nothing and not heard.wants_person
    if settled is None and choice is None and is_nothing and not _has_offered(turns):
        settled = Reason.NOTHING_ASKED
    return Turn(
        # What only thanks, or takes something back, is no evidence of anything.
        record.told + (settled is None and has_content(turns, utterance)),
        record.impatience + heard.frustration,
        heard.wants_person,
        choice,
        settled,
        is_answer=is_answer(turns, utterance),
    )


def read_again(record: CallRecord, turns: Sequence[tuple[str, str]], utterance: str) -> Turn:
    """Read the caller's last words again after another event.

    Args:
        record: the call so far, these words included.
        turns: what was said before these words, oldest first.
        utterance: the caller's last words.
    """
    return Turn(
        record.told,
        record.impatience,
        signals(utterance).wants_person,
        record.chosen,
        None,
        is_repeat=True,
        is_answer=is_answer(turns, utterance),
    )


def with_meaning(turn: Turn, scored: Scored, utterance: str) -> Turn:
    """Add whether the caller asks for a person, judged by meaning once the turn is scored.

    Args:
        turn: as the words alone were read.
        scored: the scores of this turn.
        utterance: the caller's words.
    """
    if turn.wants_person or turn.is_answer or not scored.wants_person:
        return turn
    if declines_person(utterance):
        return turn
    return turn._replace(wants_person=True)


def terms_of(record: CallRecord, turn: Turn, facts: CallFacts, decision_id: str) -> CallTerms:
    """Derive the terms of the decision on a turn.

    Args:
        record: the call so far.
        turn: the turn, read.
        facts: what the decision is completed with.
        decision_id: of the decision; empty for a provisional one.
    """
    if not record.agent:
        return CallTerms(facts, decision_id, dialling=record.dialling, has_agent=False)
    policy, wants_person = record.policy, turn.wants_person
    odds_factor, odds_alone = _factors(policy.patience, turn.told)
    urgent, urgent_alone = _factors(policy.patience_urgent, turn.told)
    if turn.told > 1 and (wants_person or record.asked is not None):
        # Who wants a person gets one anyhow, and who answers which of two rules is meant was
        # understood before: a likely rule will do, but one of the whole story.
        odds_factor = min(odds_factor, 1.0)
    return CallTerms(
        facts,
        decision_id,
        odds_factor,
        None if turn.is_answer else odds_alone,
        urgent,
        urgent_alone,
        # One question a call: what is unclear after that goes to the better of the two rules.
        not (wants_person or record.has_asked),
        turn.choice,
        record.failed_verifications < policy.max_verifications,
        _wish(turn, policy),
        turn.is_repeat,
        record.dialling,
        told=turn.told,
    )


def _factors(patience: tuple[float, float, float], told: int) -> tuple[float, float]:
    """Return the odds factors for the conversation and for its last turn alone."""
    first, second, later = patience
    if told <= 1:
        return first, first
    return second if told == 2 else later, second


def _wish(turn: Turn, policy: CallPolicy) -> Reason | None:
    """Return why an unmatched caller should still get a person, or None."""
    if turn.wants_person:
        return Reason.PERSON_REQUESTED
    return Reason.FRUSTRATED if turn.impatience >= policy.max_frustration else None


def _has_offered(turns: Sequence[tuple[str, str]]) -> bool:
    """Whether a "great, thanks" says yes: the agent has just offered to pass the caller on."""
    if not turns or turns[-1][0] == "caller":
        return False
    return _OFFER.search(turns[-1][1]) is not None

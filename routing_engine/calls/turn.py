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
from routing_engine.text.choices import Choice, parse_choice
from routing_engine.text.history import has_content, is_answer
from routing_engine.text.persons import declines_person
from routing_engine.text.signals import signals

__all__ = ["Turn", "read_again", "read_turn", "terms_of", "with_meaning"]

_OFFER = re.compile(
    r"\b(?:connect|transfer|put you|pass you|hand you|get you|speak|talk)", re.IGNORECASE
)

_NO = re.compile(r"\W*(?:no|nope|nah|neither|none)\b", re.IGNORECASE)
LEAST_MEANT = (0.5, 0.4)
"""Of an answer by meaning: the better rule's least share of both, and least confidence of both."""
LEAST_AFTER_NO = (0.9, 0.8)
"""The same where the answer begins with a no: it is more likely about something else."""


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
        rest: what is to be read of the words, where that is not all: "neither, …".
        excluded: labels of the rules that the caller wants neither of.
        is_news: the words answer no question between two, though one was put.
        is_unclear: and they say too little; the agent may put its question once more.
    """

    told: int
    impatience: int
    wants_person: bool
    choice: str | None
    settled: Reason | None
    is_repeat: bool = False
    is_answer: bool = False
    rest: str = ""
    excluded: tuple[str, ...] = ()
    is_news: bool = False
    is_unclear: bool = False


def read_turn(
    record: CallRecord,
    turns: Sequence[tuple[str, str]],
    utterance: str,
    whens: tuple[str, str] = ("", ""),
) -> Turn:
    """Read what the caller says now.

    Args:
        record: the call so far.
        turns: what was said before, oldest first.
        utterance: the caller's words.
        whens: descriptions of the rules between which the caller was asked to choose, if any.
    """
    heard = signals(utterance)
    choice: str | None = None
    settled: Reason | None = None
    rest = ""
    excluded: tuple[str, ...] = ()
    if not record.agent:  # a person is needed in any case, and no agent could ask
        return Turn(record.told + 1, 0, False, None, None)
    if record.asked is not None:
        choice, settled, rest = _answered(record, turns, utterance, whens, heard.wants_person)
        excluded = record.asked if rest else ()
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
        is_answer=not rest and is_answer(turns, utterance),
        rest=rest,
        excluded=excluded,
    )


def _answered(
    record: CallRecord,
    turns: Sequence[tuple[str, str]],
    utterance: str,
    whens: tuple[str, str],
    wants_person: bool,
) -> tuple[str | None, Reason | None, str]:
    """What the words of an answer say of two rules: the label, why it is settled, what is left."""
    asked = record.asked or ("", "")
    question = turns[-1][1] if turns and turns[-1][0] == "agent" else ""
    choice, rest = parse_choice(utterance, asked, whens, question, by_label_alone=wants_person)
    if choice is Choice.FIRST or choice is Choice.BOTH:
        return asked[0], None, ""  # the question names the surer one first
    if choice is Choice.SECOND:
        return asked[1], None, ""
    if wants_person or choice is None:
        return None, None, ""
    if choice is Choice.NEITHER:
        return None, None if rest else Reason.DECLINED, rest
    return None, None if record.is_asked_again else Reason.AMBIGUOUS, ""


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


def with_meaning(record: CallRecord, turn: Turn, scored: Scored, utterance: str) -> Turn:
    """Add what the words mean, once they are scored.

    Whether the caller asks for a person; or else, in answer to a question, which rule is meant.

    Args:
        record: the call so far.
        turn: as the words alone were read.
        scored: the scores of this turn.
        utterance: the caller's words.
    """
    if turn.wants_person:
        return turn
    if scored.wants_person and (record.asked is not None or not turn.is_answer):
        return (
            turn
            if declines_person(utterance.replace("’", "'"))
            else turn._replace(wants_person=True)
        )
    if record.asked is None or turn.is_repeat:
        return turn
    if turn.excluded:
        return turn._replace(is_news=True)
    choice = _chosen(scored.alone or scored, record.asked, utterance)
    is_open = choice is None and not record.is_asked_again
    return turn._replace(choice=choice, is_news=is_open, is_unclear=is_open)


def _chosen(alone: Scored, asked: tuple[str, str], utterance: str) -> str | None:
    """The label of the rule, of two, that the words of an answer are about; None for neither."""
    found = {
        rule.label: confidence
        for rule, confidence in zip(alone.rules, alone.confidences, strict=True)
    }
    if alone.reason is not None or not set(asked) <= set(found):
        return None
    best = max(asked, key=lambda label: found[label])
    whole = sum(found[label] for label in asked)
    share, least = LEAST_AFTER_NO if _NO.match(utterance) else LEAST_MEANT
    is_nearest = found[best] >= max(found.values())
    return best if is_nearest and whole >= least and found[best] >= share * whole else None


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

"""Turn scores into a decision: the one place where outcomes are chosen.

Pure: no clock, no I/O, no globals. What counts comes in as arguments: the scores, what the caller
has verified and confirmed, the terms of the call, the moment.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from routing_engine.deciding.scored import Scored
from routing_engine.deciding.state import OPEN, CatalogEntry, Opening
from routing_engine.model.decisions import CallFacts, Decision
from routing_engine.model.destinations import Destination
from routing_engine.model.explanation import Heard, Reads, times
from routing_engine.model.outcomes import Outcome, Reason
from routing_engine.model.parties import NOBODY, Parties
from routing_engine.model.rules import ContextRule, RoutingPolicy, RuleText
from routing_engine.text.paraphrases import gist

__all__ = [
    "Bar",
    "CallTerms",
    "Confirmed",
    "Verdict",
    "Verified",
    "contain",
    "decide",
    "default",
    "gate",
    "next_in_line",
]

MORE_LIKELY_THAN_NOT = 0.5

LONGEST_EXAMPLE = 40
"""Characters of an example that a question quotes."""

FAILURES = frozenset((Reason.ENGINE_DEGRADED, Reason.OVERLOADED, Reason.DEADLINE_EXCEEDED))
"""Reasons why nothing was scored although a rule might have matched."""

_UNMATCHED = (Outcome.DEFAULT, Outcome.CLOSED)

_NOT_DIALLED = (Reason.DESTINATION_REFUSED, Reason.LOOP_AVOIDED)
"""Reasons that a destination is passed over, though somebody is needed."""


Verified = bool | Collection[str]
"""Whether the caller is verified by any method; or the methods by which they are."""

Confirmed = bool | Mapping[str, bool]
"""Whether the caller agreed to a transfer; or their answers by the rule's label."""


class Verdict(NamedTuple):
    """The result of the gates on the rules of one location.

    Attributes:
        outcome, reason: as in :class:`~routing_engine.model.decisions.Decision`.
        rule: number of the rule that the decision is about, or None.
        rival: number of the rule too close to it (``CLARIFY`` only), or None.
        threshold: least confidence that was asked of the best rule; None where none was scored.
    """

    outcome: Outcome
    reason: Reason
    rule: int | None
    rival: int | None
    threshold: float | None


class Bar(NamedTuple):
    """The thresholds for rules that set none themselves.

    Attributes:
        policy: of the engine.
        threshold: the location's, or the engine's.
        odds_factor, odds_urgent: as in :class:`CallTerms`.
    """

    policy: RoutingPolicy
    threshold: float
    odds_factor: float = 1.0
    odds_urgent: float = 1.0

    def of(self, rule: RuleText) -> float:
        """Return the least confidence that a rule is asked for."""
        if rule.threshold is not None:
            return rule.threshold
        least = self.threshold
        if rule.action == "transfer":
            least = times(self.odds_factor, least)
        if rule.urgent:
            least = min(least, times(self.odds_urgent, self.policy.urgent_threshold))
        return least


class CallTerms(NamedTuple):
    """Terms of a live call's decision, other than verification and confirmation.

    In a call a person is needed only where a rule takes the caller, or the caller, or the agent,
    wants one: otherwise the decision is ``CONTAIN``.

    Attributes:
        facts: what every decision of the call is completed with.
        decision_id: of the decision; empty for a provisional one.
        odds_factor: multiplies the odds that a rule which transfers must reach, above 0; the
            threshold of a rule or a location that sets its own stays as it is.
        odds_alone: the same for the last turn alone, where that is scored beside the
            conversation: the surer of the two decides, each by its own bar. None where the last
            turn says nothing without what came before.
        odds_urgent, odds_urgent_alone: the same for rules that are urgent, over the policy's
            ``urgent_threshold``.
        may_clarify: whether the caller may be asked which of two rules is meant.
        chosen_label: label of the rule that the caller has named, or None.
        may_verify: whether another attempt at a verification may be asked for.
        wish: why a caller whom no rule takes is to reach a person all the same, or None.
        is_repeat: the words were decided on before. A transfer that was declined is then
            declined, whatever the caller wishes.
        dialling: what is being dialled, which is no number dialled in vain; or None.
        has_agent: whether somebody talks with the caller who can ask, verify and go on. Without,
            a person is needed in any case, and what only an agent could ask goes to the default.
        told: turns of the caller that said something, for the explanation alone.
    """

    facts: CallFacts
    decision_id: str = ""
    odds_factor: float = 1.0
    odds_alone: float | None = None
    odds_urgent: float = 1.0
    odds_urgent_alone: float = 1.0
    may_clarify: bool = True
    chosen_label: str | None = None
    may_verify: bool = True
    wish: Reason | None = None
    is_repeat: bool = False
    dialling: str | None = None
    has_agent: bool = True
    told: int = 0


def decide(
    confidences: Sequence[float],
    rules: Sequence[RuleText],
    destinations: Sequence[int],
    *,
    policy: RoutingPolicy,
    threshold: float,
    open_now: bool = True,
    verified: Verified = False,
    confirmed: Confirmed = False,
    odds_factor: float = 1.0,
    odds_urgent: float = 1.0,
    may_clarify: bool = True,
) -> Verdict:
    """Choose a rule, or none, for a caller who needs a person.

    Args:
        confidences: probability of each rule, ``(n_rules,)``.
        rules: the rules, ``(n_rules,)``, at least one.
        destinations: a code for each rule's destination; equal codes ring the same phone.
        policy: margin and what to do about ambiguity.
        threshold: least confidence where the rule does not set its own.
        open_now: the location is open.
        verified: the caller's identity has been verified, or by which methods.
        confirmed: the caller has confirmed the transfer, or what they said to each rule's.
        odds_factor, odds_urgent, may_clarify: as in :class:`CallTerms`.

    Returns:
        The verdict. Gates run in the order enabled, hours, verification, confirmation. Where the
        location is closed, unmatched callers do not go to the default: the outcome is ``CLOSED``,
        with the reason ``OUTSIDE_HOURS``, or ``ROUTINE`` where that is what it is. An urgent rule
        that is sure enough goes before a rule that it is nearly tied with, and none is ever one of
        the two that a question is between.
    """
    top = max(confidences)
    bar = Bar(policy, threshold, odds_factor, odds_urgent)
    best = _urgent(confidences, rules, top, bar, open_now=open_now)
    if best is None:
        best = confidences.index(top)
        if confidences.count(top) > 1:
            # Ties are broken by the rules themselves, not by the order they stand in.
            best = min(
                (i for i, confidence in enumerate(confidences) if confidence == top),
                key=lambda i: (rules[i].model_dump_json(), destinations[i]),
            )
    else:
        top = confidences[best]
    rule = rules[best]
    least = threshold if rule.threshold is None else rule.threshold
    in_hours = _applies(rule, open_now=open_now)
    asks = may_clarify and policy.margin > 0.0 and policy.on_ambiguous == "clarify"
    asks = asks and not rule.urgent
    if asks and 2.0 * top >= MORE_LIKELY_THAN_NOT and rule.enabled and in_hours:
        rival = _rival(confidences, rules, destinations, best, policy.margin, least)
        if rival is not None:
            return Verdict(Outcome.CLARIFY, Reason.AMBIGUOUS, best, rival, least)
    least = bar.of(rule)
    matched: int | None = best
    if not top >= least:
        reason, matched = Reason.BELOW_THRESHOLD, None
    elif not rule.enabled:
        reason = Reason.RULE_DISABLED
    elif not in_hours:
        reason = Reason.OUTSIDE_HOURS
    elif rule.action == "contain":
        reason = Reason.ROUTINE
    elif rule.requires_verification and not _is_verified(rule, verified):
        return Verdict(Outcome.VERIFY, Reason.VERIFICATION_REQUIRED, best, None, least)
    elif rule.requires_confirmation and not _is_confirmed(rule, confirmed):
        return Verdict(Outcome.CONFIRM, Reason.CONFIRMATION_REQUIRED, best, None, least)
    else:
        return Verdict(Outcome.TRANSFER, Reason.RULE_MATCHED, best, None, least)
    if open_now:
        return Verdict(Outcome.DEFAULT, reason, matched, None, least)
    reason = reason if reason is Reason.ROUTINE else Reason.OUTSIDE_HOURS
    return Verdict(Outcome.CLOSED, reason, matched, None, least)


def gate(
    scored: Scored,
    *,
    verified: Verified = False,
    confirmed: Confirmed = False,
    terms: CallTerms | None = None,
    now: datetime | None = None,
    serial: int = 0,
    parties: Parties = NOBODY,
) -> Decision:
    """Decide on an utterance that has been scored.

    Args:
        scored: the rules of the location, scored against it.
        verified: the caller's identity has been verified, or by which methods.
        confirmed: the caller has confirmed the transfer, or what they said to each rule's.
        terms: of the call that asks; None where a person is needed in any case.
        now: the instant for which hours count; at None every location counts as open.
        serial: makes the id of a decision that is none of a call's.
        parties: who is on the line, and is never dialled; those of the call where one asks.
    """
    if terms is not None and terms.chosen_label is not None and scored.reason is None:
        scored = scored.choosing(terms.chosen_label)
    facts = terms.facts if terms is not None else None
    if facts is None and parties is not NOBODY:
        facts = CallFacts(parties=parties)
    elif facts is not None:
        parties = facts.parties
    entry = scored.entry
    opening = OPEN if scored.reason in FAILURES else entry.opening(now)
    alone, reads = scored.alone, Reads.ALL_THERE_IS
    if terms is not None and alone is not None:
        reads = Reads.CONVERSATION
        if terms.odds_alone is None:
            reads = Reads.ANSWER
        else:
            of_turn = terms._replace(
                odds_factor=terms.odds_alone, odds_urgent=terms.odds_urgent_alone
            )
            if _is_surer(alone, of_turn, scored, terms, opening):
                reads = Reads.LAST_TURN
                scored, terms = alone, of_turn
    verdict = _verdict(scored, opening, verified, confirmed, terms)
    outcome, reason, number, rival, threshold = verdict
    rule = None if number is None else scored.rules[number]
    destination: Destination | None = None
    if outcome is Outcome.TRANSFER and number is not None:
        destination = entry.catalog.columns.decode(scored.codes[number])
        if destination is None or not entry.may_dial(destination):
            refused = Reason.DESTINATION_REFUSED
            outcome, reason, destination = _unmatched(entry, opening, refused, parties)
        elif parties.has(destination):
            reason = Reason.LOOP_AVOIDED
            destination = _first_of_others(entry, scored.rule(number), parties)
            if destination is None:
                outcome, reason, destination = _unmatched(entry, opening, reason, parties)
    elif outcome in _UNMATCHED:
        outcome, reason, destination = _unmatched(entry, opening, reason, parties)
    elif outcome is Outcome.CLARIFY:
        usual = entry.unmatched(is_open_now=opening.is_now)
        destination = _allowed(entry, usual, parties)
    if terms is not None and not terms.has_agent:
        if outcome in (Outcome.CLARIFY, Outcome.VERIFY, Outcome.CONFIRM):
            return _give_up(entry, opening, reason, terms)
        if outcome is Outcome.TRANSFER and number is not None and _is_in_vain(destination, terms):
            return _next(entry, scored.rule(number), opening, terms)
        if outcome is Outcome.DEFAULT and _is_in_vain(destination, terms):
            return _nobody(entry, None, terms)
    elif terms is not None:
        if (
            outcome is Outcome.CONFIRM
            and rule is not None
            and isinstance(confirmed, Mapping)
            and confirmed.get(rule.label) is False
        ):
            # Who says no and asks for a person later is not sent back to the agent for ever.
            if terms.wish is not None and not terms.is_repeat:
                return _give_up(entry, opening, terms.wish, terms)
            outcome, reason = Outcome.CONTAIN, Reason.DECLINED
        elif outcome is Outcome.VERIFY and number is not None and not terms.may_verify:
            failed = Reason.VERIFICATION_FAILED
            return _give_up(entry, opening, failed, terms, scored.rule(number))
        elif outcome in _UNMATCHED:
            outcome, reason = _of_the_call(outcome, reason, rule, destination, terms.wish)
            destination = destination if outcome in _UNMATCHED else None
        elif outcome is Outcome.TRANSFER and number is not None and _is_in_vain(destination, terms):
            return _next(entry, scored.rule(number), opening, terms)
        if outcome is Outcome.DEFAULT and _is_in_vain(destination, terms):
            return _nobody(entry, None if number is None else scored.rule(number), terms)
    has_scores = scored.reason is None
    return Decision(
        outcome,
        reason,
        destination,
        entry.location_id,
        entry.version,
        _confidence(scored, number) if has_scores else 0.0,
        threshold,
        _question(outcome, number, rival, scored.rules),
        opening.next,
        number,
        scored if has_scores else None,
        not opening.is_now,
        rival,
        facts,
        _id=serial if terms is None else terms.decision_id,
        _heard=Heard(reads, terms.told, terms.odds_factor, terms.odds_urgent)
        if has_scores and terms is not None and terms.has_agent
        else None,
    )


def default(
    entry: CatalogEntry,
    reason: Reason,
    now: datetime | None = None,
    *,
    terms: CallTerms | None = None,
    serial: int = 0,
) -> Decision:
    """Decide for an unmatched caller: where they go at this hour.

    Args:
        entry: the location.
        reason: why they do not stay with the agent.
        now: the instant for which hours count; at None the location counts as open.
        terms: of the call that asks; None where none does.
        serial: makes the id of a decision that is none of a call's.
    """
    opening = entry.opening(now)
    if terms is not None:
        return _give_up(entry, opening, reason, terms)
    outcome, reason, destination = _unmatched(entry, opening, reason, NOBODY)
    return _plain(entry, outcome, reason, destination, opening, None, serial)


def next_in_line(
    entry: CatalogEntry, rule: ContextRule | None, now: datetime, terms: CallTerms
) -> Decision:
    """Decide whom to try after a transfer has failed.

    Args:
        entry: the location.
        rule: whose phones were being tried; None where it was the default.
        now: the instant for which hours count.
        terms: of the call, with what was tried.
    """
    return _next(entry, rule, entry.opening(now), terms)


def contain(location_id: str, version: int, reason: Reason, terms: CallTerms) -> Decision:
    """Decide that a call stays with the agent, without looking at its rules."""
    return Decision(
        Outcome.CONTAIN,
        reason,
        None,
        location_id,
        version,
        _call=terms.facts,
        _id=terms.decision_id,
    )


def _verdict(
    scored: Scored,
    opening: Opening,
    verified: Verified,
    confirmed: Confirmed,
    terms: CallTerms | None,
) -> Verdict:
    """Run the gates on scored rules; the verdict has no rule if nothing was scored."""
    if scored.reason is not None:
        if opening.is_now:
            return Verdict(Outcome.DEFAULT, scored.reason, None, None, None)
        return Verdict(Outcome.CLOSED, Reason.OUTSIDE_HOURS, None, None, None)
    bar = _bar(scored.entry, terms)
    verdict = decide(
        scored.confidences,
        scored.rules,
        scored.codes,
        policy=bar.policy,
        threshold=bar.threshold,
        open_now=opening.is_now,
        verified=verified,
        confirmed=confirmed,
        odds_factor=bar.odds_factor,
        odds_urgent=bar.odds_urgent,
        may_clarify=terms is None or terms.may_clarify,
    )
    spoken, number = scored.spoken, verdict.rule
    if spoken is None or number is None or verdict.reason is not Reason.RULE_MATCHED:
        return verdict
    if spoken.language in scored.rules[number].languages:
        return verdict._replace(reason=Reason.LANGUAGE_MATCHED)
    return verdict


def _unmatched(
    entry: CatalogEntry, opening: Opening, reason: Reason, parties: Parties
) -> tuple[Outcome, Reason, Destination | None]:
    """Return where an unmatched caller goes: the default, after hours, or nowhere."""
    destination = entry.unmatched(is_open_now=opening.is_now)
    if destination is None:
        return Outcome.CLOSED, reason, None
    if not entry.may_dial(destination):
        return Outcome.DEFAULT, Reason.DESTINATION_REFUSED, None
    if parties.has(destination):
        return Outcome.DEFAULT, Reason.LOOP_AVOIDED, None
    return Outcome.DEFAULT, reason, destination


def _first_of_others(
    entry: CatalogEntry, rule: ContextRule, parties: Parties
) -> Destination | None:
    """The first of a rule's destinations that does not come back to the call itself."""
    allowed = (_allowed(entry, destination, parties) for destination in rule.chain)
    return next((destination for destination in allowed if destination is not None), None)


def _of_the_call(
    outcome: Outcome,
    reason: Reason,
    rule: RuleText | None,
    destination: Destination | None,
    wish: Reason | None,
) -> tuple[Outcome, Reason]:
    """Decide whether an unmatched caller of a call gets a person or stays with the agent."""
    if reason is Reason.OUTSIDE_HOURS and rule is not None and rule.enabled:
        return outcome, reason
    if reason in _NOT_DIALLED:
        if wish is not None or (rule is not None and rule.action == "transfer"):
            return (Outcome.CONTAIN if destination is None else outcome), reason
        return Outcome.CONTAIN, Reason.BELOW_THRESHOLD if rule is None else Reason.ROUTINE
    if wish is None:
        return Outcome.CONTAIN, reason
    return outcome, wish


def _give_up(
    entry: CatalogEntry,
    opening: Opening,
    reason: Reason,
    terms: CallTerms,
    concerns: ContextRule | None = None,
) -> Decision:
    """Send a caller of a call to the default, whatever the rules say."""
    outcome, reason, destination = _unmatched(entry, opening, reason, terms.facts.parties)
    if _is_in_vain(destination, terms):
        return _nobody(entry, None, terms)
    if reason in _NOT_DIALLED and terms.has_agent:
        outcome = Outcome.CONTAIN
    return _plain(entry, outcome, reason, destination, opening, terms, 0, concerns)


def _nobody(
    entry: CatalogEntry, rule: ContextRule | None, terms: CallTerms, *, is_chain: bool = False
) -> Decision:
    """Return the call to the agent: nobody who could be dialled has answered."""
    return Decision(
        Outcome.CONTAIN if terms.has_agent else Outcome.DEFAULT,
        Reason.NOBODY_ANSWERED,
        None,
        entry.location_id,
        entry.version,
        _call=terms.facts,
        _concerns=rule,
        _attempts=() if is_chain else None,
        _id=terms.decision_id,
    )


def _next(
    entry: CatalogEntry, rule: ContextRule | None, opening: Opening, terms: CallTerms
) -> Decision:
    """Choose the first destination not yet dialled; the agent if all were."""
    usual_s, tried, parties = terms.facts.ring_timeout_s, terms.facts.tried, terms.facts.parties
    chain: list[tuple[Destination, int | None]] = []
    for position, destination in enumerate(() if rule is None else rule.chain):
        own_s = None if rule is None else rule.ring_timeout_s(position)
        chain.append((destination, usual_s if own_s is None else own_s))
    last = entry.unmatched(is_open_now=opening.is_now)
    if last is not None:
        chain.append((last, usual_s))
    left: dict[str, tuple[Destination, int | None]] = {}
    reason = Reason.FALLBACK
    for destination, timeout_s in chain:
        number = str(destination)
        if number in tried:
            reason = reason if left else Reason.FALLBACK
        elif parties.has(destination):
            # Told where it would have been next, and not for ever after.
            reason = reason if left else Reason.LOOP_AVOIDED
        elif entry.may_dial(destination):
            left.setdefault(number, (destination, timeout_s))
    if not left:
        return _nobody(entry, rule, terms, is_chain=True)
    attempts = tuple(left.values())
    return Decision(
        Outcome.TRANSFER,
        reason,
        attempts[0][0],
        entry.location_id,
        entry.version,
        _call=terms.facts,
        _concerns=rule,
        _attempts=attempts,
        _id=terms.decision_id,
    )


def _plain(
    entry: CatalogEntry,
    outcome: Outcome,
    reason: Reason,
    destination: Destination | None,
    opening: Opening,
    terms: CallTerms | None,
    serial: int,
    concerns: ContextRule | None = None,
) -> Decision:
    """Build a decision without scores."""
    return Decision(
        outcome,
        reason,
        destination,
        entry.location_id,
        entry.version,
        next_opening=opening.next,
        _closed=not opening.is_now,
        _call=None if terms is None else terms.facts,
        _concerns=concerns,
        _id=serial if terms is None else terms.decision_id,
    )


def _allowed(
    entry: CatalogEntry, destination: Destination | None, parties: Parties
) -> Destination | None:
    if destination is None or not entry.may_dial(destination) or parties.has(destination):
        return None
    return destination


def _is_in_vain(destination: Destination | None, terms: CallTerms) -> bool:
    """Whether a destination was dialled before without success."""
    if destination is None or not terms.facts.tried:
        return False
    # Who goes on talking while it rings, or before, is still on the way to that number.
    number = str(destination)
    return number in terms.facts.tried and number != terms.dialling


def _bar(entry: CatalogEntry, terms: CallTerms | None) -> Bar:
    """Return the thresholds for the rules of a location."""
    settings, own = entry.settings, entry.catalog.threshold(entry.number)
    if terms is None:
        return Bar(settings.policy, settings.threshold if own is None else own)
    if own is None:
        return Bar(settings.policy, settings.threshold, terms.odds_factor, terms.odds_urgent)
    return Bar(settings.policy, own, 1.0, terms.odds_urgent)


def _urgent(
    confidences: Sequence[float],
    rules: Sequence[RuleText],
    top: float,
    bar: Bar,
    *,
    open_now: bool,
) -> int | None:
    """The urgent rule that a caller goes to: sure enough, and nearly as sure as the best rule."""
    found = None
    for i, rule in enumerate(rules):
        if not rule.urgent:  # of most tables none is, and every decision comes by here
            continue
        confidence = confidences[i]
        is_close = top - confidence < bar.policy.margin or confidence == top
        if not is_close or not rule.enabled or not confidence >= bar.of(rule):
            continue
        if not _applies(rule, open_now=open_now):
            continue
        key = -confidence, rule.model_dump_json()
        if found is None or key < found[0]:
            found = key, i
    return None if found is None else found[1]


def _is_surer(
    alone: Scored, of_turn: CallTerms, whole: Scored, terms: CallTerms, opening: Opening
) -> bool:
    """Whether the last turn alone decides, and not the conversation; each by its own terms.

    An urgent rule that one of them is sure of decides: that of the last turn, and that of the
    conversation where the last turn is sure of nothing else.
    """
    rules = whole.rules
    if any(rule.urgent for rule in rules):
        bar = _bar(whole.entry, of_turn)
        top = max(alone.confidences)
        if _urgent(alone.confidences, rules, top, bar, open_now=opening.is_now) is not None:
            return True
        if top < bar.of(rules[alone.confidences.index(top)]):
            bar, top = _bar(whole.entry, terms), max(whole.confidences)
            if _urgent(whole.confidences, rules, top, bar, open_now=opening.is_now) is not None:
                return False
    return _odds(alone) / of_turn.odds_factor >= _odds(whole) / terms.odds_factor


def _confidence(scored: Scored, number: int | None) -> float:
    """Return the confidence of the decided rule, or of the best one."""
    return max(scored.confidences) if number is None else scored.confidences[number]


def _odds(scored: Scored) -> float:
    """Return the odds of the best rule."""
    top = max(scored.confidences)
    return top / max(1.0 - top, 1e-9)


def _is_verified(rule: RuleText, verified: Verified) -> bool:
    if isinstance(verified, Collection):
        return any(map(rule.is_verified_by, verified))
    return bool(verified)


def _is_confirmed(rule: RuleText, confirmed: Confirmed) -> bool:
    if isinstance(confirmed, Mapping):
        return confirmed.get(rule.label) is True
    return bool(confirmed)


def _question(
    outcome: Outcome, number: int | None, rival: int | None, rules: Sequence[RuleText]
) -> str | None:
    """Return the question that the agent may ask, or None."""
    if outcome is Outcome.CLARIFY and number is not None and rival is not None:
        asked = rules[number], rules[rival]
        abouts = [_recognised(rule) for rule in asked]
        if abouts[0] == abouts[1]:  # what tells nothing apart
            abouts = ["", ""]
        first, second = (
            f"{rule.label}, such as {about}" if about else rule.label
            for rule, about in zip(asked, abouts, strict=True)
        )
        joint = ", or about " if any(abouts) else " or "
        return f"Is this about {first}{joint}{second}?"
    if outcome is Outcome.CONFIRM and number is not None:
        return f"Shall I connect you with {rules[number].label}?"
    return None


def _recognised(rule: RuleText) -> str:
    """What a question names a rule by, besides its label: what it is about, or a typical call."""
    about = gist(rule.when)
    if about and about.casefold() not in rule.label.casefold():
        return about
    typical = min(rule.examples, key=len, default="").strip()
    return f"“{typical}”" if typical and len(typical) <= LONGEST_EXAMPLE else ""


def _applies(rule: RuleText, *, open_now: bool) -> bool:
    """Whether a rule applies at this hour."""
    if rule.hours is None:
        return open_now or rule.action == "contain"
    return rule.hours == "always" or (rule.hours == "open") is open_now


def _rival(
    confidences: Sequence[float],
    rules: Sequence[RuleText],
    destinations: Sequence[int],
    best: int,
    margin: float,
    least: float,
) -> int | None:
    """Find the most confident rule with another destination that is too close to the best.

    It is closer than ``margin``, and the two together are confident enough, and more likely meant
    than not.
    """
    top = confidences[best]
    least = max(least, MORE_LIKELY_THAN_NOT)
    close = [
        i
        for i, confidence in enumerate(confidences)
        if top - confidence < margin
        and top + confidence >= least
        and destinations[i] != destinations[best]
        and rules[i].enabled
        and not rules[i].urgent
    ]
    if not close:
        return None
    return min(close, key=lambda i: (-confidences[i], rules[i].label, rules[i].when))

"""Confidences, policy and gates to a verdict. Pure: no clock, no I/O, no globals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from routing_engine.model.outcomes import Outcome, Reason
from routing_engine.model.rules import RoutingPolicy, RuleText

__all__ = ["USUAL", "Terms", "Verdict", "decide"]

MORE_LIKELY_THAN_NOT = 0.5


class Verdict(NamedTuple):
    """What was decided about the rules of one location.

    Attributes:
        outcome, reason: as in :class:`~routing_engine.model.decisions.Decision`.
        rule: number of the rule that the decision is about, or None.
        rival: number of the rule too close to it (``CLARIFY`` only), or None.
        threshold: the least confidence that was asked of the best rule.
    """

    outcome: Outcome
    reason: Reason
    rule: int | None
    rival: int | None
    threshold: float


class Terms(NamedTuple):
    """What a call asks of a decision beside the gates.

    Attributes:
        odds: by how much the odds of a rule that sends the caller on must be better than at the
            threshold; a rule's or a location's own threshold stays as it is.
        asks: whether the caller may be asked which of two rules is meant.
        chosen: label of the rule that the caller has named, or None.
    """

    odds: float = 1.0
    asks: bool = True
    chosen: str | None = None


USUAL = Terms()


def decide(
    confidences: Sequence[float],
    rules: Sequence[RuleText],
    destinations: Sequence[int],
    *,
    policy: RoutingPolicy,
    threshold: float,
    open_now: bool = True,
    verified: bool = False,
    confirmed: bool = False,
    terms: Terms = USUAL,
) -> Verdict:
    """Choose a rule, or none, for a caller who needs a person.

    Args:
        confidences: probability of each rule, ``(n_rules,)``.
        rules: the rules, ``(n_rules,)``, at least one.
        destinations: a code for each rule's destination; equal codes ring the same phone.
        policy: margin and what to do about ambiguity.
        threshold: least confidence where the rule does not set its own.
        open_now: the location is open.
        verified: the caller's identity has been verified.
        confirmed: the caller has confirmed the transfer.
        terms: of the call it is asked in.

    Returns:
        The verdict. Gates run in the order enabled, hours, verification, confirmation. Where the
        location is closed, whoever no rule takes is not for the default: the outcome is
        ``CLOSED``, with the reason ``OUTSIDE_HOURS``, or ``ROUTINE`` where that is what it is.
    """
    verdict = _match(
        confidences,
        rules,
        destinations,
        policy=policy,
        threshold=threshold,
        open_now=open_now,
        verified=verified,
        confirmed=confirmed,
        terms=terms,
    )
    if open_now or verdict.outcome is not Outcome.DEFAULT:
        return verdict
    reason = Reason.ROUTINE if verdict.reason is Reason.ROUTINE else Reason.OUTSIDE_HOURS
    return verdict._replace(outcome=Outcome.CLOSED, reason=reason)


def _match(
    confidences: Sequence[float],
    rules: Sequence[RuleText],
    destinations: Sequence[int],
    *,
    policy: RoutingPolicy,
    threshold: float,
    open_now: bool,
    verified: bool,
    confirmed: bool,
    terms: Terms,
) -> Verdict:
    """As :func:`decide`, where a location that is closed has a default all the same."""
    top = max(confidences)
    best = confidences.index(top)
    if confidences.count(top) > 1:
        # Ties are broken by the rules themselves, not by the order they stand in.
        best = min(
            (i for i, confidence in enumerate(confidences) if confidence == top),
            key=lambda i: (rules[i].model_dump_json(), destinations[i]),
        )
    rule = rules[best]
    least = threshold if rule.threshold is None else rule.threshold
    in_hours = _applies(rule, open_now=open_now)
    asks = terms.asks and policy.margin > 0.0 and policy.on_ambiguous == "clarify"
    if asks and 2.0 * top >= MORE_LIKELY_THAN_NOT and rule.enabled and in_hours:
        rival = _rival(confidences, rules, destinations, best, policy.margin, least)
        if rival is not None:
            return Verdict(Outcome.CLARIFY, Reason.AMBIGUOUS, best, rival, least)
    if terms.odds != 1.0 and rule.threshold is None and rule.action == "transfer":
        least = terms.odds * least / (1.0 + (terms.odds - 1.0) * least)
    if not top >= least:
        return Verdict(Outcome.DEFAULT, Reason.BELOW_THRESHOLD, None, None, least)
    if not rule.enabled:
        return Verdict(Outcome.DEFAULT, Reason.RULE_DISABLED, best, None, least)
    if not in_hours:
        return Verdict(Outcome.DEFAULT, Reason.OUTSIDE_HOURS, best, None, least)
    if rule.action == "contain":
        return Verdict(Outcome.DEFAULT, Reason.ROUTINE, best, None, least)
    if rule.requires_verification and not verified:
        return Verdict(Outcome.VERIFY, Reason.VERIFICATION_REQUIRED, best, None, least)
    if rule.requires_confirmation and not confirmed:
        return Verdict(Outcome.CONFIRM, Reason.CONFIRMATION_REQUIRED, best, None, least)
    return Verdict(Outcome.TRANSFER, Reason.RULE_MATCHED, best, None, least)


def _applies(rule: RuleText, *, open_now: bool) -> bool:
    """Whether a rule is for the hour it is."""
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
    """The most confident other rule that leads elsewhere and is too close to the best.

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
    ]
    if not close:
        return None
    return min(close, key=lambda i: (-confidences[i], rules[i].label, rules[i].when))

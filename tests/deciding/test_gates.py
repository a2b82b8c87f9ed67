"""Every gate, failing alone, together with others, and cleared in every order."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import permutations, product

import pytest

from routing_engine import HashingEncoder, Outcome, Reason, RoutingEngine
from tests.support.strategies import a_location, a_rule

WEEKDAY, SUNDAY = datetime(2026, 3, 2, 12, tzinfo=UTC), datetime(2026, 3, 1, 12, tzinfo=UTC)
DEFAULT, NIGHT, BILLING, PREMIUM = "+14155550100", "+14155550109", "+14155550111", "+19002345678"
INVOICE = "there is a strange charge on my invoice"

# In the order in which they are asked: what fails, and what is said of it.
GATES = {
    "enabled": Reason.RULE_DISABLED,
    "hours": Reason.OUTSIDE_HOURS,
    "verification": Reason.VERIFICATION_REQUIRED,
    "confirmation": Reason.CONFIRMATION_REQUIRED,
    "dial policy": Reason.DESTINATION_REFUSED,
}
OUTCOMES = {
    Reason.RULE_MATCHED: (Outcome.TRANSFER, BILLING),
    Reason.RULE_DISABLED: (Outcome.DEFAULT, DEFAULT),
    Reason.OUTSIDE_HOURS: (Outcome.DEFAULT, NIGHT),
    Reason.VERIFICATION_REQUIRED: (Outcome.VERIFY, None),
    Reason.CONFIRMATION_REQUIRED: (Outcome.CONFIRM, None),
    Reason.DESTINATION_REFUSED: (Outcome.DEFAULT, DEFAULT),
}


def name(*, enabled, may_dial):
    return f"enabled {enabled}, may dial {may_dial}"


@pytest.fixture(scope="module")
def engine():
    return RoutingEngine(
        [
            a_location(
                name(enabled=enabled, may_dial=may_dial),
                a_rule(
                    when="asks about an invoice", examples=(INVOICE,), enabled=enabled,
                    destination=BILLING if may_dial else PREMIUM,
                    requires_verification=True, requires_confirmation=True,
                ),
                default_destination=DEFAULT, after_hours=NIGHT,
                timezone="UTC", business_hours="Mon-Fri 08:00-18:00",
            )
            for enabled, may_dial in product((False, True), repeat=2)
        ],
        encoder=HashingEncoder(),
    )  # fmt: skip


def ask(engine, failing):
    return engine.route(
        name(enabled="enabled" not in failing, may_dial="dial policy" not in failing),
        INVOICE,
        verified="verification" not in failing,
        confirmed="confirmation" not in failing,
        now=SUNDAY if "hours" in failing else WEEKDAY,
    )


def expected(failing):
    """What the first gate that fails says; a disabled rule is not known to be for another hour."""
    reason = next((why for gate, why in GATES.items() if gate in failing), Reason.RULE_MATCHED)
    outcome, destination = OUTCOMES[reason]
    if "hours" in failing and reason is Reason.RULE_DISABLED:
        # Nobody is sent to the default of a location that is closed.
        return Outcome.DEFAULT, Reason.OUTSIDE_HOURS, NIGHT
    return outcome, reason, destination


def said(decision):
    destination = decision.destination
    return decision.outcome, decision.reason, None if destination is None else str(destination)


SUBSETS = [
    frozenset(gate for gate, fails in zip(GATES, flags, strict=True) if fails)
    for flags in product((False, True), repeat=len(GATES))
]


@pytest.mark.parametrize("failing", SUBSETS, ids=lambda failing: "+".join(sorted(failing)) or "-")
def test_the_first_gate_that_fails_decides(engine, failing):
    assert said(ask(engine, failing)) == expected(failing)


@pytest.mark.parametrize("order", list(permutations(GATES)), ids=",".join)
def test_gates_open_one_by_one_in_any_order(engine, order):
    failing = set(GATES)
    for gate in order:
        assert said(ask(engine, failing)) == expected(failing)
        failing.remove(gate)
    assert said(ask(engine, failing)) == (Outcome.TRANSFER, Reason.RULE_MATCHED, BILLING)


def test_every_gate_names_its_rule_whatever_fails(engine):
    for failing in SUBSETS:
        decision = ask(engine, failing)
        assert decision.rule is not None
        assert decision.rule.label == "Billing"
        assert decision.confidence >= decision.threshold

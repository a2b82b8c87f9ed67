"""An engine whose locations are reached by lines, for the servers that phone systems ask."""

from __future__ import annotations

import pytest

from routing_engine import HashingEncoder, RoutingEngine
from tests.support.strategies import a_location, a_rule

LINE, OTHER_LINE = "+14155550199", "2204"
BILLING, SECOND, THIRD, DEFAULT = "+14155550111", "+14155550112", "+14155550113", "+14155550100"
DESK = "sip:desk@pbx.example"


def locations():
    """An open location with a chain, one whose numbers have extensions, one that is closed."""
    return [
        a_location(
            "store-1",
            a_rule(
                "Billing",
                BILLING,
                examples=("there is a charge on my invoice",),
                fallback=(SECOND, THIRD),
                ring_timeouts_s=(15, 20),
            ),
            a_rule("Secrets", SECOND, when="caller wants a secret", requires_verification=True),
            a_rule("Moves", SECOND, when="caller moves house", requires_confirmation=True),
            a_rule("Chat", None, when="caller only chats along", action="contain"),
            default_destination=DEFAULT,
            lines=(LINE,),
        ),
        a_location(
            "store-2",
            a_rule("Desk", DESK, when="caller wants the front desk"),
            a_rule("Office", f"{BILLING};ext=12", when="caller wants the back office"),
            default_destination=DEFAULT,
            lines=(OTHER_LINE,),
        ),
        a_location(
            "closed",
            a_rule("Billing", BILLING, when="caller asks about billing"),
            timezone="UTC",
            business_hours="closed",
            lines=("closed-line",),
        ),
    ]


CHARGE = "there is a charge on my invoice"


@pytest.fixture(scope="session")
def engine():
    return RoutingEngine(locations(), encoder=HashingEncoder())

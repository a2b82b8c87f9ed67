from __future__ import annotations

import pytest

from routing_engine import ContextRule, HashingEncoder, Location, RoutingEngine


@pytest.fixture(scope="module")
def brand(tmp_path_factory):
    rules = [
        ContextRule(
            label=label, when=f"caller asks about {when}", examples=(when,), destination=number
        )
        for label, when, number in (
            ("Billing", "invoice refund charge", "+14155550111"),
            ("Emergency", "flood gas leak", "+14155550112"),
        )
    ]
    engine = RoutingEngine(
        [
            Location(location_id=name, default_destination="+14155550100", rules=rules)
            for name in ("store-1", "store-2", "0042")
        ],
        encoder=HashingEncoder(),
    )
    folder = tmp_path_factory.mktemp("brand") / "brand"
    engine.save(folder)
    return folder


@pytest.fixture(scope="module")
def engine(brand):
    return RoutingEngine.load(brand, encoder=HashingEncoder())

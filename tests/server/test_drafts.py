"""What a sheet says of a location is what its draft compiles to."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from routing_engine.model.rules import ContextRule
from routing_engine.server.drafts import compile_draft
from routing_engine.server.imports import config_of
from routing_engine.server.wire.agents import Config, TransferRule
from tests.support.strategies import locations, rules

SPOKEN = rules(languages=st.sampled_from([(), ("es",), ("es", "vi")]))


def test_a_rule_on_the_wire_has_every_field_of_a_rule():
    assert set(TransferRule.model_fields) == set(ContextRule.model_fields)


@settings(max_examples=50)
@given(locations(rule=SPOKEN))
def test_a_location_that_is_imported_compiles_to_itself(location):
    config = Config.model_validate(config_of(location))
    draft = {
        "name": location.name or location.location_id,
        "locationId": location.location_id,
        "config": config.model_dump(mode="json", by_alias=True, exclude_unset=True),
    }
    assert compile_draft(draft).location == location.model_copy(update={"name": draft["name"]})

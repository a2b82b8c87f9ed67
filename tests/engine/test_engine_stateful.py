"""Any sequence of building, replacing, saving, loading and asking, against a plain dict."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from routing_engine import HashingEncoder, RoutingEngine, RoutingPolicy, UnknownLocationError
from tests.support.hours import FIRST, MINUTE
from tests.support.naive import NaiveEngine
from tests.support.strategies import location_lists, sentences, texts

DIMENSION = 8
POLICY = RoutingPolicy(threshold=0.3, margin=0.05)


class EngineMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.saved = {}  # path -> (model, version)
        self.model = {}
        self.version = 0

    def teardown(self):
        self.folder.cleanup()

    @initialize(locations=location_lists)
    def build(self, locations):
        self.engine = RoutingEngine(locations, encoder=HashingEncoder(DIMENSION), policy=POLICY)
        self.model = {location.location_id: location for location in locations}
        self.version = 1

    @rule(locations=location_lists)
    def replace(self, locations):
        self.version += 1
        assert self.engine.replace(locations) == self.version
        self.model = {location.location_id: location for location in locations}

    @rule(locations=location_lists, data=st.data())
    def change_some(self, locations, data):
        kept = (
            data.draw(st.lists(st.sampled_from(sorted(self.model)), unique=True))
            if (self.model)
            else []
        )
        merged = {name: self.model[name] for name in kept}
        merged.update((location.location_id, location) for location in locations)
        self.replace(list(merged.values()))

    @precondition(lambda self: self.model)
    @rule()
    def fail_to_replace(self):
        twice = [*self.model.values(), next(iter(self.model.values()))]
        with pytest.raises(ValueError, match="same location_id"):
            self.engine.replace(twice)

    @rule(name=st.sampled_from(("one", "two")))
    def save(self, name):
        self.engine.save(Path(self.folder.name) / name)
        self.saved[name] = (self.model, self.version)

    @precondition(lambda self: self.saved)
    @rule(data=st.data())
    def load(self, data):
        name = data.draw(st.sampled_from(sorted(self.saved)))
        self.engine = RoutingEngine.load(
            Path(self.folder.name) / name, encoder=HashingEncoder(DIMENSION), policy=POLICY
        )
        self.model, self.version = self.saved[name]

    @precondition(lambda self: self.model)
    @rule(utterance=sentences | texts, data=st.data(), minutes=st.integers(0, 10 * 365 * 1440))
    def route(self, utterance, data, minutes):
        name = data.draw(st.sampled_from(sorted(self.model)))
        now = FIRST + minutes * MINUTE
        decision = self.engine.route(name, utterance, now=now)
        naive = NaiveEngine([self.model[name]], HashingEncoder(DIMENSION), policy=POLICY)
        assert (
            decision.outcome.value,
            decision.reason.value,
            decision.destination,
        ) == naive.route(name, utterance, now=now)[:3]
        assert decision.catalog_version == self.version

    @rule(name=st.text(max_size=5))
    def look_up_anything(self, name):
        assert (name in self.engine) == (name in self.model)
        if name not in self.model:
            with pytest.raises(UnknownLocationError):
                self.engine.location(name)
            with pytest.raises(UnknownLocationError):
                self.engine.route(name, "hello")

    @invariant()
    def the_engine_knows_what_the_dict_knows(self):
        assert self.engine.location_ids() == tuple(self.model)
        assert len(self.engine) == len(self.model)
        assert self.engine.catalog_version == self.version
        for name, location in self.model.items():
            assert self.engine.location(name) == location


TestEngineMachine = EngineMachine.TestCase
TestEngineMachine.settings = settings(max_examples=25, stateful_step_count=15)

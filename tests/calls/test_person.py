"""Who asks for a person in words that no pattern holds, with the real model."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from routing_engine import HashingEncoder, Reason, RoutingEngine
from routing_engine.encoders.person import N_FEATURES, PersonDirection, features, shipped_person

DATA = Path(__file__).resolve().parents[2] / "data"
NOON = datetime(2026, 3, 4, 19, tzinfo=UTC)
ASKS = (
    "is there anybody with a heartbeat i could speak to",
    "isn't there a living soul about who can come to the phone",
    "i don't do robots, put one of the girls on",
    "could you hand the phone to a living soul",
)
MENTIONS = (
    "the lady at the bakery next door was so nice",
    "my dog is afraid of people",
    "what time do you open",
    "my mother says hello",
)


@pytest.fixture(scope="module")
def engine():
    return RoutingEngine.from_csv(DATA / "franchise.csv")


def decided(engine, words):
    call = engine.open_call(engine.location_ids()[0], now=NOON)
    return call.hear(words, now=NOON)


@pytest.mark.model
@pytest.mark.parametrize("words", ASKS)
def test_a_person_is_asked_for_by_meaning(engine, words):
    assert decided(engine, words).reason is Reason.PERSON_REQUESTED


@pytest.mark.model
@pytest.mark.parametrize("words", MENTIONS)
def test_who_only_mentions_people_asks_for_nobody(engine, words):
    assert decided(engine, words).reason is not Reason.PERSON_REQUESTED


@pytest.mark.model
def test_the_direction_that_ships_is_of_the_encoder_that_ships(engine):
    assert shipped_person(engine.encoder.fingerprint) is not None


def test_another_encoder_has_no_direction():
    assert shipped_person(HashingEncoder().fingerprint) is None


def test_a_person_is_asked_for_on_one_side_of_the_plane():
    words = np.zeros(N_FEATURES, np.float32)
    words[features("person")] = 1.0
    direction = PersonDirection(np.array([1.0, -1.0], np.float32), words, -0.5, -1.0)
    asks, neither, other = np.eye(3, 2, dtype=np.float32)[[0, 2, 1]]
    assert direction.is_asked_for(asks, "hello")
    assert not direction.is_asked_for(neither, "hello")
    assert direction.is_asked_for(neither, "A person!")
    assert not direction.is_asked_for(other, "A person!")


def test_words_and_neighbours_have_slots_of_their_own():
    assert features("") == []
    assert sorted(features("A real person")) == sorted(features("a  REAL, person"))
    assert len(features("a real person")) == 5
    assert set(features("a real")) < set(features("a real person"))

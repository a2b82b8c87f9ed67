"""A small business with its own vocabulary, and callers with a known right rule."""

from __future__ import annotations

import numpy as np

from routing_engine import Case, HashingEncoder, RoutingEngine
from tests.support.strategies import a_location, a_rule, number

ENCODER = HashingEncoder(64)

WORDS = {
    "Billing": ("invoice", "charge", "refund", "payment", "receipt", "balance"),
    "Emergency": ("flood", "leak", "burst", "smoke", "gas", "sparks"),
    "Careers": ("job", "hiring", "apply", "wages", "interview", "resume"),
    "Parts": ("filter", "valve", "nozzle", "gasket", "thermostat", "fuse"),
}
NOISE = ("hello", "please", "about", "my", "the", "today", "there", "um", "yes", "really")
STRANGE = ("weather", "bank", "pizza", "flight", "music", "football", "horoscope", "taxi", "dog")


def locations(*, threshold=None, shared=False):
    """Two locations; the second lacks the last rule."""
    rules = [
        a_rule(
            label,
            number(1 if shared and label == "Parts" else i + 1),
            when=f"caller asks about {', '.join(words[:4])}",
            examples=(f"{words[0]} {words[4]}",) if i % 2 else (),
        )
        for i, (label, words) in enumerate(WORDS.items())
    ]
    return [
        a_location("store-1", *rules, threshold=threshold),
        a_location("store-2", *rules[:-1]),
    ]


def live_engine(**options):
    """Return an engine that is too cautious for its callers."""
    return RoutingEngine(locations(**options), encoder=ENCODER)


def labelled_cases(n, *, seed=0, out_of_scope=0.4):
    """Return callers of both locations, some of whom match no rule."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(n):
        store = rng.integers(1, 3)
        labels = list(WORDS)[: 5 - store]
        label = None if rng.random() < out_of_scope else labels[rng.integers(len(labels))]
        said = STRANGE if label is None else WORDS[label]
        words = [*rng.choice(said, 2, replace=False), *rng.choice(NOISE, 3, replace=False)]
        if label is None and rng.random() < 0.3:
            words.append(WORDS[labels[rng.integers(len(labels))]][5])
        rng.shuffle(words)
        made.append(Case(f"store-{store}", " ".join(words), label))
    return made


def noise_cases(n, *, seed=0):
    """Return callers with random labels."""
    rng = np.random.default_rng(seed)
    cases = labelled_cases(n, seed=seed)
    return [
        Case(case.location_id, case.text, rng.choice(["Billing", "Emergency", "Careers", None]))
        for case in cases
    ]

"""Fit who asks for a person to the shipped encoder: ``python -m benchmarks.calibration.person``.

Those who ask: turns of the corpus's train and draft businesses at which callers ask for a person,
the sentences of ``data/held/dev-persons.jsonl``, and sentences made from parts. Those who do not:
the other turns, sentences of situations, routine and denials (of each business most that speak of
people and some that do not), and made sentences that only mention people. The bar is where 0.7 % of
the corpus's, hard as they are, would be taken for asking, by cross-validation over businesses.
"""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix, hstack
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from benchmarks.calibration.asking import (
    WRITTEN_ASKING,
    WRITTEN_MENTIONING,
    made_asking,
    made_mentioning,
)
from benchmarks.callers import CORPUS
from benchmarks.encoders import make_encoder
from benchmarks.held import HELD, read_lines
from benchmarks.report import ROOT
from routing_engine import Encoder
from routing_engine.encoders import encode_distinct
from routing_engine.encoders.person import N_FEATURES, features
from routing_engine.text.denials import drop_denials
from routing_engine.text.persons import PERSON_WORDS
from routing_engine.text.signals import wants_person
from routing_engine.training.corpus import Business, read_corpus

__all__ = ["main"]

FALSE_POSITIVES = 0.007
N_MADE = (900, 700)
"""Made sentences that ask, and that only mention people."""
N_OF_BUSINESS = (45, 25)
"""Sentences of a business that ask for nobody: with a word for people in them, and without."""
SCALE = 6.0
"""Of a vector beside a word: how much more it may tell."""
WEIGHT = 5.0
"""Of a sentence written or said by somebody that asks, or that the project wrote for this."""
OUT = ROOT / "routing_engine" / "resources" / "person.npz"

_WORD = re.compile(r"[a-z]+")


def _of_business(business: Business, rng: random.Random) -> Iterator[tuple[str, bool]]:
    """What callers of a business say, and whether it asks for a person."""
    for conversation in business.conversations:
        is_wish = conversation.rule is None and conversation.known_at is not None
        turns = [text for speaker, text in conversation.turns if speaker == "caller"]
        for place, text in enumerate(turns, 1):
            if not is_wish or place == conversation.known_at:
                yield text, is_wish
    said = [text for situation in business.situations for text in situation.utterances]
    said += [*business.routine, *business.uncovered, *(denial.text for denial in business.denials)]
    of_people: list[str] = []
    others: list[str] = []
    for text in said:
        if not wants_person(text):
            has_word = not PERSON_WORDS.isdisjoint(_WORD.findall(text.lower()))
            (of_people if has_word else others).append(text)
    for texts, most in zip((of_people, others), N_OF_BUSINESS, strict=True):
        for text in rng.sample(texts, min(most, len(texts))):
            yield text, False


def main(path: Path = OUT, encoder: Encoder | None = None) -> int:
    """Fit and write the direction."""
    rng = random.Random(0)
    rows: list[tuple[str, bool, int, float]] = []  # words, whether they ask, business, weight
    for number, business in enumerate(read_corpus(CORPUS, "train", "draft")):
        rows += [
            (text, asks, number, WEIGHT if asks else 1.0)
            for text, asks in _of_business(business, rng)
        ]
    n_corpus = len(rows)
    rows += [
        (line["utterance"], line["asks_person"], -1, WEIGHT)
        for line in read_lines(HELD, "dev", "persons")
    ]
    for asks_one, written, made in (
        (True, WRITTEN_ASKING, made_asking(N_MADE[0])),
        (False, WRITTEN_MENTIONING, made_mentioning(N_MADE[1])),
    ):
        rows += [(text, asks_one, -1, WEIGHT) for text in written]
        rows += [(text, asks_one, -1, 1.0) for text in made]
    encoder = make_encoder("default") if encoder is None else encoder
    said = [drop_denials(text.strip()) for text, _, _, _ in rows]
    texts = list(dict.fromkeys(said))
    row = {text: i for i, text in enumerate(texts)}
    vectors = encode_distinct(encoder, texts)[[row[text] for text in said]]
    asks, groups, weights = (np.array([item[i] for item in rows]) for i in (1, 2, 3))

    slots = [features(text) for text in said]
    starts = np.cumsum([0, *map(len, slots)])
    ones = np.ones(starts[-1], np.float32)
    words = csr_matrix((ones, np.concatenate(slots), starts), (len(rows), N_FEATURES))
    inputs = hstack([csr_matrix(vectors * SCALE), words]).tocsr()

    def fitted(chosen: npt.NDArray[np.intp]) -> LogisticRegression:
        model = LogisticRegression(C=0.3, max_iter=1000, solver="liblinear", random_state=0)
        return model.fit(inputs[chosen], asks[chosen], sample_weight=weights[chosen])

    everything = np.arange(len(rows))
    scores = np.empty(n_corpus)
    for train, test in GroupKFold(5).split(vectors[:n_corpus], groups=groups[:n_corpus]):
        chosen = np.concatenate([train, everything[n_corpus:]])
        scores[test] = fitted(chosen).decision_function(inputs[test])
    bar = float(np.quantile(scores[~asks[:n_corpus]], 1.0 - FALSE_POSITIVES))
    model = fitted(everything)
    of_vector, of_words = np.split(model.coef_[0], [vectors.shape[1]])
    bias = model.intercept_[0] - bar
    margins = vectors @ of_vector * SCALE + bias
    np.savez_compressed(
        path,
        weights=(of_vector * SCALE).astype(np.float32),
        words=of_words.astype(np.float32),
        bounds=np.array([bias, margins[asks].min()], np.float32),
        fingerprint=np.array(encoder.fingerprint),
    )
    heard = scores[asks[:n_corpus]] > bar
    print(f"{len(heard)} of {n_corpus} turns of the corpus ask; {np.mean(heard):.3f} are heard")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Fit who asks for a person to the shipped encoder: ``python -m benchmarks.calibration.person``.

Positives are the turns at which callers of the corpus's train businesses ask for a person; all
other turns, and the sentences of their situations, are negatives. The bar is where 0.3 % of these
would be taken for one, by cross-validation over businesses.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict

from benchmarks.callers import CORPUS
from benchmarks.encoders import make_encoder
from benchmarks.report import ROOT
from routing_engine.encoders import encode_distinct
from routing_engine.text.history import drop_denials
from routing_engine.text.signals import wants_person
from routing_engine.training.corpus import read_corpus

__all__ = ["main"]

FALSE_POSITIVES = 0.003
OUT = ROOT / "routing_engine" / "resources" / "person.npz"


def main(path: Path = OUT) -> int:
    """Fit and write the direction."""
    found: dict[tuple[str, int], bool] = {}
    for number, business in enumerate(read_corpus(CORPUS, "train")):
        for conversation in business.conversations:
            is_wish = conversation.rule is None and conversation.known_at is not None
            turns = [text for speaker, text in conversation.turns if speaker == "caller"]
            for place, text in enumerate(turns, 1):
                if not is_wish or place == conversation.known_at:
                    found[drop_denials(text.strip()), number] = is_wish
        for situation in business.situations:
            for text in situation.utterances:
                if not wants_person(text):
                    found.setdefault((drop_denials(text.strip()), number), False)
    encoder = make_encoder("default")
    texts = list(dict.fromkeys(text for text, _ in found))
    row = {text: i for i, text in enumerate(texts)}
    vectors = encode_distinct(encoder, texts)[[row[text] for text, _ in found]]
    asks = np.array(list(found.values()))
    model = LogisticRegression(C=10.0, max_iter=1000, class_weight="balanced")
    scores = cross_val_predict(
        model,
        vectors,
        asks,
        groups=[number for _, number in found],
        cv=GroupKFold(6),
        method="decision_function",
    )
    bar = float(np.quantile(scores[~asks], 1.0 - FALSE_POSITIVES))
    model.fit(vectors, asks)
    np.savez(
        path,
        weights=model.coef_[0].astype(np.float32),
        bias=np.array([model.intercept_[0] - bar], np.float32),
        fingerprint=np.array(encoder.fingerprint),
    )
    print(f"{asks.sum()} of {len(asks)} ask; {np.mean(scores[asks] > bar):.3f} are heard")
    return 0


if __name__ == "__main__":
    sys.exit(main())

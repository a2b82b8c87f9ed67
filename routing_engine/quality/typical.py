"""Typical calls: situations at other businesses, and what callers said in them.

``resources/typical_calls.json.gz`` holds them, ``resources/typical_calls.npz`` the vectors of their
descriptions by the default encoder. Both are written from the training businesses of the corpus of
callers by ``python -m routing_engine.training typical``.
"""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from routing_engine.encoders import Encoder, encode_distinct
from routing_engine.encoders.background import Background, unit
from routing_engine.encoders.packaged import arrays_for, resource
from routing_engine.matching import scoring

__all__ = [
    "TypicalSituation",
    "describe",
    "description_vectors",
    "typical_situations",
    "utterance_vectors",
    "write_typical",
]

CALLS_FILE = "typical_calls.json.gz"
VECTORS_FILE = "typical_calls.npz"

Floats = npt.NDArray[np.float64]
Vectors = npt.NDArray[np.float32]

_known: dict[str, Floats] = {}
_said: dict[tuple[str, int], Vectors] = {}
_writing = threading.Lock()


@dataclass(frozen=True, slots=True)
class TypicalSituation:
    """A situation at another business in which a caller needs a person.

    Attributes:
        trade: of the business, in words: ``"Tire shop"``.
        label: the situation's name there.
        whens: descriptions of it.
        utterances: what callers said who were in it.
    """

    trade: str
    label: str
    whens: tuple[str, ...]
    utterances: tuple[str, ...]


@lru_cache(1)
def typical_situations() -> tuple[TypicalSituation, ...]:
    """Return every typical situation; read from the package once per process."""
    calls = json.loads(gzip.decompress(resource(CALLS_FILE).read_bytes()))
    return tuple(
        TypicalSituation(trade, label, tuple(whens), tuple(utterances))
        for trade, label, whens, utterances in calls
    )


def describe(rules: Iterable[tuple[str, str]], encoder: Encoder, background: Background) -> Floats:
    """Embed descriptions as in scoring: the unit mean of five centred wordings.

    Args:
        rules: pairs of label and ``when``.
        encoder: what embeds; each distinct text once.
        background: of the same encoder.

    Returns:
        Unit vectors, float64 ``(n_rules, d)``.
    """
    wordings = [scoring.description_texts(label, when) for label, when in rules]
    texts = list(dict.fromkeys(text for texts in wordings for text in texts))
    if not texts:
        return np.empty((0, encoder.dimension))
    vectors = dict(zip(texts, encode_distinct(encoder, texts), strict=True))
    stacked = np.stack([[vectors[text] for text in texts] for texts in wordings])
    return unit(unit(stacked.astype(np.float64) - background.description_means).mean(axis=1))


def description_vectors(encoder: Encoder, background: Background) -> Floats:
    """Return the vector of each typical situation: the unit mean of its descriptions.

    They ship for the default encoder; for any other they are computed, once a process.

    Returns:
        Unit vectors, float64 ``(n_situations, d)``.
    """
    name = encoder.fingerprint
    known = _known.get(name)
    if known is None:
        with _writing:
            known = _known.get(name)
            if known is None:
                shipped = _shipped(name)
                known = (
                    _described(typical_situations(), encoder, background)
                    if shipped is None
                    else shipped
                )
                _known[name] = known
    return known


def utterance_vectors(encoder: Encoder, number: int) -> dict[str, Vectors]:
    """Return the embedded utterances of one typical situation, cached for the process.

    A situation is a batch of its own: a quantised encoder gives a text another vector beside
    other texts, and what was asked before must not change an answer.

    Args:
        encoder: what embeds.
        number: of the situation.

    Returns:
        Unit vectors, float32 ``(d,)``, by text.
    """
    texts = list(dict.fromkeys(typical_situations()[number].utterances))
    key = encoder.fingerprint, number
    vectors = _said.get(key)
    if vectors is None:
        vectors = _said.setdefault(key, encode_distinct(encoder, texts))
    return dict(zip(texts, vectors, strict=True))


def _described(
    situations: Iterable[TypicalSituation], encoder: Encoder, background: Background
) -> Floats:
    items = list(situations)
    pairs = [(item.label, when) for item in items for when in item.whens]
    vectors = describe(pairs, encoder, background)
    starts = np.cumsum([0, *(len(item.whens) for item in items)])[:-1]
    return unit(np.add.reduceat(vectors, starts, axis=0))


def _shipped(fingerprint: str) -> Floats | None:
    arrays = arrays_for(fingerprint, VECTORS_FILE)
    return None if arrays is None else unit(arrays["vectors"].astype(np.float64))


def write_typical(
    situations: Iterable[TypicalSituation],
    folder: Path,
    encoder: Encoder,
    background: Background,
) -> int:
    """Write the typical calls with the vectors of their descriptions by one encoder.

    The same situations give the same bytes.

    Args:
        situations: in the order in which they are kept.
        folder: where to.
        encoder: whose vectors ship.
        background: of the same encoder.

    Returns:
        Bytes of both files.
    """
    items = list(situations)
    text = json.dumps(
        [[item.trade, item.label, item.whens, item.utterances] for item in items],
        ensure_ascii=False,
        separators=(",", ":"),
    )
    (folder / CALLS_FILE).write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    np.savez(
        folder / VECTORS_FILE,
        fingerprint=np.array(encoder.fingerprint),
        vectors=_described(items, encoder, background).astype(np.float16),
    )
    return sum((folder / name).stat().st_size for name in (CALLS_FILE, VECTORS_FILE))

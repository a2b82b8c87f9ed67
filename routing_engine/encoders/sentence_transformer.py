"""The reference encoder: sentence-transformers, as it is."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from routing_engine.encoders.protocol import Vectors
from routing_engine.encoders.source import EXTRA, ModelSource, find_model
from routing_engine.errors import EncoderError, MissingExtraError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

__all__ = ["SentenceTransformerEncoder", "load_sentence_transformer"]


class SentenceTransformerEncoder:
    """Any sentence-transformers model, run by torch: the reference for compiled ones.

    Needs the extra ``sentence-transformers``.

    Args:
        model: None for the frozen base, all-MiniLM-L6-v2 (from its package: nothing is downloaded,
            and its weights are checked by hash). That is the model that the encoder which ships
            comes from; the weights that one was compiled from do not ship. Otherwise a model
            folder, or a name on the Hugging Face hub, which is downloaded unless
            ``HF_HUB_OFFLINE=1``.
        device: torch device.

    Raises:
        EncoderError: the model cannot be found or loaded.
        ModelIntegrityError: the packaged weights are not the model's own.
        MissingExtraError: the extra is not installed.
    """

    def __init__(self, model: str | Path | None = None, *, device: str = "cpu") -> None:
        source = find_model(model)
        source.verify()
        self.name = source.name
        self._model = load_sentence_transformer(source, device=device)
        dimension = self._model.get_embedding_dimension()
        if dimension is None:
            raise EncoderError(f"model {self.name!r} does not say its dimension")
        self._dimension = int(dimension)
        self._fingerprint = f"torch-1:{source.fingerprint}"
        self._lock = threading.Lock()

    @property
    def dimension(self) -> int:
        return self._dimension

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    def encode(self, texts: Sequence[str]) -> Vectors:
        if not texts:
            return np.empty((0, self._dimension), np.float32)
        # One call at a time: torch parallelises inside, and the tokenizer's truncation and
        # padding are set per call, which is not thread-safe.
        with self._lock:
            vectors = self._model.encode(
                list(texts),
                batch_size=64,
                normalize_embeddings=True,
                convert_to_numpy=True,
                show_progress_bar=False,
            )
        return np.ascontiguousarray(vectors, np.float32)


def load_sentence_transformer(
    source: ModelSource, *, device: str = "cpu", attention: str | None = None
) -> SentenceTransformer:
    """Load a model without transformers' own progress bars.

    Args:
        source: where it is.
        device: torch device.
        attention: transformers' ``attn_implementation``, or None for its choice.

    Raises:
        EncoderError: the model cannot be loaded.
        MissingExtraError: the extra is not installed.
    """
    try:
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging as transformers_logging
    except ImportError as error:
        raise MissingExtraError(f"running or compiling {source.name!r}", EXTRA) from error

    shown = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        return SentenceTransformer(
            str(source.folder),
            device=device,
            model_kwargs={} if attention is None else {"attn_implementation": attention},
        )
    except Exception as error:  # a folder may be wrong in many ways
        raise EncoderError(f"cannot load model {source.name!r}: {error}") from error
    finally:
        if shown:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]

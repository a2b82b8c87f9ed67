"""A compiled model: found in the cache or made, and run by ONNX Runtime."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import secrets
import shutil
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from routing_engine.encoders.protocol import Encoder, Vectors
from routing_engine.encoders.source import ModelSource, find_model
from routing_engine.errors import EncoderError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["CACHE_VARIABLE", "CompiledEncoder", "cache_folder", "default_encoder"]

CACHE_VARIABLE = "ROUTING_ENGINE_CACHE"
RECIPE = "int8-static-2"
"""Names how `compiling` works and its constants; part of an encoder's fingerprint."""
MAX_BATCH = 32

_logger = logging.getLogger(__name__)
_FACTS = "compiled.json"


def cache_folder() -> Path:
    """Where compiled models are kept: ``$ROUTING_ENGINE_CACHE``, or the user's cache folder."""
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named)
    from platformdirs import user_cache_path

    return user_cache_path("routing-engine")


class CompiledEncoder:
    """A sentence-transformers model as an int8 graph, run by ONNX Runtime. The default.

    Compiled on first use (half a minute; needs torch) and kept under :func:`cache_folder` by
    the model's fingerprint; from then on neither torch nor transformers is imported. Each call
    computes in the caller's own thread and nowhere else, so concurrency is as many threads as
    call. A text's vector has the same bits alone and among others.

    Args:
        model: as for :class:`SentenceTransformerEncoder`.
        cache: the folder of compiled models; None for :func:`cache_folder`.
        step: told what is being done while compiling.

    Raises:
        EncoderError: the model cannot be found, compiled or loaded.
        ModelIntegrityError: the packaged weights are not the model's own.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        cache: Path | None = None,
        step: Callable[[str], None] | None = None,
    ) -> None:
        source = find_model(model)
        self.name = source.name
        self._fingerprint = f"{RECIPE}:{source.fingerprint}"
        folder = (cache_folder() if cache is None else cache) / (f"{RECIPE}-{source.fingerprint}")
        facts = _read(folder)
        if facts is None:
            facts = _compile(source, folder, step or _announce)
        self._dimension = int(facts["dimension"])
        self._tokenizer_path = str(folder / "tokenizer.json")
        self._max_tokens = int(facts["max_tokens"])
        self._session = _session(folder / "model.onnx")
        self._threads = threading.local()
        self._tokenizer()

    @property
    def dimension(self) -> int:
        return self._dimension

    @property
    def fingerprint(self) -> str:
        """The recipe of compilation and the hash of the source model's weights."""
        return self._fingerprint

    def _tokenizer(self) -> Tokenizer:
        """This thread's own tokenizer: one is not safe to share."""
        try:
            own: Tokenizer = self._threads.tokenizer
        except AttributeError:
            from tokenizers import Tokenizer

            own = self._threads.tokenizer = Tokenizer.from_file(self._tokenizer_path)
            own.no_padding()
            own.enable_truncation(self._max_tokens)
        return own

    def encode(self, texts: Sequence[str]) -> Vectors:
        if len(texts) == 1:
            ids = self._tokenizer().encode(texts[0]).ids
            return _unit(self._session.run(None, {"input_ids": np.array([ids], np.int64)})[0])
        vectors = np.empty((len(texts), self._dimension), np.float32)
        by_length: dict[int, list[tuple[int, list[int]]]] = defaultdict(list)
        for i, encoding in enumerate(self._tokenizer().encode_batch(list(texts))):
            by_length[len(encoding.ids)].append((i, encoding.ids))
        for group in by_length.values():
            for start in range(0, len(group), MAX_BATCH):
                batch = group[start : start + MAX_BATCH]
                tokens = np.array([ids for _, ids in batch], np.int64)
                vectors[[i for i, _ in batch]] = self._session.run(None, {"input_ids": tokens})[0]
        return _unit(vectors)


def _unit(vectors: npt.NDArray[np.float32]) -> Vectors:
    """Rows at unit length; a row of zeros stays, for the caller's check to refuse."""
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    unit: Vectors = vectors / np.maximum(lengths, 1e-12)[:, None]
    return unit


def _session(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # The graph is stored as it is to run; the runtime's own rewriting would undo some of it.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(
            os.fspath(path), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        raise EncoderError(f"ONNX Runtime cannot load the compiled model: {error}") from error


def _read(folder: Path) -> dict[str, Any] | None:
    """Facts of a compiled model whose files have the hashes they should have, or None."""
    try:
        facts: dict[str, Any] = json.loads((folder / _FACTS).read_bytes())
        hashes = facts["sha256"]
        int(facts["dimension"]), int(facts["max_tokens"])  # a KeyError where one is missing
        for name in ("model.onnx", "tokenizer.json"):
            with (folder / name).open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != hashes[name]:
                    _logger.warning("compiled model was altered, compiling again: %s", name)
                    return None
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        _logger.warning("compiled model is unreadable, compiling again: %s", type(error).__name__)
        return None
    return facts


def _compile(source: ModelSource, folder: Path, step: Callable[[str], None]) -> dict[str, Any]:
    """Compile aside and rename into place. Of several processes one compiles, the others wait."""
    from filelock import FileLock

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.parent / f".{folder.name}.lock"):
            facts = _read(folder)  # another process may have been first
            if facts is not None:
                return facts
            from routing_engine.encoders.compiling import compile_model

            aside = folder.parent / f".{folder.name}.{secrets.token_hex(4)}"
            aside.mkdir()
            try:
                facts = compile_model(source, aside, step=step)
                facts["source"] = source.name
                facts["sha256"] = {
                    name: hashlib.sha256((aside / name).read_bytes()).hexdigest()
                    for name in ("model.onnx", "tokenizer.json")
                }
                (aside / _FACTS).write_text(json.dumps(facts, indent=1, sort_keys=True))
                shutil.rmtree(folder, ignore_errors=True)
                aside.rename(folder)
            finally:
                shutil.rmtree(aside, ignore_errors=True)
            return facts
    except OSError as error:
        raise EncoderError(f"cannot keep a compiled model in {folder.parent}: {error}") from error


def _announce(step: str) -> None:
    _logger.info("compiling the encoder: %s", step)


def default_encoder(
    model: str | Path | None = None, *, step: Callable[[str], None] | None = None
) -> Encoder:
    """The compiled encoder of a model, or the reference encoder where it cannot be compiled.

    Raises:
        EncoderError: the model cannot be found or loaded at all.
        ModelIntegrityError: the packaged weights are not the model's own.
    """
    try:
        return CompiledEncoder(model, step=step)
    except (EncoderError, ImportError) as error:
        from routing_engine.encoders.sentence_transformer import SentenceTransformerEncoder

        find_model(model)
        _logger.warning(
            "the encoder cannot be compiled, running it by torch, ten times slower: %s", error
        )
        return SentenceTransformerEncoder(model)

"""Compiled models, run by ONNX Runtime: packaged, cached, or compiled now."""

from __future__ import annotations

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

from routing_engine.encoders.model_files import RECIPE, ModelFiles, open_model, packaged_model
from routing_engine.encoders.protocol import Encoder, Vectors
from routing_engine.encoders.source import ModelSource, find_model
from routing_engine.errors import EncoderError, MissingExtraError, ModelIntegrityError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["CACHE_VARIABLE", "CompiledEncoder", "cache_folder", "default_encoder"]

CACHE_VARIABLE = "ROUTING_ENGINE_CACHE"
MAX_BATCH = 32

_logger = logging.getLogger(__name__)


def cache_folder() -> Path:
    """Return the folder of compiled models: ``$ROUTING_ENGINE_CACHE`` or the user's cache."""
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named)
    from platformdirs import user_cache_path

    return user_cache_path("routing-engine")


class CompiledEncoder:
    """A sentence-transformers model as an int8 graph, run by ONNX Runtime. The default.

    The default model ships compiled, with its tokenizer: it needs no other package and no network.
    Any other is compiled on first use (half a minute; needs the extra ``sentence-transformers``)
    and kept under :func:`cache_folder`; from then on neither torch nor transformers is imported.

    Each call computes in the caller's own thread and nowhere else, so concurrency is as many
    threads as call. A text's vector has the same bits alone and among others.

    Args:
        model: None for the encoder that ships; ``"all-MiniLM-L6-v2"`` for that model as it was
            published; otherwise a model folder, or a name on the Hugging Face hub, which is
            downloaded unless ``HF_HUB_OFFLINE=1``.
        cache: the folder of models compiled here; None for :func:`cache_folder`.
        step: told what is being done while compiling.

    Attributes:
        name: of the model, for people.

    Raises:
        EncoderError: the model cannot be found, compiled or loaded.
        ModelIntegrityError: files of the package are not the ones that were shipped.
        MissingExtraError: compiling needs an extra that is not installed.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        cache: Path | None = None,
        step: Callable[[str], None] | None = None,
    ) -> None:
        if model is None:
            files = packaged_model()
            self.name = files.name
        else:
            source = find_model(model)
            folder = (cache_folder() if cache is None else cache) / (
                f"{RECIPE}-{source.fingerprint}"
            )
            files = _cached(folder) or _compile(source, folder, step or _announce)
            self.name = source.name
        self._fingerprint = files.fingerprint
        self._dimension = files.dimension
        self._tokenizer_path = str(files.tokenizer)
        self._max_tokens = files.max_tokens
        self._session = _session(files.graph)
        self._threads = threading.local()
        self._tokenizer()

    @property
    def dimension(self) -> int:
        return self._dimension

    @property
    def fingerprint(self) -> str:
        """A hash of the content of graph and tokenizer."""
        return self._fingerprint

    def _tokenizer(self) -> Tokenizer:
        """Return this thread's tokenizer: sharing one between threads is not safe."""
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
    """Scale rows to unit length; a row of zeros stays, for a later check to refuse."""
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


def _cached(folder: Path) -> ModelFiles | None:
    """Open a compiled model of the cache; None if it is missing or damaged."""
    try:
        return open_model(folder)
    except FileNotFoundError:
        return None
    except ModelIntegrityError as error:
        _logger.warning("compiled model is damaged, compiling again: %s", error)
        return None


def _compile(source: ModelSource, folder: Path, step: Callable[[str], None]) -> ModelFiles:
    """Compile into a temporary folder and rename it. One process compiles, others wait."""
    from filelock import FileLock

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.parent / f".{folder.name}.lock"):
            files = _cached(folder)  # another process may have been first
            if files is not None:
                return files
            from routing_engine.encoders.compiling import compile_model

            aside = folder.parent / f".{folder.name}.{secrets.token_hex(4)}"
            aside.mkdir()
            try:
                compile_model(source, aside, step=step)
                shutil.rmtree(folder, ignore_errors=True)
                aside.rename(folder)
            finally:
                shutil.rmtree(aside, ignore_errors=True)
            return open_model(folder)
    except OSError as error:
        raise EncoderError(f"cannot keep a compiled model in {folder.parent}: {error}") from error


def _announce(step: str) -> None:
    _logger.info("compiling the encoder: %s", step)


def default_encoder(
    model: str | Path | None = None, *, step: Callable[[str], None] | None = None
) -> Encoder:
    """Return a model's compiled encoder, or the reference encoder if it cannot be compiled.

    Args:
        model: as for :class:`CompiledEncoder`. The one that ships, None, has no substitute.
        step: told what is being done while compiling.

    Raises:
        EncoderError: the model cannot be found or loaded at all.
        ModelIntegrityError: files of the package are not the ones that were shipped.
        MissingExtraError: the model needs an extra that is not installed.
    """
    if model is None:
        return CompiledEncoder()
    try:
        return CompiledEncoder(model, step=step)
    except MissingExtraError:
        raise
    except (EncoderError, ImportError) as error:
        from routing_engine.encoders.sentence_transformer import SentenceTransformerEncoder

        find_model(model)
        _logger.warning(
            "the encoder cannot be compiled, running it by torch, ten times slower: %s", error
        )
        return SentenceTransformerEncoder(model)

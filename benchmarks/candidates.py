"""Ways to run one sentence-transformers model on a CPU, each wrapped as an encoder."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from importlib import import_module, util
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np
import numpy.typing as npt

from routing_engine.encoders import compiled, compiling
from routing_engine.encoders.background import Background, background_texts, shipped_background
from routing_engine.encoders.model_files import packaged_model
from routing_engine.encoders.sentence_transformer import load_sentence_transformer
from routing_engine.encoders.source import ModelSource

if TYPE_CHECKING:
    from onnx import ModelProto
    from tokenizers import Tokenizer

__all__ = ["CANDIDATES", "REFERENCE", "SHIPPED", "Candidate", "CandidateEncoder", "Workshop"]

Vectors = npt.NDArray[np.float32]
Run = Callable[[npt.NDArray[np.int64]], Vectors]

REFERENCE = "torch fp32 (reference)"
SHIPPED = "ONNX static int8, smoothed (shipped)"
N_KEPT_TOKENS = 15_000
"""Size of a pruned vocabulary. BERT's is sorted by frequency after its first 2,000."""


class CandidateEncoder:
    """An encoder around a function from token ids to unit vectors.

    Texts are encoded with others of exactly their length, as the compiled encoder does it.

    Args:
        fingerprint: names the vector space.
        tokenizer: without padding.
        run: int64 ``(batch, tokens)`` -> float32 ``(batch, dimension)``.
        dimension: of a vector.

    Attributes:
        background: what the engine is to take generic text for; None to have it fitted.
    """

    MAX_BATCH = 32

    def __init__(self, fingerprint: str, tokenizer: Tokenizer, run: Run, dimension: int) -> None:
        self.fingerprint = fingerprint
        self.dimension = dimension
        self.background: Background | None = None
        self._tokenizer = tokenizer
        self._run = run

    def encode(self, texts: Sequence[str]) -> Vectors:
        if len(texts) == 1:
            return compiled._unit(
                self._run(np.array([self._tokenizer.encode(texts[0]).ids], np.int64))
            )
        vectors = np.empty((len(texts), self.dimension), np.float32)
        by_length: dict[int, list[tuple[int, list[int]]]] = {}
        for i, encoding in enumerate(self._tokenizer.encode_batch(list(texts))):
            by_length.setdefault(len(encoding.ids), []).append((i, encoding.ids))
        for group in by_length.values():
            for start in range(0, len(group), self.MAX_BATCH):
                batch = group[start : start + self.MAX_BATCH]
                ids = np.array([ids for _, ids in batch], np.int64)
                vectors[[i for i, _ in batch]] = self._run(ids)
        return compiled._unit(vectors)


class Workshop:
    """The model, exported and fused once, from which candidates are built.

    Args:
        source: the model.
        folder: for files; empty.
    """

    def __init__(self, source: ModelSource, folder: Path) -> None:
        source.verify()
        self.source = source
        self.folder = folder
        self.reference = load_sentence_transformer(source, attention="eager")
        self.tokenizer, self.max_tokens = compiling._tokenizer(self.reference)
        self.dimension = int(self.reference.get_embedding_dimension() or 0)
        self.exported = folder / "exported.onnx"
        compiling._export(self.reference, self.exported)
        self.fused: ModelProto = compiling._fuse(self.exported, self.reference)
        texts = background_texts()
        chosen = np.random.default_rng(0).permutation(len(texts))
        # The texts that the compiled encoder is calibrated on.
        self.calibration = [
            np.array([self.tokenizer.encode(texts[i]).ids], np.int64)
            for i in chosen[: compiling.N_CALIBRATION_TEXTS]
        ]

    def save(self, model: ModelProto, name: str) -> Path:
        """Write a graph; returns its path."""
        import onnx

        if all(opset.domain != compiling._CONTRIB for opset in model.opset_import):
            model.opset_import.append(onnx.helper.make_opsetid(compiling._CONTRIB, 1))
        path = self.folder / name
        onnx.save(model, os.fspath(path))
        return path


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to run the model.

    Attributes:
        name: for people.
        make: the runner and the file whose size counts; None where something is not installed.
    """

    name: str
    make: Callable[[Workshop], tuple[Run, Path, Tokenizer] | None]

    def encoder(
        self, shop: Workshop, *, own_background: bool
    ) -> tuple[CandidateEncoder, Path] | None:
        """Return the candidate as an encoder, and its file.

        Args:
            shop: what it is made from.
            own_background: a background model is fitted to it; otherwise it has the one that
                ships.
        """
        made = self.make(shop)
        if made is None:
            return None
        run, path, tokenizer = made
        encoder = CandidateEncoder(f"candidate {self.name}", tokenizer, run, shop.dimension)
        if not own_background:
            encoder.background = shipped_background(packaged_model().fingerprint)
        return encoder, path


def _session(path: Path, *, as_stored: bool = False) -> Run:
    """Open a session on one thread; the graph is optimised unless it should run as stored."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    if as_stored:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        os.fspath(path), options, providers=["CPUExecutionProvider"]
    )

    def run(ids: npt.NDArray[np.int64]) -> Vectors:
        vectors: Vectors = session.run(None, {compiling.INPUT: ids})[0]
        return vectors

    return run


def _torch(shop: Workshop) -> tuple[Run, Path, Tokenizer]:
    import torch

    model = load_sentence_transformer(shop.source)  # with the attention that it chooses itself

    def run(ids: npt.NDArray[np.int64]) -> Vectors:
        tokens = torch.from_numpy(ids)
        features = {"input_ids": tokens, "attention_mask": torch.ones_like(tokens)}
        if "token_type_ids" in model.tokenizer.model_input_names:
            features["token_type_ids"] = torch.zeros_like(tokens)
        with torch.inference_mode():
            vectors: Vectors = model(features)["sentence_embedding"].numpy()
        return vectors

    return run, shop.source.folder / "model.safetensors", shop.tokenizer


def _fp32(shop: Workshop) -> tuple[Run, Path, Tokenizer]:
    path = shop.save(shop.fused, "fp32.onnx")
    return _session(path), path, shop.tokenizer


def _fp16(shop: Workshop) -> tuple[Run, Path, Tokenizer]:
    """Store weights as float16; the runtime casts them back to float32 on loading."""
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.ModelProto()
    model.CopyFrom(shop.fused)
    casts = []
    for tensor in model.graph.initializer:
        value = numpy_helper.to_array(tensor)
        if value.dtype == np.float32 and value.ndim == 2:
            name = tensor.name
            tensor.CopyFrom(numpy_helper.from_array(value.astype(np.float16), f"{name}:half"))
            casts.append(
                helper.make_node("Cast", [f"{name}:half"], [name], to=onnx.TensorProto.FLOAT)
            )
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    path = shop.save(model, "fp16.onnx")
    return _session(path), path, shop.tokenizer


def _dynamic(*, per_channel: bool) -> Callable[[Workshop], tuple[Run, Path, Tokenizer]]:
    def make(shop: Workshop) -> tuple[Run, Path, Tokenizer]:
        from onnx import TensorProto
        from onnxruntime.quantization import QuantType, quantize_dynamic

        given = shop.save(shop.fused, "to-quantise.onnx")
        path = shop.folder / f"dynamic-{per_channel}.onnx"
        with _no_warnings_logged():
            quantize_dynamic(
                os.fspath(given),
                os.fspath(path),
                per_channel=per_channel,
                weight_type=QuantType.QInt8,
                # Shape inference stops at nodes that only ONNX Runtime knows.
                extra_options={"MatMulConstBOnly": True, "DefaultTensorType": TensorProto.FLOAT},
            )
        return _session(path), path, shop.tokenizer

    return make


def _static(
    changed: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Callable[[Workshop], tuple[Run, Path, Tokenizer]]:
    def make(shop: Workshop) -> tuple[Run, Path, Tokenizer]:
        path = shop.folder / f"static-{getattr(changed, '__name__', '')}.onnx"
        with changed():
            model = compiling._quantise(shop.fused, shop.calibration)
        compiling._settle(model, path)
        return _session(path, as_stored=True), path, shop.tokenizer

    return make


@contextmanager
def _no_warnings_logged() -> Iterator[None]:
    """Silence a library that logs advice to the root logger."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


@contextmanager
def _without_smoothing() -> Iterator[None]:
    """Compile without smoothing."""
    scales = compiling._scales

    def unsmoothed(activation: Vectors, weight: Vectors) -> dict[str, npt.NDArray[Any]]:
        found = scales(activation, weight)
        low, high = min(float(activation.min()), 0.0), max(float(activation.max()), 0.0)
        scale = (high - low) / 255.0
        integers, weight_scale = compiling._integers(weight, np.square(activation).mean(axis=0))
        return {
            **found,
            "smooth": np.ones_like(found["smooth"]),
            "scale": np.asarray(scale, np.float32),
            "zero": np.asarray(np.clip(round(-low / scale), 0, 255), np.uint8),
            "weight": integers,
            "weight_scale": weight_scale,
        }

    with mock.patch.object(compiling, "_scales", unsmoothed):
        yield


@contextmanager
def _overflowing() -> Iterator[None]:
    """Use full 8-bit weights, whose sums are exact only on processors with VNNI."""
    with mock.patch.object(compiling, "PAIR_REACH", 2 * 127):
        yield


@contextmanager
def _of_7_bits() -> Iterator[None]:
    """Use 7-bit weights, the usual way to avoid overflow."""
    with mock.patch.object(compiling, "WEIGHT_REACHES", np.array([127 / 64])):
        yield


def _pruned(shop: Workshop) -> tuple[Run, Path, Tokenizer] | None:
    """Prune the graph to frequent tokens; rare words are split into pieces."""
    import onnx
    from onnx import numpy_helper
    from tokenizers import Tokenizer

    described = json.loads(shop.tokenizer.to_str())
    if described["model"].get("type") != "WordPiece":
        return None
    vocabulary: dict[str, int] = described["model"]["vocab"]
    kept = {token: i for token, i in vocabulary.items() if i < N_KEPT_TOKENS}
    described["model"]["vocab"] = kept
    tokenizer = Tokenizer.from_str(json.dumps(described))
    model = compiling._quantise(shop.fused, shop.calibration)
    compiling._settle(model, shop.folder / "to-prune.onnx")
    model = onnx.load(os.fspath(shop.folder / "to-prune.onnx"))
    for tensor in model.graph.initializer:
        if tensor.dims and tensor.dims[0] == len(vocabulary):
            rows = numpy_helper.to_array(tensor)[:N_KEPT_TOKENS]
            tensor.CopyFrom(numpy_helper.from_array(rows.copy(), tensor.name))
    path = shop.save(model, "pruned.onnx")
    return _session(path, as_stored=True), path, tokenizer


def _openvino(shop: Workshop) -> tuple[Run, Path, Tokenizer] | None:
    """Run the exported graph in OpenVINO, unfused: fused nodes are ONNX Runtime's own."""
    if util.find_spec("openvino") is None:
        return None
    openvino = import_module("openvino")
    settings = {"INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY"}
    model = openvino.Core().compile_model(os.fspath(shop.exported), "CPU", settings)

    def run(ids: npt.NDArray[np.int64]) -> Vectors:
        return np.array(model([ids])[0], np.float32)

    return run, shop.exported, shop.tokenizer


CANDIDATES = (
    Candidate(REFERENCE, _torch),
    Candidate("ONNX fp32, fused", _fp32),
    Candidate("ONNX fp16 weights, fused", _fp16),
    Candidate("ONNX dynamic int8, per tensor", _dynamic(per_channel=False)),
    Candidate("ONNX dynamic int8, per channel", _dynamic(per_channel=True)),
    Candidate("ONNX static int8, not smoothed", _static(_without_smoothing)),
    Candidate("ONNX static int8, sums may overflow", _static(_overflowing)),
    Candidate("ONNX static int8, weights of 7 bits", _static(_of_7_bits)),
    Candidate(SHIPPED, _static()),
    Candidate(f"shipped, vocabulary of {N_KEPT_TOKENS:,}", _pruned),
    Candidate("OpenVINO", _openvino),
)
"""The candidates; the first is the reference."""

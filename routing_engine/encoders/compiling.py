"""Compile a sentence-transformers model to a small int8 ONNX graph for a CPU.

1. The module (transformer, pooling, normalisation) is exported by ``torch.onnx.export`` without
   an attention mask: a sentence is encoded alone or with others of exactly its length, so
   nothing is ever padded.
2. ONNX Runtime's transformer optimiser fuses attention, biased GELU and layer normalisation.
   ``SkipLayerNormalization`` and ``BiasGelu`` are then taken apart again: their contrib kernels
   take 38 and 31 us a call where an addition and the plain kernels take 12 and 16 (14 tokens).
3. Every product with a weight matrix becomes an int8 product with *static* activation scales,
   calibrated on the text in ``resources/background.txt``. Outlying channels are first moved from
   activations to weights by ``s_j = max|X_j|^a / max|W_j|^(1-a)`` (SmoothQuant, Xiao et al.,
   ICML 2023), a = 0.85. Weights have a scale an output channel, and no two of them that meet in
   a sum of two products reach further than 128: see :data:`PAIR_REACH`.
4. Token embeddings are stored as int8 with a scale a token. Of 600 sentences the mean cosine to
   fp32 is 0.9979, as with float16, at half the size; a scale a block of 32 to 64 adds nothing.

Static scales are what makes batch and single equal: with dynamic quantisation the scale is taken
over the whole batch, and a caller's vector depends on who else called (measured: 0.03 in a
component). They are also faster: nothing is scanned for its range while the caller waits.
"""

from __future__ import annotations

import logging
import warnings
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from routing_engine.encoders.background import background_texts
from routing_engine.encoders.model_files import GRAPH, RECIPE, TOKENIZER, write_facts
from routing_engine.encoders.sentence_transformer import load_sentence_transformer
from routing_engine.encoders.source import EXTRA, ModelSource
from routing_engine.errors import EncoderError, MissingExtraError

if TYPE_CHECKING:
    from onnx import ModelProto
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer

__all__ = ["compile_model"]

INPUT = "input_ids"
SMOOTHING = 0.85
PAIR_REACH = 128
"""Largest absolute sum of the int8 weights of inputs 2i and 2i + 1.

x86 processors without VNNI sum the products of two weights and two uint8 activations in 16 bits,
and saturate (``vpmaddubsw``; others sum in 32). 255 * 128 is still below 2^15: whatever the
processor, the sums are exact, and the vectors the same.
"""
WEIGHT_REACHES = np.linspace(0.8, 2.0, 13)
"""Candidates for the weight that 127 stands for, as shares of a channel's largest one."""
N_CALIBRATION_TEXTS = 400
N_CHECK_TEXTS = 100
MIN_COSINE = 0.97
"""Least mean cosine with the reference at which a compiled model is accepted."""

_OPSET = 17
_CONTRIB = "com.microsoft"

Floats = npt.NDArray[np.float32]


def compile_model(
    source: ModelSource, folder: Path, *, step: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Write a compiled model into a folder: graph, tokenizer and facts.

    Args:
        source: the model.
        folder: exists and is empty.
        step: told what is being done.

    Returns:
        Facts: ``name``, ``dimension``, ``max_tokens``, ``recipe``, ``cosine`` (mean, to the
        reference, on texts that were not calibrated on).

    Raises:
        EncoderError: the model cannot be exported, or the result is too far from the reference.
        MissingExtraError: the extra that compiles is not installed.
    """
    try:
        import onnx  # noqa: F401  its absence is told now, not after a minute
    except ImportError as error:
        raise MissingExtraError(f"compiling {source.name!r}", EXTRA) from error
    source.verify()
    step("loading the model")
    reference = load_sentence_transformer(source, attention="eager")
    tokenizer, max_tokens = _tokenizer(reference)
    step("exporting")
    exported = folder / "exported.onnx"
    _export(reference, exported)
    step("fusing")
    fused = _fuse(exported, reference)
    exported.unlink()
    texts = background_texts()
    chosen = np.random.default_rng(0).permutation(len(texts))
    tokens = [
        np.array([tokenizer.encode(texts[i]).ids], np.int64)
        for i in chosen[: N_CALIBRATION_TEXTS + N_CHECK_TEXTS]
    ]
    step("calibrating")
    quantised = _quantise(fused, tokens[:N_CALIBRATION_TEXTS])
    step("checking")
    cosine = _mean_cosine(fused, quantised, tokens[N_CALIBRATION_TEXTS:])
    if not cosine >= MIN_COSINE:
        raise EncoderError(
            f"compiling {source.name!r} lost too much: mean cosine {cosine:.3f} to the reference"
        )
    _settle(quantised, folder / GRAPH)
    tokenizer.save(str(folder / TOKENIZER), pretty=False)
    facts = {
        "name": source.name,
        "dimension": int(reference.get_embedding_dimension() or 0),
        "max_tokens": max_tokens,
        "recipe": RECIPE,
        "cosine": cosine,
    }
    write_facts(folder, facts)
    return facts


def _tokenizer(reference: SentenceTransformer) -> tuple[Tokenizer, int]:
    from tokenizers import Tokenizer

    backend = getattr(reference.tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise EncoderError("a model without a fast tokenizer cannot be compiled")
    tokenizer = Tokenizer.from_str(backend.to_str())
    max_tokens = int(reference.max_seq_length or 512)
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    return tokenizer, max_tokens


def _export(reference: SentenceTransformer, path: Path) -> None:
    import torch

    stages = list(reference)
    if type(stages[-1]).__name__ == "Normalize":
        stages.pop()  # vectors are normalised after the session, by the same sum for any batch
    mean = getattr(stages[-1], "pooling_mode", None) == "mean"
    if mean:
        stages.pop()

    class Unpadded(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stages = torch.nn.ModuleList(stages)

        def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
            features: dict[str, Any] = {
                "input_ids": input_ids,
                "attention_mask": torch.ones_like(input_ids),
            }
            if "token_type_ids" in reference.tokenizer.model_input_names:
                features["token_type_ids"] = torch.zeros_like(input_ids)
            for stage in self.stages:
                features = stage(features)
            embedding: torch.Tensor
            if mean:
                # Over the last axis: ONNX Runtime's sum over a middle one depends on the batch.
                embedding = features["token_embeddings"].transpose(1, 2).mean(-1)
            else:
                embedding = features["sentence_embedding"]
            return embedding

    ids = torch.ones((2, 7), dtype=torch.int64)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            # The optimiser's patterns are those of this exporter; it warns that a newer exists.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                Unpadded().eval(),
                (ids,),
                str(path),
                input_names=[INPUT],
                output_names=["embedding"],
                dynamic_axes={INPUT: {0: "batch", 1: "tokens"}},
                opset_version=_OPSET,
                dynamo=False,
            )
    except Exception as error:  # torch fails in many ways on modules it cannot trace
        raise EncoderError(f"torch.onnx.export failed: {type(error).__name__}: {error}") from error


def _fuse(path: Path, reference: SentenceTransformer) -> ModelProto:
    from onnxruntime.transformers import optimizer
    from onnxruntime.transformers.fusion_options import FusionOptions

    config = getattr(getattr(reference[0], "auto_model", None), "config", None)
    heads = getattr(config, "num_attention_heads", 0)
    width = getattr(config, "hidden_size", 0)
    options = FusionOptions("bert")
    options.enable_embed_layer_norm = False  # its kernel needs float32 tables
    fusing = logging.getLogger("onnxruntime.transformers")
    level = fusing.level
    fusing.setLevel(logging.ERROR)
    try:
        optimised = optimizer.optimize_model(
            str(path),
            model_type="bert",
            num_heads=heads,
            hidden_size=width,
            optimization_options=options,
            opt_level=0,
        )
    finally:
        fusing.setLevel(level)
    model: ModelProto = optimised.model
    return model


def _session(model: ModelProto) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def _settle(model: ModelProto, path: Path) -> None:
    """Fold constants and write the final graph.

    The transpose optimiser is left out: it would turn the last sum back to a middle axis.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(path)
    onnxruntime.InferenceSession(
        model.SerializeToString(),
        options,
        providers=["CPUExecutionProvider"],
        disabled_optimizers=["TransposeOptimizer"],
    )


def _activations(
    model: ModelProto, names: Sequence[str], tokens: Sequence[npt.NDArray[np.int64]]
) -> dict[str, Floats]:
    """Record the activations of named edges: float32 ``(n_tokens, width)`` each."""
    import onnx

    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    for name in names:
        watched.graph.output.append(
            onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
        )
    session = _session(watched)
    seen: dict[str, list[Floats]] = defaultdict(list)
    for ids in tokens:
        for name, value in zip(names, session.run(list(names), {INPUT: ids}), strict=True):
            seen[name].append(value.reshape(-1, value.shape[-1]))
    return {name: np.concatenate(values) for name, values in seen.items()}


def _mean_cosine(
    reference: ModelProto, compiled: ModelProto, tokens: Sequence[npt.NDArray[np.int64]]
) -> float:
    sessions = _session(reference), _session(compiled)
    cosines: list[float] = []
    for ids in tokens:
        a, b = (session.run(None, {INPUT: ids})[0][0] for session in sessions)
        cosines.append(float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b))))
    return float(np.mean(cosines))


def _quantise(model: ModelProto, tokens: Sequence[npt.NDArray[np.int64]]) -> ModelProto:
    """Steps 2 (second half) to 4 on a fused graph."""
    import onnx
    from onnx import helper, numpy_helper

    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    products = {
        node.output[0]: node
        for node in model.graph.node
        if (node.op_type == "MatMul" and node.input[1] in constants)
        or (node.op_type == "Attention" and node.domain == _CONTRIB)
    }
    if not products:
        raise EncoderError("the exported graph has no product with a weight matrix to quantise")
    activations = _activations(
        model, list(dict.fromkeys(node.input[0] for node in products.values())), tokens
    )
    biases = _biases(model, products)
    nodes: list[Any] = []
    added: list[Any] = []

    def constant(name: str, value: npt.NDArray[Any]) -> str:
        added.append(numpy_helper.from_array(value, name))
        return name

    def emit(op: str, inputs: list[str], output: str, *, contrib: bool = False, **more: Any) -> str:
        domain = {"domain": _CONTRIB} if contrib else {}
        nodes.append(
            helper.make_node(op, inputs, [output], name=f"{op}:{output}", **domain, **more)
        )
        return output

    for node in model.graph.node:
        out = node.output[0]
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        if out in products:
            weight = numpy_helper.to_array(constants[node.input[1]]).astype(np.float32)
            scaled = _scales(activations[node.input[0]], weight)
            smoothed = emit(
                "Mul", [node.input[0], constant(f"{out}:smooth", scaled["smooth"])], f"{out}:x"
            )
            scale = constant(f"{out}:scale", scaled["scale"])
            zero = constant(f"{out}:zero", scaled["zero"])
            integers = emit("QuantizeLinear", [smoothed, scale, zero], f"{out}:q")
            weights = constant(f"{out}:w", scaled["weight"])
            weight_scale = constant(f"{out}:w_scale", scaled["weight_scale"])
            # A zero point a column, even of zeros, takes a slower kernel: there is none.
            if node.op_type == "MatMul":
                inputs = [integers, weights, scale, weight_scale, zero, ""]
                if out in biases:
                    inputs.append(biases[out])
                emit("MatMulIntegerToFloat", inputs, out, contrib=True)
            else:
                inputs = [integers, weights, node.input[2], scale, weight_scale, "", zero]
                emit("QAttention", inputs, out, contrib=True, num_heads=attributes["num_heads"])
        elif node.op_type == "BiasGelu":
            given = node.input[0]
            if given not in biases:
                given = emit("Add", [given, node.input[1]], f"{out}:biased")
            emit("Gelu", [given], out, contrib=True)
        elif node.op_type == "SkipLayerNormalization":
            given, skip, gamma, beta = node.input[:4]
            if len(node.input) > 4 and given not in biases:
                given = emit("Add", [given, node.input[4]], f"{out}:biased")
            summed = emit("Add", [given, skip], f"{out}:sum")
            emit(
                "LayerNormalization",
                [summed, gamma, beta],
                out,
                axis=-1,
                epsilon=attributes["epsilon"],
            )
        elif node.op_type == "Gather" and _is_table(constants.get(node.input[0])):
            table, ids = node.input[:2]
            rows, row_scales = _rows(numpy_helper.to_array(constants[table]))
            integers = emit("Gather", [constant(f"{table}:q", rows), ids], f"{out}:q")
            scales = emit("Gather", [constant(f"{table}:scale", row_scales), ids], f"{out}:scale")
            numbers = emit("Cast", [integers], f"{out}:cast", to=onnx.TensorProto.FLOAT)
            emit("Mul", [numbers, scales], out)
        else:
            nodes.append(node)
    quantised = onnx.ModelProto()
    quantised.CopyFrom(model)
    del quantised.graph.node[:]
    quantised.graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    kept = [t for t in (*model.graph.initializer, *added) if t.name in used]
    del quantised.graph.initializer[:]
    quantised.graph.initializer.extend(kept)
    del quantised.graph.value_info[:]
    return quantised


def _is_table(tensor: Any) -> bool:
    return tensor is not None and len(tensor.dims) == 2 and tensor.dims[0] > 1000


def _rows(table: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int8], Floats]:
    """Quantise a table to int8; also return the scale of each row, ``(n_rows, 1)``."""
    rows = table.astype(np.float32)
    scale = np.maximum(np.abs(rows).max(axis=1, keepdims=True), 1e-12) / np.float32(127.0)
    return np.clip(np.round(rows / scale), -127, 127).astype(np.int8), scale.astype(np.float32)


def _biases(model: ModelProto, products: dict[str, Any]) -> dict[str, str]:
    """Find biases that can move from the following node into the product."""
    consumers: dict[str, list[Any]] = defaultdict(list)
    for node in model.graph.node:
        for name in node.input:
            consumers[name].append(node)
    position = {"BiasGelu": 1, "SkipLayerNormalization": 4}
    biases: dict[str, str] = {}
    for out, product in products.items():
        if product.op_type != "MatMul" or len(consumers[out]) != 1:
            continue
        (after,) = consumers[out]
        at = position.get(after.op_type)
        if at is not None and len(after.input) > at and after.input[0] == out:
            biases[out] = after.input[at]
    return biases


def _scales(activation: Floats, weight: Floats) -> dict[str, npt.NDArray[Any]]:
    """Compute smoothing, activation scale and zero point (uint8), weights (int8) and scales."""
    reach = np.maximum(np.abs(activation).max(axis=0), 1e-5)
    pull = np.maximum(np.abs(weight).max(axis=1), 1e-5)
    smooth = reach**SMOOTHING / pull ** (1.0 - SMOOTHING)
    smoothed = activation / smooth
    low, high = min(float(smoothed.min()), 0.0), max(float(smoothed.max()), 0.0)
    scale = (high - low) / 255.0
    integers, weight_scale = _integers(weight * smooth[:, None], np.square(smoothed).mean(axis=0))
    return {
        "smooth": (1.0 / smooth).astype(np.float32),
        "scale": np.asarray(scale, np.float32),
        "zero": np.asarray(np.clip(round(-low / scale), 0, 255), np.uint8),
        "weight": integers,
        "weight_scale": weight_scale,
    }


def _integers(weight: Floats, power: Floats) -> tuple[npt.NDArray[np.int8], Floats]:
    """Quantise weights to int8; also return the scale of each output channel.

    Of several scales each channel takes the one with the least mean square error of its output,
    were its inputs uncorrelated.

    Args:
        weight: ``(n_inputs, n_outputs)``.
        power: mean square of each input.
    """
    n_inputs, n_outputs = weight.shape
    alone = n_inputs % 2
    reach = np.maximum(np.abs(weight).max(axis=0), 1e-12) / 127.0
    integers = np.zeros((n_inputs, n_outputs), np.int8)
    scale = np.zeros(n_outputs, np.float32)
    least = np.full(n_outputs, np.inf)
    for share in WEIGHT_REACHES:
        tried = (share * reach).astype(np.float32)
        nearest = np.clip(np.round(weight / tried), -127, 127)
        pairs = np.pad(nearest, ((0, alone), (0, 0))).reshape(-1, 2, n_outputs)
        sums = pairs.sum(axis=1)
        excess = np.maximum(np.abs(sums) - PAIR_REACH, 0.0)
        pairs[:, 0] -= np.sign(sums) * np.ceil(excess / 2)
        pairs[:, 1] -= np.sign(sums) * np.floor(excess / 2)
        rounded = pairs.reshape(-1, n_outputs)[:n_inputs]
        error = power @ np.square(rounded * tried - weight)
        better = error < least
        integers[:, better] = rounded[:, better].astype(np.int8)
        scale[better], least[better] = tried[better], error[better]
    return integers, scale

"""Build the packaged encoder: ``python -m routing_engine.encoders.build MODEL``.

Compiles a sentence-transformers model into ``routing_engine/resources/encoder``. On one machine
the same model gives the same bytes each time; on another, scales may differ in the last bit, for
they are calibrated by its own float arithmetic. So it is the graph that ships, not its recipe.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from routing_engine.encoders.compiling import compile_model
from routing_engine.encoders.model_files import (
    FACTS,
    GRAPH,
    TOKENIZER,
    ModelFiles,
    open_model,
    packaged_folder,
    write_facts,
)
from routing_engine.encoders.source import ModelSource, find_model, sha256_of
from routing_engine.errors import EncoderError, RoutingError

__all__ = ["MAX_BYTES", "build", "main"]

MAX_BYTES = 25_000_000
"""Most bytes of graph and tokenizer in the package."""
_COMPILERS = ("onnx", "onnxruntime", "sentence-transformers", "torch", "transformers")


def build(
    model: str | Path,
    out: Path,
    *,
    base: str | Path | None = None,
    name: str | None = None,
    max_bytes: int = MAX_BYTES,
    step: Callable[[str], None] = lambda _: None,
) -> ModelFiles:
    """Compile a model into a folder, in the layout of the packaged one.

    Args:
        model: as :func:`~routing_engine.encoders.source.find_model` takes it.
        out: made if it is not there; what it held is replaced once all is compiled.
        base: the model that this one was tuned from; None where it was not tuned.
        name: what the encoder is to be called; None for the model's own name.
        max_bytes: most that graph and tokenizer may take.
        step: told what is being done.

    Raises:
        EncoderError: a model cannot be found or compiled, or it takes more than ``max_bytes``.
        MissingExtraError: the extra that compiles is not installed.
    """
    source = find_model(model)
    origin = source if base is None else find_model(base)
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out, prefix=".building-") as folder:
            aside = Path(folder)
            facts = compile_model(source, aside, step=step)
            facts |= {
                "name": name or source.name,
                "weights_sha256": _weights(source),
                "base": origin.name,
                "base_weights_sha256": _weights(origin),
                "compiled_by": {package: version(package) for package in _COMPILERS},
            }
            write_facts(aside, facts)
            n_bytes = sum((aside / file).stat().st_size for file in (GRAPH, TOKENIZER))
            if n_bytes > max_bytes:
                raise EncoderError(
                    f"{source.name!r} takes {n_bytes / 1e6:.1f} MB compiled; what ships may take "
                    f"{max_bytes / 1e6:.1f} MB: compile a model with fewer or narrower layers, or "
                    "a smaller vocabulary"
                )
            for file in (GRAPH, TOKENIZER, FACTS):
                (aside / file).replace(out / file)
    except OSError as error:
        raise EncoderError(f"cannot write the compiled model into {out}: {error}") from error
    return open_model(out)


def _weights(source: ModelSource) -> str | None:
    """Return the SHA-256 of a model's weights; None if they are not one safetensors file."""
    path = source.folder / "model.safetensors"
    return sha256_of(path) if path.is_file() else None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        0, or 1 with a message on stderr where the model cannot be compiled.
    """
    parser = argparse.ArgumentParser(
        prog="python -m routing_engine.encoders.build",
        description="Compile a sentence-transformers model into the encoder that ships.",
    )
    parser.add_argument("model", metavar="MODEL", help="a folder, or a name on the hub")
    parser.add_argument("--base", metavar="MODEL", help="the model that it was tuned from")
    parser.add_argument("--name", help="what the encoder is to be called (the model's own name)")
    parser.add_argument(
        "--out",
        type=Path,
        default=packaged_folder(),
        metavar="DIR",
        help="where to write (routing_engine/resources/encoder of this package)",
    )
    options = parser.parse_args(arguments)
    try:
        files = build(
            options.model,
            options.out,
            base=options.base,
            name=options.name,
            step=lambda step: print(f"{step} …", file=sys.stderr),  # noqa: T201  a command's own
        )
    except RoutingError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    n_bytes = files.graph.stat().st_size + files.tokenizer.stat().st_size
    print(f"{files.folder}: {files.name}, {files.fingerprint}, {n_bytes / 1e6:.1f} MB")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())

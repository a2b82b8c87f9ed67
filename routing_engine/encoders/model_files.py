"""The files of a compiled model: a graph, a tokenizer, and a sheet of facts with their hashes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from routing_engine.encoders.packaged import resource
from routing_engine.encoders.source import sha256_of
from routing_engine.errors import EncoderError, ModelIntegrityError

__all__ = [
    "FACTS",
    "GRAPH",
    "RECIPE",
    "TOKENIZER",
    "ModelFiles",
    "open_model",
    "packaged_folder",
    "packaged_model",
    "write_facts",
]

GRAPH = "model.onnx"
TOKENIZER = "tokenizer.json"
FACTS = "encoder.json"
RECIPE = "int8-static-3"
"""Version of the compiling recipe and its constants."""


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A compiled model on disk whose hashes were checked.

    Attributes:
        folder: holds the files.
        name: of the model, for people.
        dimension: length of a vector.
        max_tokens: tokens of a text that are read; the rest is cut off.
        fingerprint: names the vector space by the content of graph and tokenizer, so that two
            machines whose compilers rounded differently do not take each other's vectors.
    """

    folder: Path
    name: str
    dimension: int
    max_tokens: int
    fingerprint: str

    @property
    def graph(self) -> Path:
        """The ONNX graph."""
        return self.folder / GRAPH

    @property
    def tokenizer(self) -> Path:
        """The tokenizer, as stored by the library ``tokenizers``."""
        return self.folder / TOKENIZER


def open_model(folder: Path) -> ModelFiles:
    """Open a compiled model after checking the hashes of its files.

    Raises:
        FileNotFoundError: one of the files is not there.
        ModelIntegrityError: one of them was altered, or is no such file.
    """
    try:
        facts = json.loads((folder / FACTS).read_bytes())
        hashes = {name: sha256_of(folder / name) for name in (GRAPH, TOKENIZER)}
        for name, found in hashes.items():
            if found != facts["sha256"][name]:
                raise ModelIntegrityError(f"{name} was altered")
        return ModelFiles(
            folder=folder,
            name=str(facts["name"]),
            dimension=int(facts["dimension"]),
            max_tokens=int(facts["max_tokens"]),
            fingerprint=_fingerprint(hashes),
        )
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelIntegrityError(f"its files cannot be read: {type(error).__name__}") from error


def write_facts(folder: Path, facts: dict[str, Any]) -> None:
    """Write the facts file, with hashes, beside a graph and a tokenizer.

    Args:
        folder: holds graph and tokenizer.
        facts: ``name``, ``dimension``, ``max_tokens``, and whatever else is worth knowing.
    """
    sheet = facts | {"sha256": {name: sha256_of(folder / name) for name in (GRAPH, TOKENIZER)}}
    text = json.dumps(sheet, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    (folder / FACTS).write_text(text, encoding="utf-8")


def packaged_folder() -> Path:
    """Return the folder of the packaged model."""
    return resource("encoder")


def packaged_model() -> ModelFiles:
    """Open the packaged model.

    Raises:
        EncoderError: this copy of the package has none.
        ModelIntegrityError: its files are not the ones that were shipped.
    """
    try:
        return open_model(packaged_folder())
    except FileNotFoundError as error:
        missing = Path(str(error.filename)).name
        raise EncoderError(
            f"this copy of routing-engine lacks the file resources/encoder/{missing} of its "
            "encoder: reinstall routing-engine; in a source checkout, check the file out, or build "
            "one: python -m routing_engine.encoders.build all-MiniLM-L6-v2"
        ) from error
    except ModelIntegrityError as error:
        raise ModelIntegrityError(
            f"the encoder in this copy of routing-engine is damaged: {error}; "
            "reinstall routing-engine"
        ) from error


def _fingerprint(hashes: dict[str, str]) -> str:
    """Build a fingerprint; ``onnx-1`` names how graphs are run (cutting, normalising)."""
    content = "".join(f"{name}:{hashes[name]};" for name in (GRAPH, TOKENIZER))
    return f"onnx-1:{hashlib.sha256(content.encode()).hexdigest()[:16]}"

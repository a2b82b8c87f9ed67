"""The weights that tuning changed, small enough to keep in the repository.

A safetensors file of float16 differences, of the tensors that changed alone. A model is its base
plus the differences.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from routing_engine.encoders.source import ModelSource, find_model
from routing_engine.errors import InvalidValueError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["restore", "save_delta"]

_WEIGHTS = "model.safetensors"


def _tensors(source: ModelSource) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    return load_file(source.folder / _WEIGHTS)


def save_delta(tuned: str | Path, path: Path, *, base: str | Path = "all-MiniLM-L6-v2") -> None:
    """Write the difference between a tuned model and its base.

    Args:
        tuned: folder of the tuned model.
        path: the file; its folder exists.
        base: the model that was tuned.

    Raises:
        InvalidValueError: the two are not of one architecture.
    """
    from safetensors.torch import save_file

    before, after = _tensors(find_model(base)), _tensors(find_model(tuned))
    if any(name not in before or before[name].shape != after[name].shape for name in after):
        raise InvalidValueError(f"{tuned} is no tuned {base}: its tensors are others")
    changed = {
        name: (tensor - before[name]).half()
        for name, tensor in after.items()
        if tensor.is_floating_point() and not tensor.equal(before[name])
    }
    save_file(changed, path)


def restore(delta: Path, out: Path, *, base: str | Path = "all-MiniLM-L6-v2") -> Path:
    """Rebuild a tuned model from base and delta, as a sentence-transformers folder.

    Args:
        delta: what :func:`save_delta` wrote.
        out: the folder; made if it is not there.
        base: the model that was tuned.

    Returns:
        The folder.

    Raises:
        InvalidValueError: the delta is of another model.
    """
    from safetensors.torch import load_file, save_file

    source = find_model(base)
    weights, changes = _tensors(source), load_file(delta)
    if any(name not in weights or weights[name].shape != changes[name].shape for name in changes):
        raise InvalidValueError(f"{delta} is no delta of {base}: its tensors are others")
    shutil.copytree(source.folder, out, dirs_exist_ok=True)
    whole = {
        name: (tensor + changes[name].float() if name in changes else tensor).contiguous()
        for name, tensor in weights.items()
    }
    save_file(whole, out / _WEIGHTS, metadata={"format": "pt"})
    return out

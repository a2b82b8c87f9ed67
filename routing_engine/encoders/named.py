"""Open encoders by the names used in settings and commands."""

from __future__ import annotations

from collections.abc import Callable

from routing_engine.encoders.compiled import default_encoder
from routing_engine.encoders.hashing import HashingEncoder
from routing_engine.encoders.protocol import Encoder

__all__ = ["encoder_named"]


def encoder_named(name: str, *, step: Callable[[str], None] | None = None) -> Encoder:
    """Open an encoder by its name.

    Args:
        name: ``"default"`` for the one that ships; ``"hashing"`` for the fake without a model;
            otherwise a sentence-transformers model name or folder.
        step: told what is being done while a model is compiled.

    Raises:
        EncoderError: the model cannot be found or loaded.
        MissingExtraError: the model needs an extra that is not installed.
    """
    if name == "hashing":
        return HashingEncoder()
    return default_encoder(None if name == "default" else name, step=step)

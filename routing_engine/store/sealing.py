"""Encrypt caller data at rest: AES-256-GCM, bound to its row."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from routing_engine.errors import InvalidValueError, WrongSecretError

__all__ = ["Sealer"]

_FORMAT: Final = b"\x01"
_MARK_BYTES: Final = 4
_NONCE_BYTES: Final = 12


class Sealer:
    """Encrypt and decrypt texts.

    A sealed text is a format byte, four bytes that tell which secret it was, a random nonce and
    what AES-GCM makes of the rest. Table, organisation and row are associated data: a text that is
    moved to another row does not open. Random nonces are safe for 2**32 texts a secret.

    Args:
        secret: 32 bytes.
    """

    def __init__(self, secret: bytes) -> None:
        if not isinstance(secret, bytes) or len(secret) != 32:
            raise InvalidValueError("the secret of a store must be exactly 32 bytes")
        self._cipher = AESGCM(secret)
        self._marking = hashlib.sha256(b"marks" + secret).digest()
        self._head = _FORMAT + hashlib.sha256(b"which secret" + secret).digest()[:_MARK_BYTES]

    def seal(self, text: str, *place: str) -> bytes:
        """Encrypt a text for one place: table, organisation, row, column."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return self._head + nonce + self._cipher.encrypt(nonce, text.encode(), _bound(place))

    def mark(self, text: str, *place: str) -> str:
        """Fingerprint a text with the secret: HMAC-SHA-256, hex."""
        return hmac.new(self._marking, _bound((*place, text)), hashlib.sha256).hexdigest()

    def open(self, sealed: bytes, *place: str) -> str:
        """Decrypt a text that was encrypted for this place.

        Raises:
            WrongSecretError: another secret sealed it, or it was altered or moved.
        """
        head, rest = sealed[: len(self._head)], sealed[len(self._head) :]
        if head != self._head:
            raise WrongSecretError(
                f"{place[0]} {place[-1]} was sealed with another secret than this store was opened "
                "with; open it with that one"
            )
        nonce, body = rest[:_NONCE_BYTES], rest[_NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, body, _bound(place)).decode()
        except (InvalidTag, ValueError):  # a nonce that is too short
            raise WrongSecretError(
                f"{place[0]} {place[-1]} was altered, or moved here from another row"
            ) from None


def _bound(place: tuple[str, ...]) -> bytes:
    return b"\0".join(part.encode() for part in place)

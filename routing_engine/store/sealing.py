"""Encrypt caller data at rest: AES-256-GCM, bound to its row."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
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
        previous: earlier secrets: what they sealed opens still, and nothing more is sealed by them.
    """

    def __init__(self, secret: bytes, previous: Iterable[bytes] = ()) -> None:
        every = (secret, *previous)
        if not all(isinstance(each, bytes) and len(each) == 32 for each in every):
            raise InvalidValueError("the secret of a store must be exactly 32 bytes")
        self._markings = [hashlib.sha256(b"marks" + each).digest() for each in every]
        heads = [
            _FORMAT + hashlib.sha256(b"which secret" + each).digest()[:_MARK_BYTES]
            for each in every
        ]
        self._head = heads[0]
        self._ciphers = {
            head: AESGCM(each) for head, each in reversed(list(zip(heads, every, strict=True)))
        }

    def seal(self, text: str, *place: str) -> bytes:
        """Encrypt a text for one place: table, organisation, row, column."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return (
            self._head
            + nonce
            + self._ciphers[self._head].encrypt(nonce, text.encode(), _bound(place))
        )

    def mark(self, text: str, *place: str) -> str:
        """Fingerprint a text with the secret: HMAC-SHA-256, hex."""
        return _mark(self._markings[0], text, place)

    def has_marked(self, mark: str, text: str, *place: str) -> bool:
        """Whether a fingerprint is that of a text, by this secret or a previous one."""
        return any(mark == _mark(marking, text, place) for marking in self._markings)

    def open(self, sealed: bytes, *place: str) -> str:
        """Decrypt a text that was encrypted for this place.

        Raises:
            WrongSecretError: another secret sealed it, or it was altered or moved.
        """
        head, rest = sealed[: len(self._head)], sealed[len(self._head) :]
        cipher = self._ciphers.get(head)
        if cipher is None:
            raise WrongSecretError(
                f"{place[0]} {place[-1]} was sealed with another secret than this store was opened "
                "with; open it with that one, or give it as a previous one"
            )
        nonce, body = rest[:_NONCE_BYTES], rest[_NONCE_BYTES:]
        try:
            return cipher.decrypt(nonce, body, _bound(place)).decode()
        except (InvalidTag, ValueError):  # a nonce that is too short
            raise WrongSecretError(
                f"{place[0]} {place[-1]} was altered, or moved here from another row"
            ) from None


def _mark(marking: bytes, text: str, place: tuple[str, ...]) -> str:
    return hmac.new(marking, _bound((*place, text)), hashlib.sha256).hexdigest()


def _bound(place: tuple[str, ...]) -> bytes:
    return b"\0".join(part.encode() for part in place)

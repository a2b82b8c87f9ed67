"""Tokens of pages: what shows that a form was sent from a page of this session.

A token is derived from that of the session, so that nothing is stored, and masked anew in every
page: a page is compressed, and what never changes in it could be guessed from its length.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets

__all__ = ["is_of", "masked"]

N_BYTES = 32


def masked(session: str) -> str:
    """A token for a page of a session; another every time."""
    pad = secrets.token_bytes(N_BYTES)
    return base64.urlsafe_b64encode(pad + _xor(pad, _plain(session))).decode()


def is_of(token: str, session: str) -> bool:
    """Whether a token is one of this session."""
    try:
        raw = base64.urlsafe_b64decode(token.encode("ascii"))
    except (UnicodeEncodeError, binascii.Error, ValueError):
        return False
    if len(raw) != 2 * N_BYTES:
        return False
    return hmac.compare_digest(_xor(raw[:N_BYTES], raw[N_BYTES:]), _plain(session))


def _plain(session: str) -> bytes:
    return hmac.new(session.encode(), b"token of a page", hashlib.sha256).digest()


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))

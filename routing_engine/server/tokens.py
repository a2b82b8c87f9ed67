"""Tokens that let an agent use the tool in one call, and do nothing else.

A token names organisation, call and an end, and is signed with a key that only servers of the same
secret have (HMAC-SHA256, RFC 2104). It is made of the call alone: asked for again, it is the same.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

__all__ = ["PREFIX", "TOKEN_KEY", "Grant", "read_token", "sign_token"]

PREFIX = "rct_"
TOKEN_KEY = b"routing-engine tool tokens, 1"
"""Purpose of the key that signs them."""

_TAG_BYTES = 32


class Grant(NamedTuple):
    """What a token allows: the tool in one call of an organisation, until a moment."""

    organisation_id: str
    call_id: str
    expires_at: datetime


def sign_token(grant: Grant, key: bytes) -> str:
    """Return the token of a grant; its end is kept in whole seconds."""
    body = json.dumps(
        [grant.organisation_id, grant.call_id, int(grant.expires_at.timestamp())]
    ).encode()
    tag = hmac.digest(key, body, "sha256")
    return PREFIX + base64.urlsafe_b64encode(tag + body).rstrip(b"=").decode()


def read_token(token: str, keys: Iterable[bytes], now: datetime) -> Grant | None:
    """Return what a token of any of the keys allows; None where it is none, or has expired."""
    text = token.removeprefix(PREFIX)
    if text == token:
        return None
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    tag, body = raw[:_TAG_BYTES], raw[_TAG_BYTES:]
    if not any(hmac.compare_digest(tag, hmac.digest(key, body, "sha256")) for key in keys):
        return None
    organisation_id, call_id, expires_s = json.loads(body)
    grant = Grant(organisation_id, call_id, datetime.fromtimestamp(expires_s, UTC))
    return grant if now < grant.expires_at else None

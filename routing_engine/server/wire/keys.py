"""API keys on the wire."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from routing_engine.server.wire.common import Moment, Name, Wire

__all__ = ["Key", "KeyCreate", "NewKey"]

Scope = Literal[
    "agents:read", "agents:write", "skills:read", "skills:write", "guardrails:read",
    "guardrails:write", "calls:read", "calls:write", "keys:write",
]  # fmt: skip


class KeyCreate(Wire):
    """A request for a new key, with scopes that the requesting key has itself."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "call server", "scopes": ["calls:write"]}]}
    )

    name: Name
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=9)]
    expires_at: Moment | None = None


class Key(Wire):
    """An API key; its secret is not stored.

    Attributes:
        prefix: how the key begins, to tell it from others.
    """

    id: str
    name: str
    prefix: str
    scopes: list[str]
    created_at: Moment
    expires_at: Moment | None
    last_used_at: Moment | None


class NewKey(Key):
    """A new API key; ``key`` is its secret, shown only here, and null to a repeated request."""

    key: str | None

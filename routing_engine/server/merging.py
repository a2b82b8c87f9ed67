"""RFC 7396 JSON merge patch."""

from __future__ import annotations

from typing import Any

__all__ = ["merge"]


def merge(target: Any, patch: Any) -> Any:
    """Return ``target`` with ``patch`` merged in; neither is changed.

    Objects merge name by name, null removes a name, and anything else (a list, too) replaces.
    """
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), value)
    return merged

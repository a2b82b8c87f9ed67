"""Tools that a platform asks for over HTTP: what Vapi's and Retell's requests have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from routing_engine.calls.skill import Skill
from routing_engine.calls.tool_schema import TOOL_NAME, error
from routing_engine.errors import InvalidValueError

__all__ = ["SkillOf", "answer", "part"]

SkillOf = Callable[[str], Skill | None]
"""Finds the skill of a call by the platform's id of it; None where there is no such call."""


def part(body: object, name: str, platform: str) -> Any:
    """Return a part of a request.

    Raises:
        InvalidValueError: the request is no object, or has no such part.
    """
    if not isinstance(body, Mapping) or name not in body:
        raise InvalidValueError(
            f"no request of {platform} for a tool: it has no {name}; pass its whole JSON body"
        )
    return body[name]


def answer(skill: Skill | None, name: object, arguments: object) -> dict[str, Any]:
    """Answer one call of a tool."""
    if name != TOOL_NAME:
        return error(f"no tool of this name; {TOOL_NAME} is the only one")
    if skill is None:
        return error("no such call here; go on yourself")
    return skill(arguments)

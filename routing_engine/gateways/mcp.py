"""An MCP server with the tool of a language model as its only one, over stdin and stdout.

With the official SDK (extra ``mcp``): https://modelcontextprotocol.io/specification/. The control
plane serves the same over HTTP.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

from mcp import types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError

from routing_engine.calls.tool_schema import TOOL_NAME

if TYPE_CHECKING:
    from routing_engine.calls.skill import Skill

__all__ = ["Asked", "serve_stdio", "server_of"]

NAME = "routing-engine"

Context = ServerRequestContext[Any, Any]


class Asked(Protocol):
    """What answers the requests of an MCP client."""

    async def tool(self, context: Context) -> dict[str, Any]:
        """Return the tool, as :meth:`~routing_engine.calls.skill.Skill.mcp` does."""
        ...

    async def call(self, context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
        """Answer a call of the tool, as :meth:`~routing_engine.calls.skill.Skill.ahandle` does."""
        ...


def server_of(asked: Asked, *, version: str) -> Server[Any]:
    """Build an MCP server of one tool.

    Args:
        asked: whose answer is given as JSON text and as structured content; one with ``error`` is
            marked as an error.
        version: of this library.
    """

    async def list_tools(
        context: Context, _: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[types.Tool.model_validate(await asked.tool(context))])

    async def call_tool(
        context: Context, params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        if params.name != TOOL_NAME:
            raise MCPError(
                types.INVALID_PARAMS, f"no tool of this name; {TOOL_NAME} is the only one"
            )
        answer = await asked.call(context, params.arguments or {})
        failed = "error" in answer
        text = types.TextContent(type="text", text=json.dumps(answer, ensure_ascii=False))
        return types.CallToolResult(
            content=[text], structured_content=None if failed else answer, is_error=failed
        )

    return Server(NAME, version=version, on_list_tools=list_tools, on_call_tool=call_tool)


class _Alone:
    """One skill, for whoever asks."""

    def __init__(self, skill: Skill) -> None:
        self._skill = skill

    async def tool(self, _: Context) -> dict[str, Any]:
        return self._skill.mcp()

    async def call(self, _: Context, arguments: dict[str, Any]) -> dict[str, Any]:
        return await self._skill.ahandle(arguments)


async def serve_stdio(skill: Skill, *, version: str) -> None:
    """Serve a skill over this process's stdin and stdout, until stdin ends."""
    server = server_of(_Alone(skill), version=version)
    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())

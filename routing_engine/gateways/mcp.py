"""An MCP server over stdin and stdout, with the skill as its only tool.

With the official SDK (extra ``mcp``): https://modelcontextprotocol.io/specification/.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mcp import types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError

if TYPE_CHECKING:
    from routing_engine.calls.skill import Skill

__all__ = ["serve_stdio", "server_of"]

NAME = "routing-engine"


def server_of(skill: Skill, *, version: str) -> Server[Any]:
    """Build an MCP server whose only tool is a skill.

    Args:
        skill: the tool; what it answers is given as JSON text and as structured content.
        version: of this library.
    """
    tool = types.Tool.model_validate(skill.mcp())

    async def list_tools(_: Any, __: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[tool])

    async def call_tool(_: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        if params.name != tool.name:
            raise MCPError(
                types.INVALID_PARAMS, f"no tool of this name; {tool.name} is the only one"
            )
        answer = await skill.ahandle(params.arguments or {})
        failed = "error" in answer
        text = types.TextContent(type="text", text=json.dumps(answer, ensure_ascii=False))
        return types.CallToolResult(
            content=[text], structured_content=None if failed else answer, is_error=failed
        )

    return Server(NAME, version=version, on_list_tools=list_tools, on_call_tool=call_tool)


async def serve_stdio(skill: Skill, *, version: str) -> None:
    """Serve a skill over this process's stdin and stdout, until stdin ends."""
    server = server_of(skill, version=version)
    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())

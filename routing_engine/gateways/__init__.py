"""Servers for phone systems and agents: FastAGI, SIP redirect and MCP.

Each answers from one engine, opens no call itself and dials nobody: it says whom to dial.

Internal: may change in any release. The commands that run them are public.
"""

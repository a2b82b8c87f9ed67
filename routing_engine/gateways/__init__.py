"""Servers for phone systems and agents: FastAGI, SIP redirect, Twilio and MCP.

Each answers from one engine, opens no call itself and dials nobody: it says whom to dial.

Internal: may change in any release, but for what :mod:`routing_engine.gateways.twilio` exports. The
commands that run them are public.
"""

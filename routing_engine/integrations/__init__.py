"""Transfers: what is sent to move a call, so that whoever picks up sees who calls and why.

One module a way: ``sip`` (REFER, and the INVITE of a back-to-back user agent), ``twilio``,
``livekit``, ``openai_realtime``, ``vapi``, ``retell``. Each takes a :class:`Caller`, a
:class:`~routing_engine.Destination` and a :class:`Context`, and returns plain data to hand to
the platform's client; nothing here opens a connection. ``ways`` holds the table of what each
sends and what can be promised.
"""

from routing_engine.model.caller import Caller, Context

__all__ = ["Caller", "Context"]

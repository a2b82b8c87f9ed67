"""Transfers: requests that move a call, so that the person who picks up sees who calls and why.

One module for SIP (REFER, and the INVITE of a back-to-back user agent) and one for each platform;
the table in ``ways`` lists them, with what each sends and what can be promised. A builder takes a
:class:`Caller`, a :class:`~routing_engine.Destination` and a :class:`Context`, and returns plain
data to hand to the platform's client; nothing here opens a connection.
"""

from routing_engine.model.caller import Caller, Context

__all__ = ["Caller", "Context"]

"""Twilio's webhooks: from "hello" to the person who picks up.

:func:`twilio_router` is mounted in a FastAPI application; ``routing-engine twilio`` serves it.
Needs the extra ``twilio``.
"""

from routing_engine.errors import MissingExtraError

try:
    import fastapi  # noqa: F401
except ImportError as error:
    raise MissingExtraError("the router for Twilio", "twilio") from error

from routing_engine.gateways.twilio.keeping import Calls, MemoryCalls
from routing_engine.gateways.twilio.router import twilio_router
from routing_engine.gateways.twilio.talking import Reply, Texts, Verify

__all__ = ["Calls", "MemoryCalls", "Reply", "Texts", "Verify", "twilio_router"]

"""Structured logs: a JSON object a line on stderr. No words, names or numbers of callers."""

from __future__ import annotations

import logging
import sys

import structlog

__all__ = ["start_logging"]


def start_logging(level: str) -> None:
    """Write the logs of this process, uvicorn's included, as JSON."""
    processors: list[structlog.types.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=processors,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                # The message of an exception may quote a caller: its type is enough.
                _only_the_type,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    # Of every request a line would be too much, and its path holds ids.
    logging.getLogger("uvicorn.access").disabled = True
    for name in ("alembic", "faiss", "httpx", "uvicorn.error"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _only_the_type(
    _: object, __: str, event: structlog.types.EventDict
) -> structlog.types.EventDict:
    error = event.pop("exc_info", None)
    if isinstance(error, tuple) and error[0] is not None:
        event["error"] = error[0].__name__
    event.pop("stack_info", None)
    return event

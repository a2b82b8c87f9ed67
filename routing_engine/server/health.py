"""``/healthz``, ``/readyz`` and ``/metrics``: a separate application on its own port."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

if TYPE_CHECKING:
    from routing_engine.server.plane import ControlPlane

__all__ = ["health_app"]


def health_app(plane: ControlPlane) -> Starlette:
    """Build the application of health checks and metrics; no key is needed."""

    async def healthz(_: Request) -> Response:
        return _json({"status": "ok"})

    async def readyz(_: Request) -> Response:
        problems = await plane.problems()
        body = {"status": "degraded" if problems else "ready", "problems": problems}
        return _json(body, 503 if problems else 200)

    async def metrics(_: Request) -> Response:
        return Response(plane.metrics.text(), media_type=CONTENT_TYPE_LATEST)

    return Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", metrics),
        ]
    )


def _json(body: object, status: int = 200) -> Response:
    return Response(json.dumps(body), status, media_type="application/json")

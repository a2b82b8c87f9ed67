"""A control plane for tests: two organisations on SQLite, an encoder without a model."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from starlette.routing import Match
from starlette.testclient import TestClient

from routing_engine.encoders import HashingEncoder
from routing_engine.model.destinations import as_kept
from routing_engine.server.agents import agents
from routing_engine.server.app import create_app
from routing_engine.server.asking import asking
from routing_engine.server.backtesting import backtesting
from routing_engine.server.calls import calls
from routing_engine.server.imports import imports
from routing_engine.server.keys import keys
from routing_engine.server.plane import ControlPlane
from routing_engine.server.policies import policies
from routing_engine.server.publishing import publishing
from routing_engine.server.routing import routing
from routing_engine.server.security import SCOPES
from routing_engine.server.settings import Settings
from routing_engine.server.skills import skills
from routing_engine.store import Store

MAIN = "+14155550100"
BILLING = "+14155550111"
CANCEL = "+14155550113"
CONFIG = {
    "handoffConfig": {
        "transferDestination": MAIN,
        "transferRules": [
            {
                "label": "Billing",
                "when": "caller asks about an invoice, charge, or refund",
                "examples": ["I was charged twice", "my invoice is wrong"],
                "destination": BILLING,
            },
            {
                "label": "Cancel",
                "when": "caller wants to end the membership",
                "examples": ["cancel my membership"],
                "destination": CANCEL,
                "requiresVerification": True,
            },
        ],
    }
}


ROUTERS = (
    *(agents, asking, backtesting, calls, imports, keys),
    *(policies, publishing, routing, skills),
)


@cache
def adapter(method: str, path: str) -> TypeAdapter[Any]:
    """Return a validator of an endpoint's response, from the OpenAPI document."""
    scope = {"type": "http", "method": method, "path": path, "headers": []}
    routes = [route for router in ROUTERS for route in router.routes]
    (found,) = [route for route in routes if route.matches(scope)[0] is Match.FULL]
    return TypeAdapter(found.response_model)


@dataclass
class Served:
    """An application, and a client for each of two organisations. Checks every success."""

    plane: ControlPlane
    client: TestClient
    organisation_id: str
    token: str
    other_token: str

    def __call__(self, method: str, path: str, *, token: str | None = None, **options: Any):
        headers = {"Authorization": f"Bearer {self.token if token is None else token}"}
        headers |= options.pop("headers", {})
        response = self.client.request(method, f"/api/v1{path}", headers=headers, **options)
        if response.is_success:
            with as_kept():  # numbers are such as the organisation may dial, whatever we may
                adapter(method, response.request.url.path).validate_json(response.content)
        return response

    def data(self, method: str, path: str, **options: Any) -> Any:
        response = self(method, path, **options)
        assert response.status_code < 300, response.text
        body = response.json()
        assert set(body) == {"success", "data", "message"}
        assert body["success"] is True
        return body["data"]

    def agent(self, location_id: str | None = None, **fields: Any) -> str:
        body = {"name": "Oakland", **CONFIG, **fields}
        if location_id is not None:
            body["locationId"] = location_id
        return self.data("POST", "/agents", json=body)["id"]

    def published(self, **fields: Any) -> str:
        agent_id = self.agent(**fields)
        self.data("POST", f"/agents/{agent_id}/publish")
        return agent_id

    def key(self, *scopes: str) -> str:
        return self.data("POST", "/keys", json={"name": "k", "scopes": list(scopes)})["key"]

    def imported(self, content: bytes, name: str = "stores.csv", **form: str) -> Any:
        """Import a sheet and wait until it has ended."""
        made = self.data("POST", "/imports", files={"file": (name, content)}, data=form)
        return self.ended(made["id"])

    def ended(self, import_id: str) -> Any:
        until = time.monotonic() + 90
        while time.monotonic() < until:
            found = self.data("GET", f"/imports/{import_id}")
            if found["status"] != "running":
                return found
            time.sleep(0.02)
        raise AssertionError("the import does not end")


@contextmanager
def served(folder: Path, **settings: Any) -> Iterator[Served]:
    """An application on an empty database; SQLite in the folder, unless it is given."""
    usual = {
        "database": f"sqlite:///{folder / 'routing.db'}",
        "rate_per_s": 1e6,
        "encoder": "hashing",
    }
    made = Settings(**{**usual, **settings})
    store = Store.open(made.database, secret=made.secret_bytes)
    tokens = []
    for name in ("ours", "theirs"):
        organisation_id = store.create_organisation(name)
        with store.work(organisation_id) as work:
            tokens.append((organisation_id, work.keys.create("all", SCOPES)[1]))
    with _answering(made, store) as (plane, client):
        yield Served(plane, client, tokens[0][0], tokens[0][1], tokens[1][1])


@contextmanager
def served_again(before: Served, **settings: Any) -> Iterator[Served]:
    """Another process on the database of one that has ended, with other settings."""
    made = Settings(**before.plane.settings.model_dump(exclude=set(settings)), **settings)
    store = Store.open(made.database, secret=made.secret_bytes, previous=made.previous_secrets)
    with _answering(made, store) as (plane, client):
        yield replace(before, plane=plane, client=client)


@contextmanager
def _answering(settings: Settings, store: Store) -> Iterator[tuple[ControlPlane, TestClient]]:
    plane = ControlPlane(settings, store, encoder=HashingEncoder())
    # Closing the application closes the plane.
    with TestClient(create_app(plane), raise_server_exceptions=False) as client:
        yield plane, client

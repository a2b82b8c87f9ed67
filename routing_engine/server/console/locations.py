"""The list of locations: search, filters, and publishing many."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from starlette.responses import Response

from routing_engine.errors import RoutingError
from routing_engine.server.agents import create_agent
from routing_engine.server.console.visits import Pages, Visit, ask, validated
from routing_engine.server.problems import ProblemError
from routing_engine.server.publishing import publish
from routing_engine.server.wire.agents import AgentCreate
from routing_engine.server.wire.publishing import Publish
from routing_engine.store import Agent, Totals

__all__ = ["pages"]

pages = Pages()

SHOWN = 50
RATE_OF = timedelta(days=30)
PUBLISHED_AT_ONCE = 5
"""Locations that one request publishes; the page asks again for those that follow."""

MAX_BULK = 20_000

States = Literal["all", "changed", "unpublished", "published"]

_FILTERS: dict[str, dict[str, bool]] = {
    "all": {},
    "changed": {"is_published": True, "is_changed": True},
    "unpublished": {"is_published": False},
    "published": {"is_published": True},
}


def _filters(visit: Visit) -> tuple[str, str, dict[str, bool]]:
    """Read the search: its text, the name of the filter, and the filter."""
    state = visit.asked("state", "all")
    return visit.asked("q")[:200], state if state in _FILTERS else "all", _FILTERS.get(state, {})


@pages.get("/locations", "agents:read")
def show(visit: Visit) -> Response:
    """The page, or the rows that a search finds."""
    text, state, filters = _filters(visit)
    cursor = visit.asked("cursor") or None
    with visit.plane.store.read(visit.session.principal.organisation_id) as work:
        page = work.agents.search(text, SHOWN, cursor, **filters)
        n = work.agents.count(text, **filters)
        published = [agent.id for agent in page.items if agent.version is not None]
        totals = {}
        if visit.may("calls:read"):
            totals = work.calls.totals_each(published, datetime.now(UTC) - RATE_OF)
    rows = [_row(agent, totals.get(agent.id)) for agent in page.items]
    context = {"q": text, "state": state, "rows": rows, "n": n, "cursor": page.cursor}
    template = "locations.html"
    if visit.is_htmx:
        template = "_location_rows.html" if cursor else "_locations.html"
    return visit.render(template, **context)


def _row(agent: Agent, totals: Totals | None) -> dict[str, Any]:
    handoff = agent.config.get("handoffConfig") or {}
    return {
        "id": agent.id,
        "name": agent.name,
        "location_id": agent.location_id,
        "version": agent.version,
        "is_changed": agent.is_changed,
        "n_rules": len(handoff.get("transferRules") or ()),
        "updated_at": agent.updated_at,
        "totals": totals,
    }


@pages.post("/locations", "agents:write")
def create(visit: Visit) -> Response:
    """Make a location, and go to it."""
    given = {"name": visit.given("name")}
    if visit.given("locationId").strip():
        given["locationId"] = visit.given("locationId")
    made = ask(create_agent, visit, validated(AgentCreate, given))
    return visit.go(f"/console/locations/{made['id']}")


@pages.post("/locations/publish", "agents:write")
def publish_some(visit: Visit) -> Response:
    """Publish some of the locations that were chosen, and say what is left to be done."""
    waiting = [name for name in visit.given("waiting").split(",") if name]
    if not waiting:
        chosen = [value for value in visit.form.getlist("agent") if isinstance(value, str)]
        waiting = chosen if visit.given("which") != "all" else _all_changed(visit)
    if not waiting:
        raise ProblemError(422, "choose at least one location")
    n_total = int(visit.given("total") or len(waiting))
    note = visit.given("note")[:1000]
    done = [_published(visit, name, note) for name in waiting[:PUBLISHED_AT_ONCE]]
    left = waiting[PUBLISHED_AT_ONCE:]
    return visit.render(
        "_published_some.html",
        done=done,
        left=left,
        note=note,
        n_total=n_total,
        n_done=n_total - len(left),
        is_first=not visit.given("total"),
    )


def _all_changed(visit: Visit) -> list[str]:
    """Every location that the search finds whose draft is not what is published."""
    text, state = visit.given("q"), visit.given("state")
    filters = _FILTERS.get(state, {}) | {"is_changed": True}
    found: list[str] = []
    cursor = None
    with visit.plane.store.read(visit.session.principal.organisation_id) as work:
        while True:
            page = work.agents.search(text, 1000, cursor, **filters)
            found += [agent.id for agent in page.items]
            cursor = page.cursor
            if cursor is None or len(found) >= MAX_BULK:
                return found[:MAX_BULK]


def _published(visit: Visit, agent_id: str, note: str) -> dict[str, Any]:
    """The result of publishing one location."""
    with visit.plane.store.read(visit.session.principal.organisation_id) as work:
        name = work.agents.get(agent_id).name
    made: dict[str, Any] = {"id": agent_id, "name": name, "version": None, "why": ""}
    try:
        made["version"] = ask(publish, visit, agent_id, validated(Publish, {"note": note}))[
            "version"
        ]
    except ProblemError as error:
        made["why"] = error.detail
    except RoutingError as error:
        made["why"] = str(error)
    return made

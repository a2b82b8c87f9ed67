"""Calls: what came of them, at all locations or at one, one by one and in figures."""

from __future__ import annotations

import csv
import io
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from starlette.responses import Response

from routing_engine.model.outcomes import Outcome
from routing_engine.quality.charts import columns, rows
from routing_engine.server.calls import counted, detail, list_calls
from routing_engine.server.console.rendering import cell
from routing_engine.server.console.visits import Pages, Visit, ask
from routing_engine.server.problems import wrong_field
from routing_engine.store import Totals, UnitOfWork

__all__ = ["pages"]

pages = Pages()

SHOWN = 50
USUAL = timedelta(days=30)
MOST_RULES = 12
MOST_LOCATIONS = 20
"""Locations with most calls that the figures of all name."""


def _day(visit: Visit, name: str, otherwise: date) -> date:
    text = visit.asked(name).strip()
    if not text:
        return otherwise
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise wrong_field(name, "must be a day such as 2026-11-26") from error


def _found(visit: Visit) -> dict[str, Any]:
    """The calls that the filters leave, and the filters."""
    today = datetime.now(UTC).date()
    since, until = _day(visit, "since", today - USUAL), _day(visit, "until", today)
    outcome = visit.asked("outcome")
    if outcome and outcome not in {one.value for one in Outcome}:
        raise wrong_field("outcome", "is no outcome")
    agent_id, rule = visit.asked("agent"), visit.asked("rule")[:200]
    filters = {"agent": agent_id, "outcome": outcome, "rule": rule}
    context: dict[str, Any] = {
        **filters, "since": since, "until": until, "outcomes": [one.value for one in Outcome],
        "page": None, "totals": None, "name": "", "q": visit.asked("q")[:200], "choices": [],
    }  # fmt: skip
    beside = visit.asked("beside").strip()[:256]
    context |= {"beside": beside, "figures": [], "locations": []}
    other = None
    with visit.plane.store.read(visit.session.principal.organisation_id) as work:
        if agent_id:
            context["name"] = work.agents.get(agent_id).name
            if beside:
                found = work.agents.page(1, location_id=beside).items
                if not found:
                    raise wrong_field("beside", "no location has this id")
                other = found[0]
        else:
            choices = work.agents.search(context["q"], 20, is_published=True).items
            context |= {"choices": choices, **_of_all(work, since, until)}
    if not agent_id:
        return context

    def of(agent: str, first: date, last: date, cursor: str | None = None) -> Any:
        return ask(
            list_calls,
            visit,
            agent,
            SHOWN if agent == agent_id else 1,
            cursor,
            datetime.combine(first, time(), UTC),
            datetime.combine(last + timedelta(days=1), time(), UTC),
            Outcome(outcome) if outcome else None,
            rule or None,
        )

    data = of(agent_id, since, until, visit.asked("cursor") or None)
    days = until - since + timedelta(days=1)
    figures = [(context["name"], data["totals"])]
    if other is not None:
        figures.append((other.name, of(other.id, since, until)["totals"]))
    elif days > timedelta(0):
        figures.append(
            (f"the {days.days} days before", of(agent_id, since - days, until - days)["totals"])
        )
    return context | {"page": data, "totals": data["totals"], "figures": figures}


def _of_all(work: UnitOfWork, since: date, until: date) -> dict[str, Any]:
    """The figures of all locations, beside those of as many days before."""
    days = until - since + timedelta(days=1)
    totals, by_location = work.calls.totals_all(since, until, most_agents=MOST_LOCATIONS)
    figures = [("All locations", totals)]
    if days > timedelta(0):
        before, _ = work.calls.totals_all(since - days, until - days, most_agents=0)
        figures.append((f"the {days.days} days before", before))
    known = work.agents.named(by_location)
    locations = [
        (name, known[name].name if name in known else "deleted", of)
        for name, of in by_location.items()
    ]
    return {
        "totals": counted(totals),
        "figures": [(name, counted(one)) for name, one in figures],
        "locations": locations,
    }


@pages.get("/calls", "calls:read")
def show(visit: Visit) -> Response:
    """Calls of a location, with what came of them in figures."""
    context = _found(visit)
    totals = context["totals"]
    if visit.is_htmx and visit.asked("cursor"):
        return visit.render("_call_rows.html", **context)
    by_day = by_rule = ""
    if totals is not None and totals["calls"]:
        days = totals["byDay"]
        by_day = columns(
            [day["day"] for day in days],
            {
                "transferred": [day["transferred"] for day in days],
                "with the agent": [day["contained"] for day in days],
                "other": [day["calls"] - day["transferred"] - day["contained"] for day in days],
            },
            title="Calls by day",
        )
        by_rule = rows(dict(list(totals["byRule"].items())[:MOST_RULES]), title="Calls by rule")
    by_location = ""
    if context["locations"]:
        names = {f"{name} ({agent_id[-4:]})" if n > 1 else name: of.calls
                 for agent_id, name, of, n in _numbered(context["locations"])}  # fmt: skip
        by_location = rows(names, title="Calls by location")
    return visit.render(
        "calls.html", by_day=by_day, by_rule=by_rule, by_location=by_location, **context
    )


def _numbered(locations: list[tuple[str, str, Totals]]) -> list[tuple[str, str, Totals, int]]:
    """Locations, each with how many of them have its name."""
    n = Counter(name for _, name, _ in locations)
    return [(agent_id, name, of, n[name]) for agent_id, name, of in locations]


@pages.get("/calls.csv", "calls:read")
def days(visit: Visit) -> Response:
    """The figures by day, by rule or by location as a sheet."""
    found = _found(visit)
    totals, by = found["totals"], visit.asked("by", "day")
    out = io.StringIO()
    table = csv.writer(out)
    if by == "rule":
        table.writerow(["rule", "calls"])
        table.writerows([cell(label), n] for label, n in totals["byRule"].items())
    elif by == "location":
        table.writerow(["location", "calls", "transferred", "contained"])
        for _, name, of in found["locations"]:
            table.writerow([cell(name), of.calls, of.transferred, of.contained])
    elif by == "day":
        table.writerow(["day", "calls", "transferred", "contained"])
        for day in totals["byDay"]:
            table.writerow([day["day"], day["calls"], day["transferred"], day["contained"]])
    else:
        raise wrong_field("by", "must be day, rule or location")
    headers = {"Content-Disposition": 'attachment; filename="calls.csv"'}
    return Response(out.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


@pages.get("/calls/{call}", "calls:read")
def one(visit: Visit) -> Response:
    """One call as a timeline, with each decision."""
    with visit.plane.store.read(visit.session.principal.organisation_id) as work:
        row = work.calls.get(visit.path("call"))
        decisions = work.calls.decisions(row.id, 200).items
        found = work.agents.search("", 1)
        agent = next((a for a in found.items if a.id == row.agent_id), None)
    timeline = detail(row)["timeline"] or []
    steps: list[dict[str, Any]] = [
        {"at": datetime.fromisoformat(event["at"]), "event": event, "decision": None}
        for event in timeline
        if event["kind"] != "decided"
    ]
    steps += [{"at": made.decided_at, "event": None, "decision": made} for made in decisions]
    steps.sort(key=lambda step: step["at"])
    return visit.render(
        "call.html", call=detail(row), steps=steps, agent=agent, kept=bool(timeline)
    )

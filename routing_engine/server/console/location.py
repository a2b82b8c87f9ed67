"""One location: its rules, hours, guardrails and tests, edited in place, and its versions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel
from starlette.responses import HTMLResponse, Response

from routing_engine.errors import InvalidValueError, PreconditionFailedError, Problem
from routing_engine.server.agents import delete_agent, get_agent, patch_agent
from routing_engine.server.backtesting import backtest
from routing_engine.server.console.visits import Pages, Visit, ask, validated
from routing_engine.server.problems import ProblemError
from routing_engine.server.publishing import (
    diff_version,
    list_versions,
    prepublish_report,
    publish,
    rollback,
    suggestions,
)
from routing_engine.server.skills import get_guardrails, put_guardrails
from routing_engine.server.wire.agents import AgentPatch, TransferRule
from routing_engine.server.wire.backtesting import Backtest
from routing_engine.server.wire.common import DestinationText
from routing_engine.server.wire.hours import DAYS
from routing_engine.server.wire.publishing import Publish, Rollback
from routing_engine.server.wire.skills import Guardrails

__all__ = ["pages"]

pages = Pages()

NEW = "new"
BACKTESTED = 500
"""Calls that are kept, by which a draft is compared before it is published."""

_NUMBER: TypeAdapter[str] = TypeAdapter(DestinationText)
_LINES = ("examples", "fallback")
_WORDS = ("languages", "requiredDetails", "verificationMethods")
_FLAGS = ("enabled", "requiresVerification", "requiresConfirmation", "urgent")
_KNOWN = {to_camel(name) for name in TransferRule.model_fields}


def _agent(visit: Visit) -> dict[str, Any]:
    found: dict[str, Any] = ask(get_agent, visit, visit.path("agent"))
    return found


def _rules(agent: Mapping[str, Any]) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = (agent.get("handoffConfig") or {}).get("transferRules") or []
    return rules


def _mark(rule: Mapping[str, Any]) -> str:
    """Fingerprint a rule, to notice that it changed since somebody began to edit it."""
    return hashlib.sha256(json.dumps(rule, sort_keys=True).encode()).hexdigest()[:16]


def _is_changed(visit: Visit, agent_id: str) -> bool:
    with visit.plane.store.read(visit.session.principal.organisation_id) as work:
        return work.agents.get(agent_id).is_changed


def _context(visit: Visit, agent: Mapping[str, Any]) -> dict[str, Any]:
    """Return what all parts of the page show."""
    guardrails = {}
    if visit.may("guardrails:read"):
        guardrails = ask(get_guardrails, visit, agent["id"])
    return {
        "agent": agent,
        "handoff": agent.get("handoffConfig") or {},
        "rules": _rules(agent),
        "marks": [_mark(rule) for rule in _rules(agent)],
        "hours": agent.get("businessHours") or {},
        "tests": agent.get("routingTests") or [],
        "details_mark": _mark(_details(agent)),
        "hours_mark": _mark(_hours(agent)),
        "guardrails": guardrails,
        "days": DAYS,
        "is_changed": _is_changed(visit, agent["id"]),
    }


@pages.get("/locations/{agent}", "agents:read")
def show(visit: Visit) -> Response:
    """The page of a location."""
    return visit.render("location.html", **_context(visit, _agent(visit)), said="")


def _part(visit: Visit, template: str, agent: Mapping[str, Any], **context: Any) -> HTMLResponse:
    """A part of the page after a change of the draft, and with it whether there is one."""
    made = _context(visit, agent)
    return visit.render("_changed.html", part=template, **made, **context)


def _patched(visit: Visit, patch: Mapping[str, Any], if_match: str | None = None) -> dict[str, Any]:
    body = validated(AgentPatch, patch)
    made: dict[str, Any] = ask(patch_agent, visit, visit.path("agent"), body, if_match)
    return made


def _details(agent: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the form of the default number shows."""
    handoff = agent.get("handoffConfig") or {}
    names = ("transferDestination", "escalationThreshold")
    return {"name": agent["name"], **{name: handoff.get(name) for name in names}}


def _hours(agent: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the form of the hours shows."""
    return agent.get("businessHours") or {}


def _patched_part(
    visit: Visit, part: Callable[[Mapping[str, Any]], dict[str, Any]], patch: Mapping[str, Any]
) -> dict[str, Any]:
    """Change one part of the draft, if nobody else changed that part since it was shown.

    Raises:
        ProblemError: 412 where somebody did.
    """
    for _ in range(3):
        agent = _agent(visit)
        if _mark(part(agent)) != visit.given("mark"):
            break
        try:
            return _patched(visit, patch, agent["etag"])
        except PreconditionFailedError:
            continue  # another part was changed this moment: look again
    raise ProblemError(
        412, "somebody changed this meanwhile; load the page again to see what it is now"
    )


@pages.get("/number", "agents:read")
def number(visit: Visit) -> Response:
    """Show how a number is read while it is typed."""
    names = ("destination", "transferDestination", "number", "emergencyNumber")
    text = next((visit.asked(name) for name in names if visit.asked(name)), "").strip()
    context: dict[str, Any] = {"text": text, "kept": "", "why": ""}
    if text:
        try:
            context["kept"] = _NUMBER.validate_python(text)
        except ValidationError as error:
            context["why"] = error.errors()[0]["msg"].removeprefix("Value error, ")
        except InvalidValueError as error:
            context["why"] = str(error)
    return visit.render("_number.html", **context)


@pages.get("/locations/{agent}/rules", "agents:read")
def rules(visit: Visit) -> Response:
    """The table of rules."""
    return visit.render("_rules.html", **_context(visit, _agent(visit)))


@pages.get("/locations/{agent}/rules/{rule}", "agents:write")
def edit_rule(visit: Visit) -> Response:
    """A rule, to be edited in its row."""
    agent = _agent(visit)
    place, rule = _named_rule(visit, agent)
    return _edited(visit, agent, place, rule, _mark(rule) if rule else "")


def _edited(
    visit: Visit,
    agent: Mapping[str, Any],
    place: str,
    rule: Mapping[str, Any],
    mark: str,
    code: int = 200,
    *,
    theirs: Mapping[str, Any] | None = None,
    errors: Sequence[Problem] = (),
) -> Response:
    """A rule as a form in its row."""
    context = {"agent": agent, "place": place, "rule": rule, "mark": mark, "known": _KNOWN}
    return visit.render("_rule_edit.html", code, theirs=theirs, errors=errors, **context)


def _named_rule(visit: Visit, agent: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    place = visit.path("rule")
    if place == NEW:
        return NEW, {}
    found = _rules(agent)
    if not place.isascii() or not place.isdigit() or int(place) >= len(found):
        raise ProblemError(404, "there is no such rule any more; load the page again")
    return place, found[int(place)]


@pages.post("/locations/{agent}/rules/{rule}", "agents:write")
def save_rule(visit: Visit) -> Response:
    """Change a rule. Who changed another rule meanwhile is not undone; this one is asked about."""
    given, seen = _given_rule(visit), visit.given("mark")
    for _ in range(3):
        agent = _agent(visit)
        found = list(_rules(agent))
        at = _place_of(found, visit.path("rule"), seen)
        if at is None:
            return _changed_meanwhile(visit, agent, given)
        old = found[at] if at < len(found) else {}
        rule = _merged_rule(old, given)
        rules = [*found[:at], rule, *found[at + 1 :]]
        try:
            agent = _patched(visit, {"handoffConfig": {"transferRules": rules}}, agent["etag"])
        except PreconditionFailedError:
            continue  # somebody changed the draft this moment: read it again
        except InvalidValueError as error:
            return _wrong(visit, agent, at, rule, seen, error.problems)
        return _part(visit, "_rules.html", agent)
    raise ProblemError(412, "the draft keeps changing; try again")


def _place_of(rules: list[dict[str, Any]], place: str, seen: str) -> int | None:
    """Find the position of the edited rule; None if it has changed since."""
    if place == NEW:
        return len(rules)
    marks = [_mark(rule) for rule in rules]
    if (
        place.isascii()
        and place.isdigit()
        and int(place) < len(marks)
        and marks[int(place)] == seen
    ):
        return int(place)
    return marks.index(seen) if seen in marks else None  # it was moved


def _changed_meanwhile(visit: Visit, agent: Mapping[str, Any], given: dict[str, Any]) -> Response:
    """Show what somebody else made of the rule beside what was typed here."""
    label = visit.given("was")
    for place, theirs in enumerate(_rules(agent)):
        if theirs["label"] in (label, given.get("label")):
            mine = _merged_rule(theirs, given)
            return _edited(visit, agent, str(place), mine, _mark(theirs), 412, theirs=theirs)
    return _edited(visit, agent, NEW, given, "", 412, theirs={"deleted": True})


def _wrong(
    visit: Visit,
    agent: Mapping[str, Any],
    at: int,
    rule: dict[str, Any],
    mark: str,
    problems: tuple[Problem, ...],
) -> Response:
    """The row again, with what is wrong in it."""
    start = f"handoffConfig.transferRules.{at}"
    told = [
        Problem(problem.path.removeprefix(start).strip(".") or "rule", problem.message)
        for problem in problems
    ]
    return _edited(visit, agent, visit.path("rule"), rule, mark, 422, errors=told)


def _given_rule(visit: Visit) -> dict[str, Any]:
    """A rule as the form says it; what is empty is None."""
    made: dict[str, Any] = {
        "label": visit.given("label"),
        "when": visit.given("when"),
        "destination": visit.given("destination").strip() or None,
        "action": visit.given("action") or "transfer",
        "hours": visit.given("hours") or None,
        "threshold": _share(visit.given("threshold")),
    }
    for name in _LINES:
        made[name] = [line.strip() for line in visit.given(name).splitlines() if line.strip()]
    for name in _WORDS:
        made[name] = [word.strip() for word in visit.given(name).split(",") if word.strip()]
    for name in _FLAGS:
        made[name] = visit.given(name) == "on"
    return {name: value for name, value in made.items() if name in _KNOWN}


def _share(text: str) -> float | str | None:
    """A threshold; what is no number stays, for the check to refuse."""
    text = text.strip()
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        return text


def _merged_rule(old: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """A rule with what the form says; what the form does not have stays as it was."""
    made = {name: value for name, value in old.items() if name not in given}
    made |= {name: value for name, value in given.items() if value not in (None, [], "")}
    if made.get("action") == "contain":
        made.pop("destination", None)
    return made


@pages.post("/locations/{agent}/rules/{rule}/delete", "agents:write")
def delete_rule(visit: Visit) -> Response:
    """Take a rule out of the draft."""
    agent = _agent(visit)
    found = _rules(agent)
    at = _place_of(found, visit.path("rule"), visit.given("mark"))
    if at is None or at >= len(found):
        raise ProblemError(412, "somebody changed this rule meanwhile; load the page again")
    rules = [*found[:at], *found[at + 1 :]]
    agent = _patched(visit, {"handoffConfig": {"transferRules": rules}}, agent["etag"])
    return _part(visit, "_rules.html", agent)


@pages.post("/locations/{agent}/rules/{rule}/move", "agents:write")
def move_rule(visit: Visit) -> Response:
    """Move a rule up or down by one."""
    agent = _agent(visit)
    found = list(_rules(agent))
    at = _place_of(found, visit.path("rule"), visit.given("mark"))
    if at is None or at >= len(found):
        raise ProblemError(412, "somebody changed this rule meanwhile; load the page again")
    to = at - 1 if visit.given("to") == "up" else at + 1
    if 0 <= to < len(found):
        found[at], found[to] = found[to], found[at]
    agent = _patched(visit, {"handoffConfig": {"transferRules": found}}, agent["etag"])
    return _part(visit, "_rules.html", agent)


@pages.post("/locations/{agent}/details", "agents:write")
def save_details(visit: Visit) -> Response:
    """Change the name, the default number and the threshold."""
    patch = {
        "name": visit.given("name"),
        "handoffConfig": {
            "transferDestination": visit.given("transferDestination").strip() or None,
            "escalationThreshold": _share(visit.given("escalationThreshold")),
        },
    }
    return _part(visit, "_details.html", _patched_part(visit, _details, patch))


@pages.post("/locations/{agent}/hours", "agents:write")
def save_hours(visit: Visit) -> Response:
    """Change the week, the holidays and what is done after hours."""
    week = {day: _ranges(visit.given(day)) for day in DAYS}
    zone = visit.given("timezone").strip() or None
    after: dict[str, Any] = {
        "number": visit.given("number").strip() or None,
        "emergencyNumber": visit.given("emergencyNumber").strip() or None,
        "message": visit.given("message").strip() or None,
    }
    allowed = visit.given("allowHumanTransfer")
    after["allowHumanTransfer"] = None if allowed == "" else allowed == "yes"
    holidays = [_holiday(line) for line in visit.given("holidays").splitlines() if line.strip()]
    hours: dict[str, Any] = {
        "timezone": zone,
        "weekly": week if any(week.values()) else None,
        "holidays": holidays or None,
        "country": visit.given("country").strip() or None,
        "afterHours": after,
    }
    agent = _patched_part(visit, _hours, {"businessHours": hours})
    return _part(visit, "_hours.html", agent)


def _ranges(text: str) -> list[str]:
    return [part.strip() for part in text.replace(";", ",").split(",") if part.strip()]


def _holiday(line: str) -> dict[str, Any]:
    """``2026-12-24 09:00-12:00 Christmas Eve``: a date, hours or none, and a name."""
    date, _, rest = line.strip().partition(" ")
    words = rest.split()
    ranges = []
    while words and any(character.isdigit() for character in words[0]) and "-" in words[0]:
        ranges.append(words.pop(0).strip(","))
    return {"date": date, "ranges": ranges, "closed": not ranges, "name": " ".join(words)}


@pages.post("/locations/{agent}/guardrails", "guardrails:write")
def save_guardrails(visit: Visit) -> Response:
    """Change which rules need a verified caller or a spoken confirmation."""
    given = {
        name: [label for label in visit.form.getlist(name) if isinstance(label, str)]
        for name in ("requiresVerification", "requiresConfirmation")
    }
    ask(put_guardrails, visit, visit.path("agent"), validated(Guardrails, given))
    return _part(visit, "_guardrails.html", _agent(visit))


@pages.post("/locations/{agent}/tests", "agents:write")
def save_tests(visit: Visit) -> Response:
    """Add a routing test."""
    agent = _agent(visit)
    tests = list(agent.get("routingTests") or ())
    tests.append({"utterance": visit.given("utterance"), "expect": visit.given("expect") or None})
    agent = _patched(visit, {"routingTests": tests}, agent["etag"])
    return _part(visit, "_tests.html", agent)


@pages.post("/locations/{agent}/tests/{test}/delete", "agents:write")
def delete_test(visit: Visit) -> Response:
    """Take a routing test out."""
    agent = _agent(visit)
    tests = list(agent.get("routingTests") or ())
    at = visit.path("test")
    if not at.isascii() or not at.isdigit() or int(at) >= len(tests):
        raise ProblemError(404, "there is no such test any more; load the page again")
    del tests[int(at)]
    agent = _patched(visit, {"routingTests": tests}, agent["etag"])
    return _part(visit, "_tests.html", agent)


@pages.get("/locations/{agent}/report", "agents:read")
def report(visit: Visit) -> Response:
    """Show what publishing would find."""
    agent = _agent(visit)
    found = ask(prepublish_report, visit, agent["id"])
    return visit.render("_report.html", **_reported(agent, found))


def _reported(agent: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """What a report is shown with."""
    return {
        "agent": agent,
        "report": found,
        "tests": agent.get("routingTests") or [],
        "places": {rule["label"]: i for i, rule in enumerate(_rules(agent))},
    }


@pages.get("/locations/{agent}/suggestions", "agents:read")
def suggest(visit: Visit) -> Response:
    """Proposed examples, to be accepted one by one."""
    agent = _agent(visit)
    found = ask(suggestions, visit, agent["id"])
    return visit.render("_suggestions.html", agent=agent, rules=found["rules"])


@pages.post("/locations/{agent}/examples", "agents:write")
def add_example(visit: Visit) -> Response:
    """Add an example to a rule."""
    agent = _agent(visit)
    label, text = visit.given("label"), visit.given("text")
    rules = [dict(rule) for rule in _rules(agent)]
    rule = next((rule for rule in rules if rule["label"] == label), None)
    if rule is None:
        raise ProblemError(404, "there is no such rule any more; load the page again")
    if text not in (rule.get("examples") or ()):
        rule["examples"] = [*(rule.get("examples") or ()), text]
    agent = _patched(visit, {"handoffConfig": {"transferRules": rules}}, agent["etag"])
    return visit.render("_example_added.html", **_context(visit, agent), part="_rules.html")


@pages.get("/locations/{agent}/compared", "agents:read")
def compared(visit: Visit) -> Response:
    """Show where the draft would have sent the stored calls."""
    found, why = None, ""
    try:
        found = ask(backtest, visit, visit.path("agent"), validated(Backtest, {"last": BACKTESTED}))
    except ProblemError as error:
        why = error.detail
    return visit.render("_compared.html", found=found, why=why, agent_id=visit.path("agent"))


@pages.post("/locations/{agent}/compared", "agents:read")
def compared_by(visit: Visit) -> Response:
    """Show where the draft would send given sentences, one on each line."""
    said = [line.strip() for line in visit.given("sentences").splitlines() if line.strip()]
    body = validated(Backtest, {"calls": [{"utterance": line} for line in said]})
    found = ask(backtest, visit, visit.path("agent"), body)
    return visit.render("_compared.html", found=found, why="", agent_id=visit.path("agent"))


@pages.post("/locations/{agent}/publish", "agents:write")
def publish_draft(visit: Visit) -> Response:
    """Publish the draft; where the report blocks it, show why, and how to insist."""
    body: dict[str, Any] = {"note": visit.given("note")}
    if visit.given("reason").strip():
        body |= {"force": True, "reason": visit.given("reason")}
    agent_id = visit.path("agent")
    try:
        made = ask(publish, visit, agent_id, validated(Publish, body), visit.given("etag") or None)
    except ProblemError as error:
        if error.code != "blocked":
            raise
        shown = _reported(_agent(visit), error.extra["report"])
        return visit.render("_blocked.html", 409, note=body["note"], **shown)
    return _part(visit, "_published.html", _agent(visit), made=made)


@pages.get("/locations/{agent}/versions", "agents:read")
def versions(visit: Visit) -> Response:
    """List the published versions, newest first."""
    agent = _agent(visit)
    page = ask(list_versions, visit, agent["id"], 50, visit.asked("cursor") or None)
    return visit.render("_versions.html", agent=agent, page=page)


@pages.get("/locations/{agent}/versions/{version}", "agents:read")
def version(visit: Visit) -> Response:
    """Show what a version changed, side by side."""
    number = visit.path("version")
    if not number.isascii() or not number.isdigit() or not 0 < int(number) < 2**31:
        raise ProblemError(404, "there is no such version")
    found = ask(diff_version, visit, visit.path("agent"), int(number))
    return visit.render("_diff.html", diff=found, agent_id=visit.path("agent"))


@pages.post("/locations/{agent}/rollback", "agents:write")
def roll_back(visit: Visit) -> Response:
    """Publish an earlier version again."""
    number = visit.given("version")
    body: dict[str, Any] = {
        "version": int(number) if number.isascii() and number.isdigit() else 0,
        "note": visit.given("note"),
    }
    if visit.given("reason").strip():
        body |= {"force": True, "reason": visit.given("reason")}
    ask(rollback, visit, visit.path("agent"), validated(Rollback, body))
    return visit.go(f"/console/locations/{visit.path('agent')}")


@pages.post("/locations/{agent}/delete", "agents:write")
def delete(visit: Visit) -> Response:
    """Delete the location; its id must be typed."""
    agent = _agent(visit)
    if visit.given("confirm").strip() != agent["locationId"]:
        raise ProblemError(422, f"type the location's id, {agent['locationId']}, to delete it")
    ask(delete_agent, visit, agent["id"], agent["etag"])
    return visit.go("/console/locations")

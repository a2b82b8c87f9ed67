"""Keys, the audit log, and the settings of the server."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from routing_engine.server.console.visits import Pages, Visit, ask, validated
from routing_engine.server.keys import create_key, delete_key, list_keys
from routing_engine.server.problems import wrong_field
from routing_engine.server.security import SCOPES
from routing_engine.server.turns import keeps_words
from routing_engine.server.wire.keys import KeyCreate

__all__ = ["pages"]

pages = Pages()

SCOPE_MEANS = {
    "agents:read": "see locations, drafts, versions and reports",
    "agents:write": "change drafts, import sheets, publish and roll back",
    "skills:read": "see the skills of an agent",
    "skills:write": "change the skills of an agent",
    "guardrails:read": "see which rules need a verified caller or a confirmation",
    "guardrails:write": "change which rules need them",
    "calls:read": "see calls, their figures, and what is kept of what was said",
    "calls:write": "route callers and hold live calls",
    "keys:write": "see, make and delete keys",
}

SETTINGS = {
    "region": "Country whose national numbers are read beside E.164",
    "store_transcripts": "Whether callers' words are kept after a call, where nobody chose above",
    "retention_days": "Days after which what was kept is deleted",
    "max_upload_bytes": "Largest sheet, in bytes",
    "max_rows": "Most rows of a sheet",
    "rate_per_s": "Requests a second of one key, by each worker",
    "workers": "Processes that share the work",
    "encoder": "Model that callers' words are matched by",
}


@pages.get("/keys", "keys:write")
def keys(visit: Visit) -> Response:
    """The keys of the organisation."""
    page = ask(list_keys, visit, 100, visit.asked("cursor") or None)
    return visit.render("keys.html", page=page, means=_means(), made=None, mine=_mine(visit))


def _means() -> dict[str, str]:
    return {scope: SCOPE_MEANS.get(scope, "") for scope in SCOPES}


def _mine(visit: Visit) -> str:
    return visit.session.principal.key_id


@pages.post("/keys", "keys:write")
def make_key(visit: Visit) -> Response:
    """Make a key and show it, this once."""
    scopes = [scope for scope in visit.form.getlist("scope") if isinstance(scope, str)]
    if not scopes:
        raise wrong_field("scopes", "choose at least one")
    given: dict[str, Any] = {"name": visit.given("name"), "scopes": scopes}
    if visit.given("expires"):
        given["expiresAt"] = f"{visit.given('expires')}T00:00:00Z"
    made = ask(create_key, visit, validated(KeyCreate, given))
    page = ask(list_keys, visit, 100, None)
    return visit.render("_keys.html", page=page, made=made, mine=_mine(visit))


@pages.post("/keys/{key}/delete", "keys:write")
def drop_key(visit: Visit) -> Response:
    """Delete a key."""
    ask(delete_key, visit, visit.path("key"))
    page = ask(list_keys, visit, 100, None)
    return visit.render("_keys.html", page=page, made=None, mine=_mine(visit))


@pages.get("/audit", "keys:write")
def audit(visit: Visit) -> Response:
    """Who changed what, newest first."""
    cursor = visit.asked("cursor") or None
    with visit.plane.store.read(visit.session.principal.organisation_id) as work:
        page = work.audits.page(100, cursor)
        names = {key.id: key.name for key in work.keys.page(1000).items}
    template = "_audit_rows.html" if visit.is_htmx and cursor else "audit.html"
    return visit.render(template, page=page, names=names)


@pages.get("/settings", None)
def settings(visit: Visit) -> Response:
    """How the server runs, and this session."""
    values = visit.plane.settings
    shown = [(name, getattr(values, name), means) for name, means in SETTINGS.items()]
    with visit.plane.store.read(visit.session.principal.organisation_id) as work:
        keeps = keeps_words(visit.plane, work)
        chosen = work.preferences.get("callWords") is not None
    return visit.render("settings.html", settings=shown, keeps=keeps, chosen=chosen)


@pages.post("/settings/words", "keys:write")
def keep_words(visit: Visit) -> Response:
    """Choose whether the words of later calls are kept."""
    kept = visit.given("kept")
    if kept not in ("yes", "no"):
        raise wrong_field("kept", "must be yes or no")
    principal = visit.session.principal
    with visit.plane.store.work(principal.organisation_id, actor=principal.key_id) as work:
        work.preferences.put("callWords", {"kept": kept == "yes"})
    return visit.go("/console/settings")

"""Importing a sheet: say what its headers mean, check it, apply it, and take that back."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.responses import Response, StreamingResponse

from routing_engine.errors import ConflictError, SheetError
from routing_engine.server.console.rendering import cell
from routing_engine.server.console.visits import Pages, Visit, ask
from routing_engine.server.imports import (
    SUFFIXES,
    ZIPPED,
    create_import,
    get_import,
    refuse_bomb,
    shown,
    undo_import,
)
from routing_engine.server.jobs import FOLDER
from routing_engine.server.problems import ProblemError, wrong_field
from routing_engine.sheets.headers import ALIASES, IGNORE, LOCATION_FIELDS, RULE, header_key
from routing_engine.sheets.previewing import Preview, preview_sheet

__all__ = ["pages"]

pages = Pages()

LOOKED_EVERY_S = 0.5
MAX_WATCHED_S = 3600.0
SHOWN = 20
MAX_HEADERS = 300
"""Most columns of a sheet that are shown to be mapped."""

MAX_REMEMBERED = 1000
"""Most headers whose meaning is remembered."""

CAUSES = {
    "no_timezone": "Locations with hours, and no time zone: give one above",
    "bad_destination": "Numbers that cannot be read",
    "no_template": "Rules that say nothing but their name: callers are matched by the name alone, "
    "until you describe when each applies",
    "taken_column": "Columns that were taken for something: look whether they are that",
    "left_out": "Columns that are not read",
    "unknown_column": "Columns that are not understood, and not read: choose above what they are",
    "missing_column": "A column that is needed is not there: choose above which one it is",
    "no_location_column": "No column says which location: choose above which one it is",
    "duplicate_column": "Two columns mean the same: choose above what one of them is",
}
"""What the code of an issue says, to who looks after the numbers."""


@pages.get("/import", "agents:write")
def show(visit: Visit) -> Response:
    """The page that takes a sheet, and what was imported before."""
    with visit.plane.store.read(visit.session.principal.organisation_id) as work:
        page = work.imports.page(SHOWN, visit.asked("cursor") or None)
    return visit.render(
        "import.html",
        imports=[shown(item) for item in page.items],
        region=visit.plane.settings.region or "none",
    )


@pages.post("/import/headers", "agents:write")
def headers(visit: Visit) -> Response:
    """Show what the headers of a sheet are taken for, and let that be chosen."""
    file = _sheet(visit)
    suffix = Path(file.filename or "").suffix.lower()
    if suffix not in SUFFIXES:
        raise wrong_field("file", f"must be named {', '.join(SUFFIXES)}")
    folder = Path(tempfile.mkdtemp(prefix=f"{FOLDER}{os.getpid()}-"))
    try:
        path = folder / f"sheet{suffix}"
        with path.open("wb") as target:
            shutil.copyfileobj(file.file, target)
        if suffix in ZIPPED:
            refuse_bomb(path)
        chosen, left = _chosen(visit)
        known = {name: to for name, to in _remembered(visit).items() if name not in left}
        region = visit.plane.settings.region
        found = preview_sheet(path, columns=known | chosen, region=region)
    except SheetError as error:
        found = Preview((), tuple(str(issue) for issue in error.report.errors))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return visit.render(
        "_headers.html",
        columns=found.columns[:MAX_HEADERS],
        problems=found.problems,
        of_location=LOCATION_FIELDS,
        of_rule=[name for name in ALIASES if name not in LOCATION_FIELDS],
    )


def _sheet(visit: Visit) -> UploadFile:
    file = visit.form.get("file")
    if not isinstance(file, UploadFile) or not file.filename:
        raise wrong_field("file", "choose a sheet")
    return file


def _remembered(visit: Visit) -> dict[str, str]:
    """What headers meant before: header key -> column."""
    with visit.plane.store.read(visit.session.principal.organisation_id) as work:
        found: dict[str, str] = (work.preferences.get("headers") or {}).get("columns", {})
    return {header: to for header, to in found.items() if to in (*ALIASES, IGNORE, RULE)}


def _chosen(visit: Visit) -> tuple[dict[str, str], set[str]]:
    """What was chosen of the headers that were shown: header -> column, and the keys of others."""
    named = [value for value in visit.form.getlist("header") if isinstance(value, str)]
    means = [value for value in visit.form.getlist("means") if isinstance(value, str)]
    if len(named) != len(means):
        raise wrong_field("means", "must be as many as there are headers; choose the sheet again")
    chosen = {header: to for header, to in zip(named, means, strict=True) if to}
    return chosen, {header_key(h) or h for h in named} - {header_key(h) or h for h in chosen}


def _remember(visit: Visit, chosen: dict[str, str], left: set[str]) -> None:
    """Note what headers mean, for the next sheet that has them."""
    if not chosen and not left:
        return
    principal = visit.session.principal
    new = {header_key(header) or header: to for header, to in chosen.items()}
    known = {name: to for name, to in _remembered(visit).items() if name not in left}
    merged = dict(list((known | new).items())[-MAX_REMEMBERED:])
    if merged == _remembered(visit):
        return
    with visit.plane.store.work(principal.organisation_id, actor=principal.key_id) as work:
        work.preferences.put("headers", {"columns": merged})


@pages.post("/import", "agents:write")
def begin(visit: Visit) -> Response:
    """Take a sheet: check it only, or apply it, or publish it too."""
    file = _sheet(visit)
    what = visit.given("what")
    chosen, left = _chosen(visit)
    made = ask(
        create_import,
        visit,
        file=file,
        sent=["file"],
        dry_run=what not in ("apply", "publish"),
        publish=what == "publish",
        region=visit.given("region").strip() or None,
        columns=json.dumps(chosen) if chosen else None,
        timezone=visit.given("timezone").strip() or None,
        remove_missing=visit.given("removeMissing") == "on",
        max_removed=_most_removed(visit.given("maxRemoved")),
    )
    _remember(visit, chosen, left)
    return visit.render("_import.html", item=made, grouped=[], causes=CAUSES)


def _most_removed(text: str) -> float:
    """The share of the locations that may be deleted, of a percentage."""
    try:
        percent = float(text.strip() or 5)
    except ValueError:
        percent = -1.0
    if not 0 <= percent <= 100:
        raise wrong_field("maxRemoved", "must be a percentage from 0 to 100")
    return percent / 100


@pages.get("/import/{import}", "agents:write")
def result(visit: Visit) -> Response:
    """How far an import is, and what it found."""
    item = ask(get_import, visit, visit.path("import"))
    template = "_import.html" if visit.is_htmx else "import_one.html"
    return _told(visit, template, item)


def _told(visit: Visit, template: str, item: dict[str, Any]) -> Response:
    """An import as it is now; the list of imports is loaded again."""
    made = visit.render(template, item=item, grouped=_by_cause(item), causes=CAUSES)
    made.headers["HX-Trigger"] = "imported"
    return made


@pages.post("/import/{import}/undo", "agents:write")
def undo(visit: Visit) -> Response:
    """Take an import back, in one step."""
    try:
        item = ask(undo_import, visit, visit.path("import"))
    except ConflictError as error:
        raise ProblemError(409, str(error)) from error
    return _told(visit, "_import.html", item)


def _by_cause(item: dict[str, Any]) -> list[dict[str, Any]]:
    """Errors and warnings by what caused them, the most frequent first."""
    report = item["report"] or {}
    found: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for kind in ("errors", "warnings", "repairs"):
        for issue in report.get(kind) or ():
            found[kind, issue["code"]].append(issue)
    order = ("errors", "warnings", "repairs")
    return [
        {"kind": kind, "code": code, "issues": issues}
        for (kind, code), issues in sorted(
            found.items(), key=lambda entry: (order.index(entry[0][0]), -len(entry[1]))
        )
    ]


@pages.get("/import/{import}/issues.csv", "agents:write")
def issues(visit: Visit) -> Response:
    """Return the sheet with its issues, as a sheet."""
    item = ask(get_import, visit, visit.path("import"))
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(["severity", "row", "column", "code", "message"])
    for group in _by_cause(item):
        for issue in group["issues"]:
            cells = [group["kind"].rstrip("s"), issue["row"], issue["column"], issue["code"]]
            rows.writerow([cell(value) for value in (*cells, issue["message"])])
    headers = {"Content-Disposition": 'attachment; filename="issues.csv"'}
    return Response(out.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


@pages.get("/import/{import}/events", "agents:write")
def events(visit: Visit) -> Response:
    """The progress of an import as server-sent events, until it has ended."""
    ask(get_import, visit, visit.path("import"))  # 404 where there is none

    async def told() -> AsyncGenerator[str, None]:
        waited_s = 0.0
        while waited_s < MAX_WATCHED_S:
            item = await run_in_threadpool(ask, get_import, visit, visit.path("import"))
            progress = {name: item[name] for name in ("status", "nDone", "nTotal")}
            yield f"data: {json.dumps(progress)}\n\n"
            if item["status"] != "running":
                return
            await asyncio.sleep(LOOKED_EVERY_S)
            waited_s += LOOKED_EVERY_S

    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(told(), media_type="text/event-stream", headers=headers)

"""Importing a sheet: check it, see what would change, apply it, with its progress."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections import defaultdict
from collections.abc import AsyncGenerator
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.responses import Response, StreamingResponse

from routing_engine.server.console.visits import Pages, Visit, ask
from routing_engine.server.imports import create_import, get_import, shown
from routing_engine.server.problems import wrong_field

__all__ = ["pages"]

pages = Pages()

LOOKED_EVERY_S = 0.5
MAX_WATCHED_S = 3600.0
SHOWN = 20


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


@pages.post("/import", "agents:write")
def begin(visit: Visit) -> Response:
    """Take a sheet: check it only, or apply it, or publish it too."""
    file = visit.form.get("file")
    if not isinstance(file, UploadFile) or not file.filename:
        raise wrong_field("file", "choose a sheet")
    what = visit.given("what")
    made = ask(
        create_import,
        visit,
        file=file,
        sent=["file"],
        dry_run=what not in ("apply", "publish"),
        publish=what == "publish",
        region=visit.given("region").strip() or None,
        columns=_mapping(visit.given("columns")),
        timezone=visit.given("timezone").strip() or None,
        remove_missing=visit.given("removeMissing") == "on",
        max_removed=_most_removed(visit.given("maxRemoved")),
    )
    return visit.render("_import.html", item=made, grouped=[])


def _most_removed(text: str) -> float:
    """The share of the locations that may be deleted, of a percentage."""
    try:
        percent = float(text.strip() or 5)
    except ValueError:
        percent = -1.0
    if not 0 <= percent <= 100:
        raise wrong_field("maxRemoved", "must be a percentage from 0 to 100")
    return percent / 100


def _mapping(text: str) -> str | None:
    """What headers mean, one a line, ``Filiale = location_id``, as the API takes it."""
    lines = [line.rpartition("=") for line in text.splitlines() if line.strip()]
    if not all(header.strip() and column.strip() for header, _, column in lines):
        raise wrong_field("columns", "each line must be: header = column")
    named = {header.strip(): column.strip() for header, _, column in lines}
    return json.dumps(named) if named else None


@pages.get("/import/{import}", "agents:write")
def result(visit: Visit) -> Response:
    """How far an import is, and what it found."""
    item = ask(get_import, visit, visit.path("import"))
    template = "_import.html" if visit.is_htmx else "import_one.html"
    return visit.render(template, item=item, grouped=_by_cause(item))


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
            rows.writerow([_cell(cell) for cell in (*cells, issue["message"])])
    headers = {"Content-Disposition": 'attachment; filename="issues.csv"'}
    return Response(out.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def _cell(value: object) -> str:
    """A cell that no spreadsheet takes for a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


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

"""``/imports``: a routing sheet to drafts, all locations or none.

The upload is checked and answered at once; reading, comparing and writing go on in a thread, one
import at a time. Nothing is written before everything is known to be right; then where nobody sees
it, in slices that others write between, and it is published by one transaction.
"""

from __future__ import annotations

import gc
import hashlib
import json
import logging
import multiprocessing
import os
import shutil
import signal
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

from fastapi import Depends, File, Form, Request, UploadFile
from fastapi import Path as InPath
from starlette.responses import Response

from routing_engine.catalog.columns import LocationColumns
from routing_engine.encoders import Encoder, RememberingEncoder, encoder_named
from routing_engine.engine import RoutingEngine
from routing_engine.errors import InvalidValueError, RoutingError, SheetError, StoreUnavailableError
from routing_engine.hours import meant_zone
from routing_engine.model.destinations import DEFAULT_DIAL_POLICY, parse_destination
from routing_engine.model.rules import ContextRule, Location
from routing_engine.server.children import end_with_parent, give_way
from routing_engine.server.drafts import compile_draft
from routing_engine.server.examining import examine_compiled
from routing_engine.server.jobs import FOLDER, INTERRUPTED, STALE, ImportJob, interrupt
from routing_engine.server.merging import merge
from routing_engine.server.policies import policy_of
from routing_engine.server.problems import ProblemError, wrong_field
from routing_engine.server.queueing import MAX_QUEUED
from routing_engine.server.requests import answer, plane_of, principal_of, router, secured
from routing_engine.server.settings import Settings
from routing_engine.server.strict_json import read_json
from routing_engine.server.wire.common import Envelope
from routing_engine.server.wire.hours import DAYS
from routing_engine.server.wire.publishing import Import
from routing_engine.server.writes import IdempotencyKey, WriteResult, idempotent, reading
from routing_engine.sheets import SheetDiff, diff, read_sheet
from routing_engine.sheets.headers import check_mapping
from routing_engine.store import Import as ImportRecord
from routing_engine.store import ImportedDraft, Store, UnitOfWork
from routing_engine.store.slices import Slices
from routing_engine.workbooks.archives import ArchiveLimits, ArchiveTooLargeError, check_archive

if TYPE_CHECKING:
    from routing_engine.server.plane import ControlPlane

__all__ = ["SUFFIXES", "ZIPPED", "config_of", "imports", "refuse_bomb"]

_logger = logging.getLogger(__name__)

imports = router()

MAX_ISSUES = 200
MAX_NAMED = 1000
"""Most issues of one severity, and locations of one kind, that a report lists."""

LOOK_S = 0.2

NOTED_EVERY_S = 1.0
INLINE_BYTES = 64 << 10
"""Size above which a sheet is imported in a separate process."""

ARCHIVE_LIMITS = ArchiveLimits(
    max_bytes=512 << 20, max_ratio=200, free_bytes=4 << 20, max_members=1000
)
"""Limits for uploads, tighter than for local files: anybody with a key may upload."""

FIELDS = (
    *("file", "dryRun", "publish", "region", "columns", "pbx", "timezone"),
    *("removeMissing", "maxRemoved"),
)
ZIPPED = (".xlsx", ".xlsm", ".xlsb", ".ods")
SUFFIXES = (".csv", ".tsv", ".txt", ".xls", *ZIPPED)
MAX_MAPPED = 16 << 10


ImportId = Annotated[
    str, InPath(alias="importId", max_length=64, examples=["imp_Zm9vYmFyYmF6cXV4"])
]


class _TooManyRowsError(RoutingError):
    """The sheet has more rows than the server takes."""


def shown(item: ImportRecord) -> dict[str, Any]:
    """Return an import as the API shows it."""
    report = item.report
    status = item.status
    if status == "running" and datetime.now(UTC) - item.updated_at > STALE:
        status = "failed"
    return {
        "id": item.id,
        "status": status,
        "dryRun": report.get("dryRun", False),
        "published": report.get("publish", False) and status == "done",
        "undoable": status == "done" and item.n_steps is not None,
        "nDone": item.n_done,
        "nTotal": item.n_total,
        "report": report.get("report"),
        "diff": report.get("diff"),
        "createdAt": item.created_at.isoformat(),
        "updatedAt": item.updated_at.isoformat(),
    }


async def _sent_fields(request: Request) -> list[str]:
    """Return the names of the form's fields as sent, with repeats."""
    return [name for name, _ in (await request.form()).multi_items()]


@imports.post(
    "/imports",
    status_code=202,
    response_model=Envelope[Import],
    openapi_extra=secured("agents:write"),
    tags=["imports"],
)
def create_import(
    request: Request,
    file: Annotated[UploadFile, File(description="A routing sheet, CSV or XLSX.")],
    sent: Annotated[list[str], Depends(_sent_fields)],
    dry_run: Annotated[
        bool, Form(alias="dryRun", description="Report and difference only.")
    ] = False,
    publish: Annotated[bool, Form(description="Publish every draft that comes of it.")] = False,
    region: Annotated[
        str | None,
        Form(
            pattern="^([A-Z]{2}|none)$",
            description="Whose national numbers are read beside E.164; by default the server's.",
        ),
    ] = None,
    columns: Annotated[
        str | None,
        Form(
            max_length=MAX_MAPPED,
            description="What headers of the sheet mean, as a JSON object: header -> column, or "
            "`ignore`, or `rule`.",
            examples=['{"Filiale": "location_id"}'],
        ),
    ] = None,
    pbx: Annotated[
        str | None,
        Form(max_length=255, description="SIP host whose extensions 3 to 5 digits are."),
    ] = None,
    timezone: Annotated[
        str | None, Form(max_length=64, description="IANA zone of locations that name none.")
    ] = None,
    remove_missing: Annotated[
        bool,
        Form(
            alias="removeMissing",
            description="Delete the agents of locations that the sheet lacks, with `publish`. "
            "Without it an import adds and changes.",
        ),
    ] = False,
    max_removed: Annotated[
        float,
        Form(
            alias="maxRemoved",
            ge=0.0,
            le=1.0,
            description="Share of the agents that may be deleted; more, and nothing is changed.",
        ),
    ] = 0.05,
    _: IdempotencyKey = None,
) -> Response:
    """Accept a sheet and import it. `GET /imports/{importId}` returns progress and report."""
    plane = plane_of(request)
    for name in sent:
        # "dryrun" for "dryRun" would change every draft.
        if name not in FIELDS or sent.count(name) > 1:
            raise wrong_field(
                name,
                "unknown form field" if name not in FIELDS else "is given more than once",
            )
    suffix = Path(file.filename or "").suffix.lower()
    if suffix not in SUFFIXES:
        raise wrong_field("file", f"must be named {', '.join(SUFFIXES)}")
    if region is not None and region != "none":
        import phonenumbers

        if region not in phonenumbers.SUPPORTED_REGIONS:
            raise wrong_field("region", "must be a country code such as US, or none")
    mapping = _mapping(columns)
    if pbx is not None:
        _checked("pbx", lambda: parse_destination(f"sip:100@{pbx}"))
    if timezone is not None and (advice := meant_zone(timezone)) is not None:
        raise wrong_field("timezone", advice)
    if remove_missing and not (publish or dry_run):
        raise wrong_field("removeMissing", "takes agents off at once: give publish, too")
    organisation_id = principal_of(request).organisation_id
    if plane.importing.is_full(organisation_id):
        raise ProblemError(
            429,
            f"{MAX_QUEUED} imports of this organisation wait already; send it when one is done",
            headers={"Retry-After": "10"},
        )
    folder = Path(tempfile.mkdtemp(prefix=f"{FOLDER}{os.getpid()}-"))
    started = False
    try:
        path = folder / f"sheet{suffix}"
        options = [dry_run, publish, region, mapping, pbx, timezone, remove_missing, max_removed]
        made = hashlib.sha256(json.dumps([suffix, *options], sort_keys=True).encode() + b"\n")
        with path.open("wb") as target:
            while block := file.file.read(1 << 20):
                made.update(block)
                target.write(block)
        if suffix in ZIPPED:
            refuse_bomb(path)
        begun: list[str] = []

        def do(work: UnitOfWork) -> WriteResult:
            key = request.headers.get("idempotency-key")
            item = work.imports.create(
                status="running", report={"dryRun": dry_run, "publish": publish, "key": key}
            )
            begun.append(item.id)
            headers = {"Location": f"/api/v1/imports/{item.id}"}
            return WriteResult(shown(item), "import taken", 202, headers)

        response = idempotent(request, do, body=made.digest())
        if begun:
            principal = principal_of(request)
            job = ImportJob(
                begun[-1],
                principal.organisation_id,
                principal.key_id,
                path,
                plane.settings.region if region is None else None if region == "none" else region,
                dry_run,
                publish,
                mapping,
                pbx,
                timezone,
                remove_missing,
                max_removed,
            )
            large = path.stat().st_size > INLINE_BYTES
            plane.importing.put(organisation_id, partial(_run_apart if large else _run, plane), job)
            started = True
        return response
    finally:
        if not started:
            shutil.rmtree(folder, ignore_errors=True)


@imports.get(
    "/imports/{importId}",
    response_model=Envelope[Import],
    openapi_extra=secured("agents:write"),
    tags=["imports"],
)
def get_import(request: Request, import_id: ImportId) -> Response:
    """Return the progress and report of an import."""
    with reading(request) as work:
        item = work.imports.get(import_id)
    return answer(shown(item), shown(item)["status"])


@imports.post(
    "/imports/{importId}/undo",
    response_model=Envelope[Import],
    openapi_extra=secured("agents:write", 409),
    tags=["imports"],
)
def undo_import(request: Request, import_id: ImportId, _: IdempotencyKey = None) -> Response:
    """Take an import back in one step, if nothing that it changed was changed since.

    Agents that it made are deleted. Those that it changed or deleted get their former draft, and
    their former published version as a new version.
    """

    def do(work: UnitOfWork) -> WriteResult:
        return WriteResult(shown(work.imports.undo(import_id)), "import undone")

    return idempotent(request, do)


def _mapping(text: str | None) -> dict[str, str]:
    """What headers of the sheet mean, by the form field ``columns``.

    Raises:
        ProblemError: 422.
    """
    if text is None:
        return {}
    try:
        given = read_json(text.encode())
    except ProblemError as error:
        raise wrong_field("columns", "must be a JSON object of header: column") from error
    if not isinstance(given, dict) or not all(isinstance(name, str) for name in given.values()):
        raise wrong_field("columns", "must be a JSON object of header: column")
    _checked("columns", lambda: check_mapping(given))
    return given


def _checked(field: str, check: Callable[[], object]) -> None:
    """Refuse a form field that a check of the library refuses."""
    try:
        check()
    except InvalidValueError as error:
        raise wrong_field(field, error.problems[0].message) from error


def refuse_bomb(path: Path) -> None:
    """Refuse a workbook that unpacks to more than a routing sheet plausibly would.

    Raises:
        ProblemError: 413 where it is too much, 422 where it cannot be read.
    """
    try:
        check_archive(path, ARCHIVE_LIMITS)
    except ArchiveTooLargeError as error:
        raise ProblemError(413, f"the workbook {error}; split it, or send it as CSV") from error
    except (zipfile.BadZipFile, OSError) as error:
        raise ProblemError(
            422, "the file is not a readable workbook; save it again as .xlsx, or send it as CSV",
            code="bad_sheet",
        ) from error  # fmt: skip


class _Desk(Protocol):
    """The part of a control plane that an import needs."""

    settings: Settings
    store: Store

    @property
    def encoder(self) -> Encoder:
        """The encoder that drafts are tried with."""
        ...


class _Apart:
    """What an import needs, in a separate process. Drafts are not encrypted, so no secret."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store = Store.open(settings.database, migrate=False)

    @cached_property
    def encoder(self) -> Encoder:
        return RememberingEncoder(encoder_named(self.settings.encoder))


def _run_apart(plane: ControlPlane, job: ImportJob) -> None:
    """Run a large import in a separate process, so that it does not slow down calls."""
    process = multiprocessing.get_context("spawn").Process(
        target=_import_apart, args=(plane.settings, job)
    )
    process.start()
    while process.is_alive() and not plane.importing.is_over:
        process.join(LOOK_S)
    if process.is_alive():
        process.kill()  # it is all or nothing: nothing, unless it was about to end
        process.join()
    if process.exitcode != 0:
        _logger.warning("an import ended with %s", process.exitcode)
        shutil.rmtree(job.path.parent, ignore_errors=True)
        interrupt(plane.store, job.organisation_id, job.import_id, _why(process.exitcode))


def _why(exitcode: int | None) -> str:
    """Why the process of an import ended before the import did."""
    if hasattr(signal, "SIGXCPU") and exitcode == -signal.SIGXCPU:
        return "the sheet takes longer to import than the server allows; split it"
    return INTERRUPTED


def _import_apart(settings: Settings, job: ImportJob) -> None:
    """Entry point of the process that runs one import."""
    end_with_parent(signal.SIGKILL)
    give_way(
        n_bytes=settings.import_bytes,
        cpu_s=settings.import_cpu_s,
        niceness=0 if settings.database.startswith("sqlite") else 10,
    )
    gc.disable()  # it took a third of the time and found nothing: locations contain no reference cycles
    desk = _Apart(settings)
    try:
        _run(desk, job)
    finally:
        desk.store.close()


def _run(plane: _Desk, job: ImportJob) -> None:
    """Run an import; whatever happens, a final status is stored."""
    try:
        status, report, compared = _Importing(plane, job).run()
    except MemoryError:
        status, compared = "failed", None
        message = "the sheet takes more memory to import than the server allows; split it"
        report = {"problems": [message]}
    except Exception as error:  # noqa: BLE001  whoever asks must be told that it ended
        _logger.warning("import failed: %s", type(error).__name__)
        status, compared = "failed", None
        report = {"problems": ["internal server error"]}
    finally:
        shutil.rmtree(job.path.parent, ignore_errors=True)
    _close(plane, job, status, report, compared)


def _close(
    plane: _Desk, job: ImportJob, status: str, report: Mapping[str, Any], compared: Any
) -> None:
    """Store the final status of an import."""
    try:
        with plane.store.work(job.organisation_id, actor=job.actor, patient=True) as work:
            _finish(work, job, status, report, compared)
    except RoutingError as error:
        _logger.warning("the end of an import is not noted: %s", type(error).__name__)


def _finish(
    work: UnitOfWork, job: ImportJob, status: str, report: Mapping[str, Any], compared: Any
) -> None:
    work.imports.update(
        job.import_id,
        status=status,
        report={
            "dryRun": job.dry_run, "publish": job.publish, "report": report, "diff": compared,
        },
    )  # fmt: skip


class _Importing:
    """A running import."""

    def __init__(self, plane: _Desk, job: ImportJob) -> None:
        self._plane = plane
        self._job = job
        self._policy = DEFAULT_DIAL_POLICY
        self._noted_s = 0.0

    def run(self) -> tuple[str, dict[str, Any], dict[str, Any] | None]:
        """Read and compare the sheet; write drafts unless it is a dry run.

        Returns:
            Status, report, and difference; the last is None if the sheet cannot be read.
        """
        job = self._job
        try:
            with self._plane.store.read(job.organisation_id) as work:
                self._policy = policy_of(work)
            sheet = read_sheet(
                job.path,
                region=job.region,
                dial_policy=self._policy,
                columns=job.columns,
                pbx=job.pbx,
                timezone=job.timezone,
                progress=self._read,
            )
        except SheetError as error:
            return "failed", _report(error.report), None
        except _TooManyRowsError as error:
            return "failed", {"problems": [str(error)]}, None
        report = _report(sheet.report)
        locations = list(sheet.columns.locations())
        for attempt in range(3):
            drafts, gone, compared, problems = self._drafts(locations)
            if problems:
                return "failed", report | {"problems": problems[:MAX_ISSUES]}, compared
            if job.dry_run:
                return "checked", report, compared
            try:
                self._stage(drafts, gone)
                with self._work() as work:
                    item = work.imports.get(job.import_id)
                    if item.status != "running" or datetime.now(UTC) - item.updated_at > STALE:
                        # It was taken for dead, and that was said: it must not come to life.
                        return "failed", report | {"problems": [INTERRUPTED]}, compared
                    work.staged.publish(job.import_id, note=f"import {job.import_id}")
                    n = len(drafts)
                    work.imports.update(job.import_id, n_done=n, n_total=n)
                    _finish(work, job, "done", report, compared)
            except RoutingError as error:
                # A draft changed while the sheet was compared with it: compare again.
                if attempt == 2 or isinstance(error, InvalidValueError):
                    return "failed", report | {"problems": [str(error)]}, compared
                continue
            finally:
                with suppress(StoreUnavailableError):  # then the next sweep does it
                    self._plane.store.clear_staged(job.organisation_id, job.import_id)
            return "done", report, compared
        raise AssertionError("the last attempt ends it")

    def _work(self) -> AbstractContextManager[UnitOfWork]:
        job = self._job
        return self._plane.store.work(job.organisation_id, actor=job.actor, patient=True)

    def _stage(self, drafts: list[ImportedDraft], gone: dict[str, str]) -> None:
        """Write what is to be published where nobody sees it, in slices."""
        slices = Slices()
        for some in slices.of(drafts):
            with self._work() as work:
                work.staged.add(self._job.import_id, some)
            self._note(len(drafts), len(drafts))
        for names in slices.of(list(gone)):
            with self._work() as work:
                work.staged.add(self._job.import_id, remove={name: gone[name] for name in names})

    def _drafts(
        self, locations: list[Location]
    ) -> tuple[list[ImportedDraft], dict[str, str], dict[str, Any], list[str]]:
        """Build the new drafts, what goes, the difference from what there is, and the problems."""
        job, plane = self._job, self._plane
        problems: list[str] = []
        with plane.store.read(job.organisation_id) as work:
            known = work.drafts.at_locations([location.location_id for location in locations])
            etags = work.agents.etags()
        ids = {location.location_id for location in locations}
        missing = {name: etag for name, etag in etags.items() if name not in ids}
        if job.remove_missing and len(missing) > job.max_removed * len(etags):
            problems.append(
                f"{len(missing):,} of {len(etags):,} agents are of locations that the sheet lacks "
                f"and would be deleted, more than {job.max_removed:.0%}: is it the whole sheet? A "
                "larger maxRemoved deletes them all the same"
            )
        before: list[Location] = []
        after: list[Location] = []
        drafts = []
        for i, location in enumerate(locations):
            self._note(i, len(locations))
            name = location.location_id
            agent, old = known.get(name, (None, None))
            if old is not None:
                before += _compiled(old)
            draft = {
                "name": location.name or (name if old is None else old["name"]),
                "locationId": name,
                "config": merge({} if old is None else old["config"], config_of(location)),
                "skills": [] if old is None else old["skills"],
                "guardrails": {} if old is None else old["guardrails"],
                "callerVerification": {} if old is None else old["callerVerification"],
            }
            compiled = None
            try:
                compiled = compile_draft(draft, self._policy)
                after.append(compiled.location)
                if job.publish and compiled.tests:
                    found = examine_compiled(compiled, plane.encoder, self._policy)
                    if found.blocks:
                        problems.append(f"{name}: routing tests fail")
            except InvalidValueError as error:
                problems += [f"{name}: {problem}" for problem in error.problems]
            drafts.append(
                ImportedDraft(
                    location_id=name,
                    name=draft["name"],
                    config=draft["config"],
                    etag=None if agent is None else agent.etag,
                    snapshot=draft if job.publish else None,
                    location=compiled.location.model_dump_json()
                    if job.publish and compiled
                    else None,
                )
            )
        compared = diff(
            LocationColumns.from_locations(before), LocationColumns.from_locations(after)
        )
        if job.publish and not problems:
            try:
                # What an engine cannot load must not be published: all that follow would stop.
                RoutingEngine(after, encoder=plane.encoder, cache_size=0)
            except RoutingError as error:
                problems.append(str(error))
        gone = missing if job.remove_missing else {}
        return drafts, gone, _difference(compared, list(missing), n_removed=len(gone)), problems

    def _read(self, n_rows: int, n_total: int | None) -> None:
        limit = self._plane.settings.max_rows
        if n_rows > limit or (n_total or 0) > limit:
            raise _TooManyRowsError(f"the sheet has more than {limit:,} rows")
        self._note(0, 0)

    def _note(self, n_done: int, n_total: int) -> None:
        """Store how many rows are done, at most once a second."""
        now_s = time.monotonic()
        if now_s - self._noted_s < NOTED_EVERY_S:
            return
        self._noted_s = now_s
        with (
            # Progress is worth no import: one that holds the lock of SQLite is another's.
            suppress(StoreUnavailableError),
            self._plane.store.work(self._job.organisation_id, actor=self._job.actor) as work,
        ):
            work.imports.update(self._job.import_id, n_done=n_done, n_total=n_total)


def _compiled(draft: Mapping[str, Any]) -> list[Location]:
    """Return the location of a draft in a list, which is empty if it does not compile."""
    try:
        return [compile_draft(draft).location]
    except InvalidValueError:
        return []


def config_of(location: Location) -> dict[str, Any]:
    """Return the draft fields that a location of a sheet sets; unset ones are left out."""
    handoff: dict[str, Any] = {
        "transferDestination": str(location.default_destination),
        "transferRules": [_rule(rule) for rule in location.rules],
    }
    if location.threshold is not None:
        handoff["escalationThreshold"] = location.threshold
    config: dict[str, Any] = {"handoffConfig": handoff}
    hours: dict[str, Any] = {}
    if location.timezone is not None:
        hours["timezone"] = location.timezone
    schedule = location.business_hours
    if schedule is not None:
        hours["weekly"] = {
            day: [str(item) for item in ranges]
            for day, ranges in zip(DAYS, schedule.weekly, strict=True)
        }
        for name in ("holidays", "exceptions"):
            hours[name] = [_holiday(item) for item in getattr(schedule, name)]
        hours["country"], hours["subdivision"] = schedule.country, schedule.subdivision
        if schedule.public_holidays:
            hours["publicHolidays"] = [str(item) for item in schedule.public_holidays]
    if location.after_hours is not None:
        hours["afterHours"] = {
            "number": str(location.after_hours), "allowHumanTransfer": True,
        }  # fmt: skip
    if hours:
        config["businessHours"] = hours
    if location.lines:
        config["lines"] = list(location.lines)
    return config


def _holiday(item: Any) -> dict[str, Any]:
    plain = item.model_dump(mode="json", exclude_none=True)
    if "end_date" in plain:
        plain["endDate"] = plain.pop("end_date")
    return dict(plain)


def _rule(rule: ContextRule) -> dict[str, Any]:
    """Return a rule as the API shows it, without fields at their default."""
    from pydantic.alias_generators import to_camel

    made = {"label": rule.label, "when": rule.when}
    for name, field in ContextRule.model_fields.items():
        value = getattr(rule, name)
        if name in made or value == field.default:
            continue
        if name == "destination":
            value = str(value)
        elif isinstance(value, tuple):
            value = [item if isinstance(item, (str, int)) else str(item) for item in value]
        made[to_camel(name)] = value
    return made


def _report(report: Any) -> dict[str, Any]:
    return {
        "nRows": report.n_rows,
        "nLocations": report.n_locations,
        "nRules": report.n_rules,
        "nErrors": report.n_errors,
        "nWarnings": report.n_warnings,
        "nRepairs": report.n_repairs,
        "errors": [_issue(item) for item in report.errors[:MAX_ISSUES]],
        "warnings": [_issue(item) for item in report.warnings[:MAX_ISSUES]],
        "repairs": [_issue(item) for item in report.repairs[:MAX_ISSUES]],
    }


def _issue(item: Any) -> dict[str, Any]:
    return {"row": item.row, "column": item.column, "message": item.message, "code": item.code}


def _difference(found: SheetDiff, missing: list[str], *, n_removed: int) -> dict[str, Any]:
    return {
        "nMissing": len(missing),
        "nRemoved": n_removed,
        "missing": missing[:MAX_NAMED],
        "nAdded": len(found.added),
        "nChanged": len(found.changed),
        "nUnchanged": found.n_unchanged,
        "added": list(found.added[:MAX_NAMED]),
        "changed": [item.to_dict() for item in found.changed[:MAX_ISSUES]],
    }

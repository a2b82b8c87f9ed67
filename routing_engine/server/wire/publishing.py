"""Versions, reports and imports on the wire."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, Strict, StringConstraints, model_validator

from routing_engine.server.wire.common import WHOLE, Flag, Moment, Wire

__all__ = [
    "Change",
    "Diff",
    "Import",
    "PrepublishReport",
    "Publish",
    "Rollback",
    "Suggestions",
    "Version",
    "VersionSummary",
]

Note = Annotated[str, StringConstraints(max_length=1000)]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=r"\S")]


class _Forced(Wire):
    note: Note = ""
    force: Flag = False
    reason: Reason | None = None

    @model_validator(mode="after")
    def _says_why(self) -> _Forced:
        if self.force != (self.reason is not None):
            raise ValueError("give force and reason together, or neither")
        return self


class Publish(_Forced):
    """Freeze the draft. ``force``, with a ``reason``, publishes what the report would block."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"note": "new billing number"}]})


class Rollback(_Forced):
    """Make an earlier version the draft, and publish it as a new one."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"version": 1, "note": "back"}]})

    version: Annotated[int, Strict(), Field(ge=1, le=2**31 - 1), WHOLE]


class VersionSummary(Wire):
    """A published version."""

    agent_id: str
    version: int
    note: str
    forced: str | None
    created_at: Moment
    created_by: str


class Version(VersionSummary):
    """A published version, and the draft that it froze."""

    snapshot: dict[str, Any]


class Change(Wire):
    """A changed field with its values before and after."""

    path: str
    before: Any
    after: Any


class Diff(Wire):
    """The differences between two versions."""

    from_version: int
    to_version: int
    changes: list[Change]


class Finding(Wire):
    """A finding of the prepublish report.

    Attributes:
        blocks: whether publish refuses because of it, unless forced.
        rule: label of the rule that it is about; null where it is about none.
        sentence: the sentence that shows it; null where none is needed.
    """

    kind: str
    path: str
    message: str
    suggestion: str
    blocks: bool
    rule: str | None
    sentence: str | None


class TestResult(Wire):
    """The result of a routing test on the draft."""

    __test__ = False

    index: int
    expect: str | None
    got: str | None
    passed: bool
    confidence: float


class PrepublishReport(Wire):
    """The prepublish report of a draft.

    Attributes:
        publishable: nothing blocks.
        findings: parts that do not fit together, then the wording of rules.
        tests: the routing tests saved with the agent.
    """

    publishable: bool
    findings: list[Finding]
    tests: list[TestResult]


class Suggestion(Wire):
    """A proposed example.

    Attributes:
        confidence: of the rule in it, before it is added.
        source: the trade and situation that it was said in.
    """

    text: str
    confidence: float
    source: str


class RuleSuggestions(Wire):
    """Proposed examples for one rule, best first; empty if nothing is similar."""

    label: str
    suggestions: list[Suggestion]


class Suggestions(Wire):
    """Proposed examples for the rules of a draft, in its order."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "rules": [
                        {
                            "label": "Billing",
                            "suggestions": [
                                {
                                    "text": "promo didn't take",
                                    "confidence": 0.93,
                                    "source": "Florist: Refunds & billing",
                                }
                            ],
                        }
                    ]
                }
            ]
        }
    )

    rules: list[RuleSuggestions]


class Import(Wire):
    """An import of a sheet.

    Attributes:
        status: ``running``, ``done``, ``failed`` (nothing was changed), ``checked`` (dry run) or
            ``undone``.
        undoable: it changed something that nobody has undone; whether somebody changed that since
            is only seen when it is undone.
        report: what was read: counts, errors, warnings, repairs.
        diff: what differs from the drafts there are; ``missing`` are locations of agents that the
            sheet lacks, and ``nRemoved`` says how many of these are deleted.
    """

    id: str
    status: str
    dry_run: bool
    published: bool
    undoable: bool
    n_done: int
    n_total: int
    report: dict[str, Any] | None
    diff: dict[str, Any] | None
    created_at: Moment
    updated_at: Moment

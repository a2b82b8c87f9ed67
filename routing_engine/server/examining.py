"""What publishing a draft would find: parts that do not fit, wording, and its routing tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from routing_engine.encoders import Encoder
from routing_engine.engine import RoutingEngine
from routing_engine.errors import InvalidValueError, MissingExtraError, Problem
from routing_engine.model.decisions import Decision
from routing_engine.model.outcomes import Outcome, Reason
from routing_engine.model.rules import Location
from routing_engine.server.compiling import Compiled, compile_draft
from routing_engine.server.wire.agents import Config

__all__ = ["Examined", "examine", "trial"]

_BY_THE_RULE = (Outcome.TRANSFER, Outcome.VERIFY, Outcome.CONFIRM)


@dataclass(frozen=True, slots=True)
class Examined:
    """What was found.

    Attributes:
        compiled: None where the draft cannot be published at all.
        problems: why it cannot.
        report: as on the wire.
    """

    compiled: Compiled | None
    problems: tuple[Problem, ...]
    report: dict[str, Any]

    @property
    def blocks(self) -> bool:
        """Whether it may be published only by force."""
        return not self.report["publishable"]


def trial(location: Location, encoder: Encoder) -> RoutingEngine:
    """An engine of one location, to try a draft on.

    Raises:
        InvalidValueError: a rule needs an extra that is not installed here.
    """
    try:
        return RoutingEngine([location], encoder=encoder, cache_size=0)
    except MissingExtraError as error:
        raise InvalidValueError(
            problems=[Problem("handoffConfig.transferRules", str(error))]
        ) from error


def examine(draft: Mapping[str, Any], encoder: Encoder) -> Examined:
    """Compile a draft, measure its wording and ask its routing tests.

    What does not compile cannot be published. A failing test, or a rule that no caller can ever
    reach, blocks. Findings about wording are advice.
    """
    try:
        compiled = compile_draft(draft)
        engine = trial(compiled.location, encoder)
    except InvalidValueError as error:
        findings = [
            _finding("invalid", item.path, item.message, blocks=True) for item in error.problems
        ]
        return Examined(None, error.problems, _report(findings, []))
    location = compiled.location
    findings = [
        _finding(
            "unreachable",
            "handoffConfig.transferRules",
            f"{rule.label!r} is for closed hours, and the location has none",
            "give the agent businessHours, or set the rule's hours to always",
            blocks=True,
        )
        for rule in location.rules
        if rule.hours == "closed" and location.business_hours is None
    ]
    told = {item["message"] for item in findings}
    findings += [
        _finding(item.kind, "handoffConfig.transferRules", item.message, item.suggestion)
        for item in engine.lint().findings
        if item.message not in told
    ]
    return Examined(compiled, (), _report(findings, _asked(draft, location, engine, encoder)))


def _asked(
    draft: Mapping[str, Any], location: Location, engine: RoutingEngine, encoder: Encoder
) -> list[dict[str, Any]]:
    """The routing tests, answered; one that names no moment is asked in open hours."""
    tests = Config.model_validate(draft["config"]).routing_tests or []
    if not tests:
        return []
    name = location.location_id
    anytime = trial(location.model_copy(update={"business_hours": None}), encoder)
    usual = anytime.route_many([(name, test.utterance) for test in tests])
    results = []
    for i, test in enumerate(tests):
        decision = (
            usual[i] if test.now is None else engine.route(name, test.utterance, now=test.now)
        )
        got = taken_by(decision)
        results.append(
            {
                "index": i,
                "expect": test.expect,
                "got": got,
                "passed": got == test.expect,
                "confidence": decision.confidence,
            }
        )
    return results


def taken_by(decision: Decision) -> str | None:
    """Label of the rule that takes a caller; None where the default does, or a question is asked."""
    if decision.outcome in _BY_THE_RULE or decision.reason is Reason.ROUTINE:
        return None if decision.rule is None else decision.rule.label
    return None


def _finding(
    kind: str, path: str, message: str, suggestion: str = "", *, blocks: bool = False
) -> dict[str, Any]:
    return {
        "kind": kind, "path": path, "message": message, "suggestion": suggestion, "blocks": blocks,
    }  # fmt: skip


def _report(findings: list[dict[str, Any]], tests: list[dict[str, Any]]) -> dict[str, Any]:
    blocked = any(item["blocks"] for item in findings) or not all(t["passed"] for t in tests)
    return {"publishable": not blocked, "findings": findings, "tests": tests}

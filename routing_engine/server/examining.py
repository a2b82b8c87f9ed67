"""The prepublish report: invalid fields, wording, and the routing tests of a draft."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from routing_engine.encoders import Encoder
from routing_engine.engine import RoutingEngine
from routing_engine.errors import InvalidValueError, MissingExtraError, Problem
from routing_engine.model.destinations import DEFAULT_DIAL_POLICY, DialPolicy
from routing_engine.model.rules import Location
from routing_engine.quality.evaluation import picked
from routing_engine.server.drafts import Compiled, compile_draft

__all__ = ["Examined", "examine", "examine_compiled", "proposals", "trial"]


@dataclass(frozen=True, slots=True)
class Examined:
    """Report on a draft.

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
        """Whether publishing the draft needs ``force``."""
        return not self.report["publishable"]


def trial(location: Location, encoder: Encoder, policy: DialPolicy) -> RoutingEngine:
    """Build an engine of one location, to try a draft.

    Raises:
        InvalidValueError: a rule needs an extra that is not installed here.
    """
    try:
        return RoutingEngine([location], encoder=encoder, dial_policy=policy, cache_size=0)
    except MissingExtraError as error:
        raise InvalidValueError(
            problems=[Problem("handoffConfig.transferRules", str(error))]
        ) from error


def examine(draft: Mapping[str, Any], encoder: Encoder, policy: DialPolicy) -> Examined:
    """Compile a draft, measure its wording and ask its routing tests.

    What does not compile cannot be published. A failing test, or a rule that no caller can ever
    reach, blocks. Findings about wording are advice.
    """
    try:
        return examine_compiled(compile_draft(draft, policy), encoder, policy)
    except InvalidValueError as error:
        findings = [
            _finding("invalid", item.path, item.message, blocks=True) for item in error.problems
        ]
        return Examined(None, error.problems, _report(findings, []))


def examine_compiled(compiled: Compiled, encoder: Encoder, policy: DialPolicy) -> Examined:
    """Measure the wording of a compiled draft and ask its routing tests; see :func:`examine`.

    Raises:
        InvalidValueError: a rule needs an extra that is not installed here.
    """
    location = compiled.location
    engine = trial(location, encoder, policy)
    findings = [
        _finding(
            "unreachable",
            "handoffConfig.transferRules",
            f"{rule.label!r} is for closed hours, and the location has none",
            "give the agent businessHours, or set the rule's hours to always",
            blocks=True,
            rule=rule.label,
        )
        for rule in location.rules
        if rule.hours == "closed" and location.business_hours is None
    ]
    told = {item["message"] for item in findings}
    findings += [
        _finding(
            item.kind,
            "handoffConfig.transferRules",
            item.message,
            item.suggestion,
            rule=item.rule,
            sentence=item.sentence,
        )
        for item in engine.lint().findings
        if item.message not in told
    ]
    return Examined(compiled, (), _report(findings, _asked(compiled, engine, encoder, policy)))


def proposals(draft: Mapping[str, Any], encoder: Encoder) -> dict[str, Any]:
    """Propose examples for the rules of a draft.

    Raises:
        InvalidValueError: its parts do not fit together.
    """
    location = compile_draft(draft).location
    return trial(location, encoder, DEFAULT_DIAL_POLICY).suggest(location.location_id).to_dict()


def _asked(
    compiled: Compiled, engine: RoutingEngine, encoder: Encoder, policy: DialPolicy
) -> list[dict[str, Any]]:
    """Run the routing tests; one without a ``now`` is run in open hours."""
    tests, location = compiled.tests, compiled.location
    if not tests:
        return []
    name = location.location_id
    anytime = engine
    if location.business_hours is not None:
        anytime = trial(location.model_copy(update={"business_hours": None}), encoder, policy)
    usual = anytime.route_many([(name, test.utterance) for test in tests])
    results = []
    for i, test in enumerate(tests):
        decision = (
            usual[i] if test.now is None else engine.route(name, test.utterance, now=test.now)
        )
        got = picked(decision)
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


def _finding(
    kind: str,
    path: str,
    message: str,
    suggestion: str = "",
    *,
    blocks: bool = False,
    rule: str | None = None,
    sentence: str | None = None,
) -> dict[str, Any]:
    return {
        "kind": kind, "path": path, "message": message, "suggestion": suggestion, "blocks": blocks,
        "rule": rule, "sentence": sentence,
    }  # fmt: skip


def _report(findings: list[dict[str, Any]], tests: list[dict[str, Any]]) -> dict[str, Any]:
    blocked = any(item["blocks"] for item in findings) or not all(t["passed"] for t in tests)
    return {"publishable": not blocked, "findings": findings, "tests": tests}

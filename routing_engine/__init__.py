"""Decide, mid-call, where a caller should go.

from routing_engine import RoutingEngine

engine = RoutingEngine.from_csv("data/franchise.csv")
decision = engine.route("store-0042", "hi, there's a charge here I don't recognise")
print(decision.outcome, decision.destination)

What is public: the names of this package's ``__all__``, and those of ``routing_engine.sheets``,
``routing_engine.integrations`` and its modules, and ``routing_engine.store``. Every other module
is internal: import nothing from it, since it may change in any release.

Importing the package loads none of its modules; each is loaded when one of its names is first
used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from routing_engine.calls.call import Call
    from routing_engine.calls.handoff import Event, Handoff, Verification
    from routing_engine.calls.policy import CallPolicy, TransferOutcome
    from routing_engine.calls.redaction import HandoffPolicy
    from routing_engine.calls.skill import Skill
    from routing_engine.catalog.columns import LocationColumns, SharedSettings, StringColumn
    from routing_engine.catalog.following import Changes, Feed, Following, Publisher
    from routing_engine.encoders.compiled import CompiledEncoder
    from routing_engine.encoders.hashing import HashingEncoder
    from routing_engine.encoders.protocol import Encoder
    from routing_engine.encoders.sentence_transformer import SentenceTransformerEncoder
    from routing_engine.engine import RoutingEngine
    from routing_engine.errors import (
        EncoderError,
        InvalidValueError,
        MissingExtraError,
        ModelIntegrityError,
        Problem,
        RoutingError,
        SheetError,
        SnapshotError,
        UnknownLocationError,
    )
    from routing_engine.hours import BusinessHours, Holiday, TimeRange
    from routing_engine.model.caller import Caller, Context
    from routing_engine.model.decisions import Candidate, Decision
    from routing_engine.model.destinations import Destination, DialPolicy
    from routing_engine.model.outcomes import Outcome, Reason
    from routing_engine.model.rules import ContextRule, Location, RoutingPolicy, RuleText
    from routing_engine.quality.cases import Case, read_cases
    from routing_engine.quality.comparing import Comparison, Move, MovedCall, RoutedTo
    from routing_engine.quality.evaluation import (
        CalibrationBin,
        Confusion,
        Evaluation,
        RuleResult,
        SweepPoint,
    )
    from routing_engine.quality.fitting import Fitting
    from routing_engine.quality.learning import LearnedRule, Learning
    from routing_engine.quality.lint import Finding, LintReport
    from routing_engine.quality.suggesting import Proposal, Suggestion, Suggestions
    from routing_engine.reports import ImportReport, SheetIssue

__all__ = [
    "BusinessHours",
    "CalibrationBin",
    "Call",
    "CallPolicy",
    "Caller",
    "Candidate",
    "Case",
    "Changes",
    "Comparison",
    "CompiledEncoder",
    "Confusion",
    "Context",
    "ContextRule",
    "Decision",
    "Destination",
    "DialPolicy",
    "Encoder",
    "EncoderError",
    "Evaluation",
    "Event",
    "Feed",
    "Finding",
    "Fitting",
    "Following",
    "Handoff",
    "HandoffPolicy",
    "HashingEncoder",
    "Holiday",
    "ImportReport",
    "InvalidValueError",
    "LearnedRule",
    "Learning",
    "LintReport",
    "Location",
    "LocationColumns",
    "MissingExtraError",
    "ModelIntegrityError",
    "Move",
    "MovedCall",
    "Outcome",
    "Problem",
    "Proposal",
    "Publisher",
    "Reason",
    "RoutedTo",
    "RoutingEngine",
    "RoutingError",
    "RoutingPolicy",
    "RuleResult",
    "RuleText",
    "SentenceTransformerEncoder",
    "SharedSettings",
    "SheetError",
    "SheetIssue",
    "Skill",
    "SnapshotError",
    "StringColumn",
    "Suggestion",
    "Suggestions",
    "SweepPoint",
    "TimeRange",
    "TransferOutcome",
    "UnknownLocationError",
    "Verification",
    "read_cases",
]

__version__ = "0.1.0"

_NAMES_OF = {
    "calls.call": ("Call",),
    "calls.handoff": (
        "Event",
        "Handoff",
        "Verification",
    ),
    "calls.policy": (
        "CallPolicy",
        "TransferOutcome",
    ),
    "calls.redaction": ("HandoffPolicy",),
    "calls.skill": ("Skill",),
    "catalog.columns": (
        "LocationColumns",
        "SharedSettings",
        "StringColumn",
    ),
    "catalog.following": (
        "Changes",
        "Feed",
        "Following",
        "Publisher",
    ),
    "encoders.compiled": ("CompiledEncoder",),
    "encoders.hashing": ("HashingEncoder",),
    "encoders.protocol": ("Encoder",),
    "encoders.sentence_transformer": ("SentenceTransformerEncoder",),
    "engine": ("RoutingEngine",),
    "errors": (
        "EncoderError",
        "InvalidValueError",
        "MissingExtraError",
        "ModelIntegrityError",
        "Problem",
        "RoutingError",
        "SheetError",
        "SnapshotError",
        "UnknownLocationError",
    ),
    "hours": (
        "BusinessHours",
        "Holiday",
        "TimeRange",
    ),
    "model.caller": (
        "Caller",
        "Context",
    ),
    "model.decisions": (
        "Candidate",
        "Decision",
    ),
    "model.destinations": (
        "Destination",
        "DialPolicy",
    ),
    "model.outcomes": (
        "Outcome",
        "Reason",
    ),
    "model.rules": (
        "ContextRule",
        "Location",
        "RoutingPolicy",
        "RuleText",
    ),
    "quality.cases": (
        "Case",
        "read_cases",
    ),
    "quality.comparing": (
        "Comparison",
        "Move",
        "MovedCall",
        "RoutedTo",
    ),
    "quality.evaluation": (
        "CalibrationBin",
        "Confusion",
        "Evaluation",
        "RuleResult",
        "SweepPoint",
    ),
    "quality.fitting": ("Fitting",),
    "quality.learning": ("LearnedRule", "Learning"),
    "quality.lint": (
        "Finding",
        "LintReport",
    ),
    "quality.suggesting": (
        "Proposal",
        "Suggestion",
        "Suggestions",
    ),
    "reports": (
        "ImportReport",
        "SheetIssue",
    ),
}
_MODULE_OF = {name: module for module, names in _NAMES_OF.items() for name in names}

# Type checkers see the imports above; with this function in sight, they would take any name.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Import a public name's module when the name is first used."""
        module = _MODULE_OF.get(name)
        if module is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = getattr(import_module(f"{__name__}.{module}"), name)
        globals()[name] = value  # the next look finds it without this function
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

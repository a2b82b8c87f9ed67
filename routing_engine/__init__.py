"""Decides, mid-call, where a caller should go.

from routing_engine import RoutingEngine

engine = RoutingEngine.from_csv("data/franchise.csv")
decision = engine.route("store-0042", "hi, there's a charge here I don't recognise")
print(decision.outcome, decision.destination)
"""

from __future__ import annotations

from routing_engine.encoders import (
    CompiledEncoder,
    Encoder,
    HashingEncoder,
    SentenceTransformerEncoder,
)
from routing_engine.engine import RoutingEngine
from routing_engine.errors import (
    EncoderError,
    InvalidValueError,
    MissingExtraError,
    ModelIntegrityError,
    RoutingError,
    SheetError,
    SnapshotError,
    UnknownLocationError,
)
from routing_engine.hours import BusinessHours, Holiday
from routing_engine.model.decisions import Candidate, Decision
from routing_engine.model.destinations import Destination, DialPolicy
from routing_engine.model.outcomes import Outcome, Reason
from routing_engine.model.rules import ContextRule, Location, RoutingPolicy, RuleText
from routing_engine.quality.cases import Case, read_cases
from routing_engine.quality.evaluation import Evaluation
from routing_engine.quality.fitting import Fitting

__all__ = [
    "BusinessHours",
    "Candidate",
    "Case",
    "CompiledEncoder",
    "ContextRule",
    "Decision",
    "Destination",
    "DialPolicy",
    "Encoder",
    "EncoderError",
    "Evaluation",
    "Fitting",
    "HashingEncoder",
    "Holiday",
    "InvalidValueError",
    "Location",
    "MissingExtraError",
    "ModelIntegrityError",
    "Outcome",
    "Reason",
    "RoutingEngine",
    "RoutingError",
    "RoutingPolicy",
    "RuleText",
    "SentenceTransformerEncoder",
    "SheetError",
    "SnapshotError",
    "UnknownLocationError",
    "read_cases",
]

__version__ = "0.1.0"

"""Evaluate decisions on labelled calls: pure functions of cases and decisions."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from routing_engine.errors import InvalidValueError
from routing_engine.model.decisions import Decision
from routing_engine.model.outcomes import Outcome, Reason
from routing_engine.quality.cases import Case
from routing_engine.quality.metrics import calibration, protocol

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "METRICS",
    "Answer",
    "CalibrationBin",
    "Confusion",
    "Evaluation",
    "RuleResult",
    "SweepPoint",
    "is_pick",
    "picked",
]

METRICS = ("top1", "right", "held", "balanced", "auroc", "right5", "ece")

N_BINS = 10
THRESHOLDS = np.linspace(0.0, 1.0, 101)
NO_RULE = "no rule"
MAX_PAIRS = 12
MAX_SENTENCES = 3
MAX_SENTENCE_LENGTH = 100

_PICKED = frozenset({Outcome.TRANSFER, Outcome.CONTAIN, Outcome.VERIFY, Outcome.CONFIRM})


def is_pick(outcome: Outcome, reason: Reason) -> bool:
    """Whether a decision follows the rule that it is about.

    A rule that stays with the agent, or that first needs a verified caller or a confirmation, is
    picked; a question between two rules picks neither.
    """
    return outcome in _PICKED or reason is Reason.ROUTINE


def picked(decision: Decision) -> str | None:
    """Return the label of the rule that a decision follows, or None."""
    if not is_pick(decision.outcome, decision.reason) or decision.rule is None:
        return None
    return decision.rule.label


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one labelled call.

    Attributes:
        case: the call.
        labels: of the rules of its location.
        best: label of the most confident rule; None where no rule was scored.
        picked: label of the rule that is followed, or None.
        confidence: of the most confident rule; 0.0 where none was scored.
    """

    case: Case
    labels: frozenset[str]
    best: str | None
    picked: str | None
    confidence: float

    @classmethod
    def of(cls, case: Case, decision: Decision) -> Answer:
        """Build the answer that a decision gives to a case."""
        candidates = decision.candidates
        return cls(
            case,
            frozenset(candidate.label for candidate in candidates),
            candidates[0].label if candidates else None,
            picked(decision),
            decision.confidence,
        )

    @property
    def is_best(self) -> bool:
        """Whether the most confident rule is the right one, thresholds aside."""
        return self.best is not None and self.best == self.case.label

    @property
    def is_right(self) -> bool:
        """Whether the right rule was followed, or none if none is right."""
        return self.picked == self.case.label


@dataclass(frozen=True, slots=True)
class RuleResult:
    """Precision and recall of one label, over all locations.

    Attributes:
        label: of the rule.
        n: calls that it was right for.
        n_picked: calls that went to it.
        n_right: calls that went to it and should have.
        held: calls that no rule was right for, at locations that have it, that did not go to it,
            [0, 1]; NaN where there are none.
    """

    label: str
    n: int
    n_picked: int
    n_right: int
    held: float

    @property
    def precision(self) -> float:
        """Share of the calls sent to it that should have been, [0, 1]; NaN if there are none."""
        return self.n_right / self.n_picked if self.n_picked else math.nan

    @property
    def recall(self) -> float:
        """Share of its calls that were sent to it, [0, 1]; NaN if it has none."""
        return self.n_right / self.n if self.n else math.nan


@dataclass(frozen=True, slots=True)
class Confusion:
    """Calls that should have followed one rule and followed another.

    Attributes:
        label: of the right rule; None where none is right.
        picked: of the rule that was followed; None where none was.
        cases: the calls, those answered with the most confidence first.
    """

    label: str | None
    picked: str | None
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Calls of similar confidence.

    Attributes:
        n: how many.
        confidence: their mean confidence.
        right: how many of their best rules are right, [0, 1].
    """

    n: int
    confidence: float
    right: float


@dataclass(frozen=True, slots=True)
class SweepPoint:
    """The result that one threshold for every rule would give.

    Attributes:
        threshold: least confidence.
        right, held, balanced: as in :class:`Evaluation`.
    """

    threshold: float
    right: float
    held: float
    balanced: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The evaluation of answers to labelled calls. Prints as a report.

    A metric is in [0, 1], and NaN where there is no call that it could be of.

    Attributes:
        n: calls.
        n_in_scope: calls that a rule is right for.
        threshold: least confidence, where neither location nor rule sets its own.
        top1: calls in scope whose most confident rule is the right one, thresholds aside.
        right: calls in scope that went to the right rule.
        held: calls out of scope that went to no rule.
        balanced: mean of ``right`` and ``held``.
        auroc: how well the confidence tells calls in scope from the others.
        right5: ``right`` at the threshold that lets 5 % of the calls out of scope through.
        ece: expected calibration error of the confidence.
        rules: of every label, alphabetically.
        confused: what went wrong, the most frequent first.
        calibration: confidence against truth, in bins of equal mass.
        sweep: other thresholds.
    """

    n: int
    n_in_scope: int
    threshold: float
    top1: float
    right: float
    held: float
    balanced: float
    auroc: float
    right5: float
    ece: float
    rules: tuple[RuleResult, ...]
    confused: tuple[Confusion, ...]
    calibration: tuple[CalibrationBin, ...]
    sweep: tuple[SweepPoint, ...]

    @classmethod
    def of(cls, answers: Sequence[Answer], *, threshold: float) -> Evaluation:
        """Evaluate answers, at least one."""
        in_scope = np.array([answer.case.label is not None for answer in answers], np.bool_)
        is_best = np.array([answer.is_best for answer in answers], np.bool_)
        confidence = np.array([answer.confidence for answer in answers], np.float64)
        metrics = protocol(
            in_scope=in_scope,
            is_best=is_best,
            is_picked=np.array([answer.picked is not None for answer in answers], np.bool_),
            is_right=np.array([answer.is_right for answer in answers], np.bool_),
            confidence=confidence,
        )
        return cls(
            n=len(answers),
            n_in_scope=int(in_scope.sum()),
            threshold=threshold,
            **metrics,
            rules=_rules(answers),
            confused=_confused(answers),
            calibration=tuple(
                CalibrationBin(*bin_) for bin_ in calibration(confidence, is_best, N_BINS)
            ),
            sweep=_sweep(confidence, is_best, in_scope),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the evaluation as JSON-able values; NaN is None."""
        body = asdict(self)
        for rule, made in zip(self.rules, body["rules"], strict=True):
            made |= {"precision": rule.precision, "recall": rule.recall}
        for pair in body["confused"]:
            pair["n"] = len(pair["cases"])
        plain: dict[str, Any] = _jsonable(body)
        return plain

    def to_frame(
        self, table: Literal["metrics", "rules", "confused", "calibration", "sweep"] = "rules"
    ) -> pd.DataFrame:
        """Return one of the evaluation's tables as a pandas DataFrame.

        Args:
            table: ``"metrics"``, one row: counts, threshold and metrics; ``"rules"``, a row a
                label, with precision and recall; ``"confused"``, a row a call that went wrong,
                with the label of the right rule and that of the rule picked, NA for none;
                ``"calibration"``, a row a bin; ``"sweep"``, a row a threshold.

        Raises:
            InvalidValueError: no such table.
        """
        import pandas as pd

        if table == "metrics":
            names = ("n", "n_in_scope", "threshold", *METRICS)
            return pd.DataFrame([{name: getattr(self, name) for name in names}])
        if table == "rules":
            rules = [
                {**asdict(rule), "precision": rule.precision, "recall": rule.recall}
                for rule in self.rules
            ]
            columns = [one.name for one in fields(RuleResult)]
            frame = pd.DataFrame(rules, columns=[*columns, "precision", "recall"])
            return frame.astype({"label": pd.StringDtype()})
        if table == "confused":
            calls = [
                (pair.label, pair.picked, case.location_id, case.text)
                for pair in self.confused
                for case in pair.cases
            ]
            columns = ["label", "picked", "location_id", "text"]
            return pd.DataFrame(calls, columns=columns, dtype=pd.StringDtype())
        if table == "calibration":
            columns = [one.name for one in fields(CalibrationBin)]
            return pd.DataFrame(map(astuple, self.calibration), columns=columns)
        if table == "sweep":
            columns = [one.name for one in fields(SweepPoint)]
            return pd.DataFrame(map(astuple, self.sweep), columns=columns)
        raise InvalidValueError(
            f"table is 'metrics', 'rules', 'confused', 'calibration' or 'sweep', not {table!r}"
        )

    def __str__(self) -> str:
        return "\n\n".join(filter(None, (self._summary(), self._by_rule(), self._pairs())))

    def _summary(self) -> str:
        n_out = self.n - self.n_in_scope
        lines = [
            f"{self.n:,} calls: {self.n_in_scope:,} that a rule is right for, {n_out:,} that none is",
            "",
        ]
        lines += [
            f"{name:<9} {percent(getattr(self, name)):>6}  {meaning}"
            for name, meaning in _meanings(self.threshold).items()
        ]
        return "\n".join(lines)

    def _by_rule(self) -> str:
        return table(
            ("rule", "calls", "sent", "precision", "recall", "held"),
            [
                (
                    rule.label,
                    f"{rule.n:,}",
                    f"{rule.n_picked:,}",
                    *(percent(x) for x in (rule.precision, rule.recall, rule.held)),
                )
                for rule in self.rules
            ],
        )

    def _pairs(self) -> str:
        if not self.confused:
            return "nothing went wrong"
        lines = ["what went wrong most:"]
        for pair in self.confused[:MAX_PAIRS]:
            should, went = pair.label or NO_RULE, pair.picked or NO_RULE
            lines.append(f"{len(pair.cases):>5}  {should} -> {went}")
            lines += [f"         “{short(case.text)}”" for case in pair.cases[:MAX_SENTENCES]]
        n_more = sum(len(pair.cases) for pair in self.confused[MAX_PAIRS:])
        if n_more:
            lines.append(f"{n_more:>5}  in {len(self.confused) - MAX_PAIRS:,} further pairs")
        return "\n".join(lines)


def _meanings(threshold: float) -> dict[str, str]:
    return {
        "top1": "of the first: the most confident rule is the right one",
        "right": f"… and confident enough (threshold {threshold:.2f}, or the rule's own)",
        "held": "of the others: sent to no rule",
        "balanced": "mean of right and held",
        "auroc": "how well confidence tells the first from the others; 50 is by chance",
        "right5": "right, where 5 % of the others get through",
        "ece": "how far confidence is from how often it is right",
    }


def percent(value: float) -> str:
    """Format a fraction as a percentage with one decimal; ``-`` for NaN."""
    return "-" if math.isnan(value) else f"{100 * value:.1f}"


def short(text: str) -> str:
    """Shorten to one line of at most ``MAX_SENTENCE_LENGTH`` characters."""
    line = " ".join(text.split())
    if len(line) <= MAX_SENTENCE_LENGTH:
        return line
    return line[: MAX_SENTENCE_LENGTH - 1] + "…"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Align columns of text: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (header, *rows)
    )


def _jsonable(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_jsonable(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _rules(answers: Sequence[Answer]) -> tuple[RuleResult, ...]:
    labels = {label for answer in answers for label in answer.labels}
    labels |= {answer.case.label for answer in answers if answer.case.label is not None}
    made = []
    for label in sorted(labels):
        unsuited = [a for a in answers if a.case.label is None and label in a.labels]
        went = [a for a in answers if a.picked == label]
        made.append(
            RuleResult(
                label,
                n=sum(a.case.label == label for a in answers),
                n_picked=len(went),
                n_right=sum(a.is_right for a in went),
                held=(
                    sum(a.picked != label for a in unsuited) / len(unsuited)
                    if unsuited
                    else math.nan
                ),
            )
        )
    return tuple(made)


def _confused(answers: Sequence[Answer]) -> tuple[Confusion, ...]:
    pairs: dict[tuple[str | None, str | None], list[Answer]] = defaultdict(list)
    for answer in answers:
        if not answer.is_right:
            pairs[answer.case.label, answer.picked].append(answer)
    made = [
        Confusion(
            label,
            went,
            tuple(answer.case for answer in sorted(wrong, key=lambda a: -a.confidence)),
        )
        for (label, went), wrong in pairs.items()
    ]
    return tuple(sorted(made, key=lambda c: (-len(c.cases), c.label or "", c.picked or "")))


def _sweep(
    confidence: npt.NDArray[np.float64],
    is_best: npt.NDArray[np.bool_],
    in_scope: npt.NDArray[np.bool_],
) -> tuple[SweepPoint, ...]:
    goes = confidence[:, None] >= THRESHOLDS
    right, held = (
        flags.mean(axis=0) if len(flags) else np.full(len(THRESHOLDS), np.nan)
        for flags in ((goes & is_best[:, None])[in_scope], ~goes[~in_scope])
    )
    points = zip(THRESHOLDS, right, held, (right + held) / 2, strict=True)
    return tuple(SweepPoint(*map(float, point)) for point in points)

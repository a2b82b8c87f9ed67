"""Measure the wording of all rules."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from routing_engine.catalog.columns import LocationColumns
from routing_engine.encoders import Encoder
from routing_engine.encoders.background import Background
from routing_engine.matching import scoring
from routing_engine.matching.parameters import Parameters
from routing_engine.model.rules import RoutingPolicy
from routing_engine.quality.lint.asking import Asked, ask, measure
from routing_engine.quality.lint.cases import MAX_NAMED, Case, cases
from routing_engine.quality.lint.findings import findings_at
from routing_engine.quality.lint.loops import loops
from routing_engine.quality.lint.report import Finding, LintReport, rank

__all__ = ["lint_columns"]


def lint_columns(
    columns: LocationColumns,
    encoder: Encoder,
    background: Background,
    parameters: Parameters,
    *,
    policy: RoutingPolicy,
    progress: bool = False,
) -> LintReport:
    """Measure the wording of all rules.

    Args:
        columns: the locations.
        encoder: what embeds; each distinct text once.
        background: of the same encoder.
        parameters: weights of the logit.
        policy: as the engine's that is to answer.
        progress: show a progress bar on stderr where embedding takes longer than a second.
    """
    usual = scoring.least_confidence(policy, parameters)
    tables = [tuple(scoring.rule_texts(rule) for rule in rules) for rules in columns.tables]
    distinct = dict.fromkeys(texts for table in tables for texts in table)
    measured = measure(list(distinct), encoder, background, parameters, progress=progress)
    merged: dict[tuple[object, ...], _Merged] = {}
    n_unmeasured = 0
    asked: tuple[object, list[Asked]] = (None, [])
    number = {table: i for i, table in enumerate(dict.fromkeys(tables))}
    for case in sorted(cases(columns), key=lambda c: (number[tables[c.table]], c.places or ())):
        if case.places is None:
            n_unmeasured += case.n_locations
            continue
        rules, texts = columns.tables[case.table], tables[case.table]
        own = [measured[item] for item in texts]
        key = texts, case.places
        if asked[0] != key:
            asked = key, list(ask(own, case.places, background, parameters))
        threshold = usual if case.threshold is None else case.threshold
        here: dict[tuple[object, ...], Finding] = {}
        found_here = findings_at(
            rules, own, asked[1], case.places, policy, threshold, has_hours=case.has_hours
        )
        for found_key, found in found_here:
            here[found_key] = min(found, here.get(found_key, found), key=rank)
        for found_key, found in here.items():
            merged.setdefault(found_key, _Merged()).add(found, case)
    findings = [item.finding(columns) for item in merged.values()] + loops(columns)
    return LintReport(
        findings=tuple(sorted(findings, key=rank)),
        n_locations=int(np.count_nonzero(np.diff(columns.first_slot))),
        n_unmeasured=n_unmeasured,
        n_rules=len(distinct),
        n_sentences=len({text for rule in measured.values() for text in rule.sentences}),
        n_folded=sum(rule.n_folded for rule in measured.values()),
    )


class _Merged:
    """One finding over all tables that have it; the strongest is kept."""

    def __init__(self) -> None:
        self.found: Finding | None = None
        self.n_locations = 0
        self.first: set[int] = set()

    def add(self, found: Finding, case: Case) -> None:
        if self.found is None or rank(found) < rank(self.found):
            self.found = found
        self.n_locations += case.n_locations
        self.first |= set(case.first)

    def finding(self, columns: LocationColumns) -> Finding:
        assert self.found is not None
        named = tuple(columns.ids[i] for i in sorted(self.first)[:MAX_NAMED])
        return replace(self.found, n_locations=self.n_locations, locations=named)

"""Review: calls that no rule took for certain, to be made examples and routing tests of."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from routing_engine.errors import InvalidValueError
from routing_engine.model.outcomes import Outcome
from routing_engine.quality.evaluation import picked
from routing_engine.server.agents import get_agent, patch_agent
from routing_engine.server.backtesting import said_in
from routing_engine.server.console.visits import Pages, Visit, ask, validated
from routing_engine.server.drafts import compile_draft
from routing_engine.server.examining import trial
from routing_engine.server.problems import ProblemError, wrong_field
from routing_engine.server.wire.agents import AgentPatch
from routing_engine.store import CallRow

__all__ = ["pages"]

pages = Pages()

LOOKED_AT = 1000
"""Most stored calls that are reviewed, the latest ones."""

SHOWN = 40
"""Sentences; each is asked of the draft."""

_UNSURE = frozenset({Outcome.DEFAULT, Outcome.CLARIFY})


@dataclass(frozen=True, slots=True)
class Heard:
    """Words of some callers that no rule matched for certain.

    Attributes:
        text: their words.
        n: how many callers.
        got: what the draft makes of it now: the label of the rule, or None.
        best: the rule that is nearest, or None.
        confidence: of that rule.
        distance: how far its confidence is from the threshold; the nearest comes first.
    """

    text: str
    n: int
    got: str | None
    best: str | None
    confidence: float
    distance: float


def is_unsure(call: CallRow) -> bool:
    """Whether a call was transferred by no rule, was asked back, or reached nobody."""
    by_no_rule = call.transferred and call.rule is None
    return by_no_rule or call.outcome in _UNSURE or call.failed_transfers > 0


@pages.get("/review", "calls:read")
def show(visit: Visit) -> Response:
    """Choose a location, or see what its callers said that no rule took for certain."""
    agent_id, q = visit.asked("agent"), visit.asked("q")[:200]
    context: dict[str, Any] = {
        "agent": None, "choices": [], "q": q, "heard": [], "labels": [], "n": 0,
        "kept": visit.plane.settings.store_transcripts,
    }  # fmt: skip
    with visit.plane.store.read(visit.session.principal.organisation_id) as work:
        if not agent_id:
            context["choices"] = work.agents.search(q, 20, is_published=True).items
            return visit.render("review.html", **context)
        context["agent"] = work.agents.get(agent_id)
        calls = [call for call in work.calls.kept(agent_id, LOOKED_AT) if is_unsure(call)]
        draft = work.drafts.get(agent_id)
    said = Counter(" ".join(text.split()) for text in said_in(calls))
    context["n"] = len(calls)
    rules = (draft["config"].get("handoffConfig") or {}).get("transferRules") or []
    context["labels"] = [rule["label"] for rule in rules]
    context["heard"] = _heard(visit, draft, said)
    return visit.render("review.html", **context)


def _heard(visit: Visit, draft: dict[str, Any], said: Counter[str]) -> list[Heard]:
    """The most frequent sentences, those first that the draft is least sure of."""
    common = said.most_common(SHOWN)
    try:
        location = compile_draft(draft).location
    except InvalidValueError:
        return [Heard(text, n, None, None, 0.0, 1.0) for text, n in common]
    # Not the encoder that remembers: what callers said is forgotten at once.
    policy = visit.plane.dial_policy(visit.session.principal.organisation_id)
    engine = trial(location, visit.plane.engine.encoder, policy)
    decisions = engine.route_many([(location.location_id, text) for text, _ in common])
    found = []
    for (text, n), decision in zip(common, decisions, strict=True):
        best = decision.candidates[0] if decision.candidates else None
        confidence = 0.0 if best is None else best.confidence
        threshold = 0.5 if decision.threshold is None else decision.threshold
        found.append(
            Heard(
                text,
                n,
                picked(decision),
                None if best is None else best.label,
                confidence,
                abs(confidence - threshold),
            )
        )
    return sorted(found, key=lambda heard: (heard.got is not None, -heard.n, heard.distance))


@pages.post("/review/{agent}", "agents:write")
def label(visit: Visit) -> Response:
    """Make of what callers said an example of a rule, or a routing test."""
    if not visit.may("calls:read"):
        raise ProblemError(403, "this key lacks the scope calls:read", code="missing_scope")
    agent = ask(get_agent, visit, visit.path("agent"))
    text, named, what = visit.given("text"), visit.given("label"), visit.given("what")
    if not text.strip():
        raise wrong_field("text", "is empty")
    handoff = agent.get("handoffConfig") or {}
    rules = [dict(rule) for rule in handoff.get("transferRules") or ()]
    rule = next((rule for rule in rules if rule["label"] == named), None)
    if named and rule is None:
        raise ProblemError(404, "there is no such rule any more; load the page again")
    patch: dict[str, Any] = {}
    if what == "example":
        if rule is None:
            raise wrong_field("label", "choose the rule that it is an example of")
        if text not in (rule.get("examples") or ()):
            rule["examples"] = [*(rule.get("examples") or ()), text]
        patch["handoffConfig"] = {"transferRules": rules}
    else:
        tests = [test for test in agent.get("routingTests") or () if test["utterance"] != text]
        patch["routingTests"] = [*tests, {"utterance": text, "expect": named or None}]
    ask(patch_agent, visit, agent["id"], validated(AgentPatch, patch), agent["etag"])
    return visit.render("_reviewed.html", text=text, label=named, what=what)

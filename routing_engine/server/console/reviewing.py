"""Review: what callers said whom no rule took for certain, labelled, and what rules learn of it."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from routing_engine.encoders import encode_distinct
from routing_engine.engine import RoutingEngine
from routing_engine.errors import (
    InvalidValueError,
    PreconditionFailedError,
    UnknownLocationError,
)
from routing_engine.model.outcomes import Outcome
from routing_engine.model.rules import Location
from routing_engine.quality.cases import Case
from routing_engine.quality.evaluation import picked
from routing_engine.quality.grouping import alike
from routing_engine.server.agents import get_agent, patch_agent
from routing_engine.server.backtesting import said_in
from routing_engine.server.console.rendering import cell
from routing_engine.server.console.visits import Pages, Visit, ask, validated
from routing_engine.server.drafts import compile_draft
from routing_engine.server.examining import trial
from routing_engine.server.problems import ProblemError, wrong_field
from routing_engine.server.turns import keeps_words
from routing_engine.server.wire.agents import AgentPatch
from routing_engine.store import CallRow

__all__ = ["pages"]

pages = Pages()

LOOKED_AT = 1000
"""Most stored calls that are reviewed, the latest ones."""

SHOWN = 40
"""Sentences; each is asked of the draft, or of all locations of what is published."""

MAX_LABELLED = 5000
"""Most labelled calls that rules learn from, the latest ones."""

TAUGHT_AT_ONCE = 25
"""Drafts that one request changes; the page asks again for those that follow."""

_UNSURE = frozenset({Outcome.DEFAULT, Outcome.CLARIFY})


@dataclass(frozen=True, slots=True)
class Heard:
    """Words of some callers of one location that no rule matched for certain.

    Attributes:
        agent_id: of the location.
        text: their words.
        n: how many callers.
        got: what the draft makes of it now: the label of the rule, or None.
        best: the rule that is nearest, or None.
        confidence: of that rule.
        distance: how far its confidence is from the threshold.
    """

    agent_id: str
    text: str
    n: int
    got: str | None = None
    best: str | None = None
    confidence: float = 0.0
    distance: float = 1.0


@dataclass(frozen=True, slots=True)
class Group:
    """What callers said that is much alike, the most frequent first."""

    heard: tuple[Heard, ...]

    @property
    def n(self) -> int:
        """How many callers."""
        return sum(one.n for one in self.heard)

    @property
    def worth(self) -> tuple[bool, float]:
        """How much there is to gain: what no rule takes before the rest, by number and doubt."""
        doubt = max(1.0 - min(one.distance, 1.0) for one in self.heard)
        return all(one.got is not None for one in self.heard), -self.n * (0.5 + doubt)


def is_unsure(call: CallRow) -> bool:
    """Whether a call was transferred by no rule, was asked back, or reached nobody."""
    by_no_rule = call.transferred and call.rule is None
    return by_no_rule or call.outcome in _UNSURE or call.failed_transfers > 0


@pages.get("/review", "calls:read")
def show(visit: Visit) -> Response:
    """What callers said that no rule took for certain: of all locations, or of one."""
    agent_id = visit.asked("agent")
    draft = None
    with visit.plane.store.read(visit.session.principal.organisation_id) as work:
        agent = work.agents.get(agent_id) if agent_id else None
        if agent is not None:
            draft = work.drafts.get(agent_id)
        calls = [call for call in work.calls.kept(agent_id or None, LOOKED_AT) if is_unsure(call)]
        kept = keeps_words(visit.plane, work)
        n_labels = work.labels.count()
        known = work.agents.named({call.agent_id for call in calls})
    said = Counter(
        (call.agent_id, " ".join(text.split()))
        for call in calls
        if call.agent_id in known
        for text in said_in([call])
    )
    engine, rules = _asked(visit, agent_id, draft, list(known))
    return visit.render(
        "review.html",
        agent=agent,
        groups=_groups(engine, visit.plane.engine, said),
        labels=rules,
        names={name: found.name for name, found in known.items()},
        n=len(calls),
        kept=kept,
        n_labels=n_labels,
    )


def _rules(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    return (config.get("handoffConfig") or {}).get("transferRules") or []


def _asked(
    visit: Visit, agent_id: str, draft: dict[str, Any] | None, agents: list[str]
) -> tuple[RoutingEngine, dict[str, list[str]]]:
    """The engine to ask, of the draft of one location or of all published, and its rules."""
    live = visit.plane.engine
    if draft is None:
        found = {}
        for name in agents:
            with suppress(UnknownLocationError):  # it was unpublished since
                found[name] = [rule.label for rule in live.location(name).rules]
        return live, found
    # Not the encoder that remembers: what callers said is forgotten at once.
    policy = visit.plane.dial_policy(visit.session.principal.organisation_id)
    labels = {agent_id: [rule["label"] for rule in _rules(draft["config"])]}
    try:
        location = _as_agent(draft, agent_id)
    except InvalidValueError:
        return RoutingEngine([], encoder=live.encoder, cache_size=0), labels
    return trial(location, live.encoder, policy), labels


def _as_agent(draft: dict[str, Any], agent_id: str) -> Location:
    """The location of a draft, called by its agent and by no line.

    Raises:
        InvalidValueError: its parts do not fit together.
    """
    location = compile_draft(draft).location
    return location.model_copy(update={"location_id": agent_id, "lines": ()})


def _answers(engine: RoutingEngine, agent_id: str) -> bool:
    try:
        engine.location(agent_id)
    except UnknownLocationError:
        return False
    return True


def _groups(
    engine: RoutingEngine, live: RoutingEngine, said: Counter[tuple[str, str]]
) -> list[Group]:
    """The most frequent sentences, alike ones together, those first that most is gained from."""
    common = said.most_common(SHOWN)
    known = {name for name in {agent_id for (agent_id, _), _ in common} if _answers(engine, name)}
    asked = [pair for pair, _ in common if pair[0] in known]
    decisions = dict(zip(asked, engine.route_many(asked), strict=True))
    found = []
    for (agent_id, text), n in common:
        decision = decisions.get((agent_id, text))
        best = decision.candidates[0] if decision is not None and decision.candidates else None
        if decision is None or best is None:
            found.append(Heard(agent_id, text, n))
            continue
        threshold = 0.5 if decision.threshold is None else decision.threshold
        distance = abs(best.confidence - threshold)
        got = picked(decision)
        found.append(Heard(agent_id, text, n, got, best.label, best.confidence, distance))
    texts = list(dict.fromkeys(one.text for one in found))
    if not texts:
        return []
    groups: dict[int, list[Heard]] = {}
    number = alike(encode_distinct(live.encoder, texts), live._state.base.profiles.background)
    of = dict(zip(texts, number, strict=True))
    for one in found:
        groups.setdefault(of[one.text], []).append(one)
    made = [Group(tuple(sorted(some, key=lambda one: -one.n))) for some in groups.values()]
    return sorted(made, key=lambda group: group.worth)


@pages.post("/review", "agents:write")
def label(visit: Visit) -> Response:
    """Label what callers said; make examples, routing tests or a rule of it, if that is wanted."""
    _may_read_calls(visit)
    pairs = _pairs(visit)
    what, named = visit.given("what"), visit.given("label")
    new = None
    if what == "rule":
        named = visit.given("newLabel").strip()
        new = {
            "label": named,
            "when": visit.given("when"),
            "destination": visit.given("destination").strip() or None,
        }
    elif what == "example" and not named:
        raise wrong_field("label", "choose the rule that it is an example of")
    elif what not in ("label", "example", "test"):
        raise wrong_field("what", "must be label, example, test or rule")
    texts: dict[str, list[str]] = {}
    for agent_id, text in pairs:
        texts.setdefault(agent_id, []).append(text)
    for agent_id, said in texts.items():
        _change(visit, agent_id, said, named, what, new)
    with visit.plane.store.work(
        visit.session.principal.organisation_id, actor=visit.session.principal.key_id
    ) as work:
        for agent_id, text in pairs:
            work.labels.put(agent_id, text, named or None)
    return visit.render("_reviewed.html", text=pairs[0][1], n=len(pairs), label=named, what=what)


def _may_read_calls(visit: Visit) -> None:
    if not visit.may("calls:read"):
        raise ProblemError(403, "this key lacks the scope calls:read", code="missing_scope")


def _pairs(visit: Visit) -> list[tuple[str, str]]:
    """Which agents' callers said what."""
    agents = [value for value in visit.form.getlist("agent") if isinstance(value, str)]
    texts = [value for value in visit.form.getlist("text") if isinstance(value, str)]
    if not texts or len(agents) != len(texts) or not all(text.strip() for text in texts):
        raise wrong_field("text", "must be what callers said, one for each agent")
    return list(zip(agents, texts, strict=True))


def _patched(
    visit: Visit, agent_id: str, change: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    """Change a draft; anew where somebody changes it this moment.

    Args:
        visit: of who changes it.
        agent_id: of the draft.
        change: an agent as the API shows it -> what to patch; empty for nothing.
    """
    for _ in range(3):
        agent = ask(get_agent, visit, agent_id)
        patch = change(agent)
        if not patch:
            return
        with suppress(PreconditionFailedError):
            ask(patch_agent, visit, agent_id, validated(AgentPatch, patch), agent["etag"])
            return
    raise ProblemError(412, "the draft keeps changing; try again")


def _change(
    visit: Visit,
    agent_id: str,
    texts: Sequence[str],
    named: str,
    what: str,
    new: dict[str, Any] | None,
) -> None:
    """Change the draft of a location as what was said of its callers asks for."""

    def change(agent: dict[str, Any]) -> dict[str, Any]:
        rules = [dict(rule) for rule in _rules(agent)]
        rule = next((rule for rule in rules if rule["label"] == named), None)
        if new is not None:
            rules.append({**new, "examples": list(texts)})
            return {"handoffConfig": {"transferRules": rules}}
        if named and rule is None:
            raise ProblemError(404, "there is no such rule any more; load the page again")
        if what == "example" and rule is not None:
            known = rule.get("examples") or ()
            rule["examples"] = [*known, *(text for text in texts if text not in known)]
            return {"handoffConfig": {"transferRules": rules}}
        if what == "test":
            tests = [t for t in agent.get("routingTests") or () if t["utterance"] not in texts]
            tests += [{"utterance": text, "expect": named or None} for text in texts]
            return {"routingTests": tests}
        return {}

    _patched(visit, agent_id, change)


@pages.get("/review.csv", "calls:read")
def cases(visit: Visit) -> Response:
    """The labelled calls as a sheet, as ``routing-engine fit`` reads them."""
    with visit.plane.store.read(visit.session.principal.organisation_id) as work:
        labelled = work.labels.all(MAX_LABELLED)
        found = work.agents.named({one.agent_id for one in labelled})
        names = {name: agent.location_id for name, agent in found.items()}
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(["location_id", "utterance", "label"])
    for one in labelled:
        if one.agent_id in names:
            table.writerow([cell(names[one.agent_id]), cell(one.said), cell(one.label)])
    headers = {"Content-Disposition": 'attachment; filename="calls.csv"'}
    return Response(out.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


@pages.post("/review/clear", "agents:write")
def clear(visit: Visit) -> Response:
    """Delete every label, and the words that were labelled."""
    _may_read_calls(visit)
    principal = visit.session.principal
    with visit.plane.store.work(principal.organisation_id, actor=principal.key_id) as work:
        work.labels.clear()
    return visit.go("/console/review")


@pages.post("/review/learn", "calls:read")
def learn(visit: Visit) -> Response:
    """Report what rules would learn from the labelled calls of all locations that share them."""
    if not visit.may("agents:read"):
        raise ProblemError(403, "this key lacks the scope agents:read", code="missing_scope")
    with visit.plane.store.read(visit.session.principal.organisation_id) as work:
        labelled = work.labels.all(MAX_LABELLED)
        drafts = {
            name: work.drafts.get(name)
            for name in work.agents.named({one.agent_id for one in labelled})
        }
    locations: dict[str, Location] = {}
    for name, draft in drafts.items():
        with suppress(InvalidValueError):
            locations[name] = _as_agent(draft, name)
    known = {name: {rule.label for rule in one.rules} for name, one in locations.items()}
    cases = [
        Case(one.agent_id, one.said, one.label)
        for one in labelled
        if one.agent_id in known and (one.label is None or one.label in known[one.agent_id])
    ]
    if not cases:
        raise ProblemError(409, "label some calls first", code="no_calls")
    policy = visit.plane.dial_policy(visit.session.principal.organisation_id)
    engine = RoutingEngine(
        locations.values(), encoder=visit.plane.engine.encoder, dial_policy=policy, cache_size=0
    )
    found = engine.learn(cases)
    keys = {(rule.label, rule.when) for rule in found.rules}
    return visit.render("_learned.html", found=found, n_locations=len(_with_rules(visit, keys)))


def _with_rules(visit: Visit, keys: set[tuple[str, str]]) -> list[str]:
    """Published agents of the organisation that have a rule of one of these labels and whens."""
    columns = visit.plane.engine.columns
    shared = {
        i
        for i, rules in enumerate(columns.tables)
        if any((rule.label, rule.when) in keys for rule in rules)
    }
    with visit.plane.store.read(visit.session.principal.organisation_id) as work:
        own = work.agents.ids()
    return [
        name
        for name, table in zip(columns.ids, columns.table.tolist(), strict=True)
        if table in shared and name in own
    ]


@pages.post("/review/teach", "agents:write")
def teach(visit: Visit) -> Response:
    """Add examples to the drafts of some locations that share a rule, and say what is left."""
    fields = [
        [value for value in visit.form.getlist(name) if isinstance(value, str)]
        for name in ("label", "when", "text")
    ]
    if not fields[2] or len({len(values) for values in fields}) > 1:
        raise wrong_field("text", "must be examples, each with the label and when of its rule")
    taught: dict[tuple[str, str], list[str]] = {}
    for named, when, text in zip(*fields, strict=True):
        taught.setdefault((named, when), []).append(text)
    waiting = [name for name in visit.given("waiting").split(",") if name]
    waiting = waiting or _with_rules(visit, set(taught))
    n_total = _whole(visit.given("total"), len(waiting))
    for agent_id in waiting[:TAUGHT_AT_ONCE]:
        _teach(visit, agent_id, taught)
    left = waiting[TAUGHT_AT_ONCE:]
    return visit.render(
        "_taught.html", left=left, n_total=n_total, n_done=n_total - len(left), fields=fields
    )


def _whole(text: str, otherwise: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else otherwise


def _teach(visit: Visit, agent_id: str, taught: dict[tuple[str, str], list[str]]) -> None:
    """Add examples to the rules of a draft that share label and ``when``."""

    def change(agent: dict[str, Any]) -> dict[str, Any]:
        rules = [dict(rule) for rule in _rules(agent)]
        is_changed = False
        for rule in rules:
            known = {text.casefold() for text in rule.get("examples") or ()}
            more = [
                text
                for text in taught.get((rule["label"], rule["when"]), ())
                if text.casefold() not in known
            ]
            if more:
                rule["examples"] = [*(rule.get("examples") or ()), *more]
                is_changed = True
        return {"handoffConfig": {"transferRules": rules}} if is_changed else {}

    _patched(visit, agent_id, change)

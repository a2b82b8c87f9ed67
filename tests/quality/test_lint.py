from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing_engine import ContextRule, HashingEncoder, Location, RoutingEngine, RoutingPolicy
from routing_engine.catalog.columns import LocationColumns
from routing_engine.matching.parameters import PARAMETERS
from routing_engine.matching.profiles import background_for
from routing_engine.matching.scoring import rule_texts
from routing_engine.quality.lint.asking import SAYS_NOTHING, ask, measure
from routing_engine.quality.lint.cases import MAX_PATTERNS, cases, places_of
from tests.quality.test_quality import read_cases
from tests.support.strategies import FakeEncoder, a_location, a_rule, location_lists, number

DATA = Path(__file__).parents[2] / "data"

BILLING = a_rule(
    "Billing",
    number(1),
    when="caller asks about an invoice, charge, or refund",
    examples=("I was charged twice", "my invoice is wrong", "where is my refund"),
)
GAS = a_rule(
    "Emergency",
    number(2),
    when="caller smells gas or has a flood",
    examples=("there is water everywhere", "I smell gas", "the basement is flooding"),
    urgent=True,
)
SAME_CALLERS = a_rule(
    "Accounts", number(3), when="caller has trouble with money", examples=BILLING.examples
)


def lint_of(*locations, policy=None):
    return RoutingEngine(encoder=HashingEncoder(), policy=policy).lint(locations)


def kinds(report):
    return [(finding.kind, finding.rule, finding.other) for finding in report.findings]


def test_nothing_is_found_where_there_are_no_rules():
    encoder = FakeEncoder(HashingEncoder(8).encode)
    encoder.background = background_for(HashingEncoder(8))
    report = RoutingEngine(encoder=encoder).lint([a_location()])
    assert report.ok
    assert encoder.calls == []
    assert report.summary() == (
        "wording: nothing found (0 sentences of 0 distinct rules asked, 0 locations)"
    )


def test_nothing_is_found_where_rules_are_clear():
    assert kinds(lint_of(a_location("store-1", BILLING, GAS))) == []


def test_an_engine_measures_its_own_catalog_or_what_might_be_published():
    engine = RoutingEngine([a_location("store-1", BILLING, SAME_CALLERS)], encoder=HashingEncoder())
    assert not engine.lint().ok
    assert engine.lint([a_location("store-1", BILLING, GAS)]).ok
    assert engine.catalog_version == 1
    engine.apply([a_location("store-2", BILLING, a_rule("X", number(9), when="other"))])
    assert Counter(finding.kind for finding in engine.lint().findings) == {
        "overlap": 1,
        "vague": 1,
    }


def test_rules_that_share_callers_overlap():
    (finding,) = lint_of(a_location("store-1", BILLING, SAME_CALLERS)).findings
    assert (finding.kind, {finding.rule, finding.other}) == ("overlap", {"Billing", "Accounts"})
    assert finding.sentence in BILLING.examples
    assert finding.measured == 0.75
    assert finding.locations == ("store-1",)
    assert "3 of 4 sentences of the one and 3 of 4 of the other" in finding.message
    assert finding.suggestion.startswith("this sentence is an example of both: keep it in ")


def test_rules_that_ring_the_same_phone_may_be_alike():
    same = SAME_CALLERS.model_copy(update={"destination": BILLING.destination})
    assert kinds(lint_of(a_location("store-1", BILLING, same))) == []


def test_an_overlap_is_counted_where_the_phones_differ():
    same = SAME_CALLERS.model_copy(update={"destination": BILLING.destination})
    (finding,) = lint_of(
        a_location("store-1", BILLING, same),
        a_location("store-2", BILLING, SAME_CALLERS),
        a_location("store-3", BILLING, same, GAS),
        a_location("store-4", GAS, SAME_CALLERS, BILLING),
    ).findings
    assert finding.kind == "overlap"
    assert finding.n_locations == 2
    assert finding.locations == ("store-2", "store-4")
    assert str(finding).count("(2 locations, such as store-2)") == 1


def test_an_example_of_two_rules():
    emergency = GAS.model_copy(update={"examples": (*GAS.examples, BILLING.examples[0])})
    (finding,) = lint_of(a_location("store-1", BILLING, emergency)).findings
    assert finding.kind == "example"
    assert {finding.rule, finding.other} == {"Billing", "Emergency"}
    assert finding.suggestion == (
        f"it is an example of '{finding.other}' too: delete it from one of the two"
    )


def test_a_when_that_says_nothing():
    rule = a_rule("General", number(3), when="other")
    (finding,) = lint_of(a_location("store-1", BILLING, rule)).findings
    assert (finding.kind, finding.rule, finding.other) == ("vague", "General", None)
    assert finding.sentence == "other"
    assert finding.suggestion == "name what callers of 'General' ask for, and add a few examples"


def test_a_rule_for_closed_hours_is_reached_where_a_location_has_business_hours():
    rule = BILLING.model_copy(update={"hours": "closed"})
    shut = {"timezone": "UTC", "business_hours": "Mon-Fri 09:00-17:00"}
    assert lint_of(a_location("store-1", rule, GAS, **shut)).ok
    report = lint_of(
        a_location("store-1", rule, GAS, **shut),
        a_location("store-2", rule, GAS),
        a_location("store-3", rule, GAS, timezone="UTC"),
    )
    assert kinds(report) == [("unreachable", "Billing", None)]
    assert report.findings[0].locations == ("store-2", "store-3")


def test_a_rule_for_closed_hours_above_its_threshold_is_told_so():
    rule = BILLING.model_copy(update={"hours": "closed", "threshold": 1.0})
    shut = {"timezone": "UTC", "business_hours": "Mon-Fri 09:00-17:00"}
    finding = lint_of(a_location("store-1", rule, GAS, **shut)).findings[0]
    assert finding.kind == "unreachable"
    assert "is asked for 1.00" in finding.message


@pytest.mark.parametrize(
    ("fields", "location", "message", "suggestion"),
    [
        ({"enabled": False}, {}, "is disabled", "enable it"),
        ({"hours": "closed"}, {}, "is for closed hours", "give the location business hours"),
        ({"threshold": 1.0}, {}, "is asked for 1.00", "lower its threshold of 'Billing' below"),
        ({}, {"threshold": 1.0}, "is asked for 1.00", "lower the threshold of 'Billing' below"),
    ],
)
def test_a_rule_that_nothing_reaches(fields, location, message, suggestion):
    rule = BILLING.model_copy(update=fields)
    report = lint_of(a_location("store-1", rule, GAS, **location))
    finding = next(finding for finding in report.findings if finding.rule == "Billing")
    assert finding.kind == "unreachable"
    assert message in finding.message
    assert suggestion in finding.suggestion


def test_the_engines_policy_says_what_is_reached():
    location = a_location("store-1", BILLING, GAS)
    report = lint_of(location, policy=RoutingPolicy(threshold=1.0, urgent_threshold=1.0))
    assert [finding.kind for finding in report.findings] == ["unreachable"] * 2


def test_a_rule_whose_callers_all_go_elsewhere():
    with_when = a_rule("Money", number(1), when="refund", examples=("pay", "money", "i want money"))
    empty = a_rule("Pay", number(2), when="caller wants money")
    report = lint_of(a_location("store-1", with_when, empty, GAS))
    (finding,) = report.findings
    assert {finding.rule, finding.other} == {"Money", "Pay"}
    assert finding.kind in ("unreachable", "overlap")


def test_rules_that_stay_with_the_agent_or_want_more_are_reached():
    rules = [
        BILLING.model_copy(update={"action": "contain", "destination": None}),
        GAS.model_copy(update={"requires_verification": True, "requires_confirmation": True}),
    ]
    assert kinds(lint_of(a_location("store-1", *rules))) == []


def test_a_finding_is_told_once_however_many_locations_and_tables_have_it():
    locations = [
        a_location(f"store-{i}", BILLING, SAME_CALLERS, *([GAS] if i % 2 else []))
        for i in range(300)
    ]
    report = lint_of(*locations)
    (finding,) = report.findings
    assert finding.n_locations == 300
    assert finding.locations == ("store-0", "store-1", "store-2")
    assert (report.n_rules, report.n_locations) == (3, 300)
    assert "300 locations, such as store-0" in report.summary()


def test_each_text_is_embedded_once_however_many_locations_there_are():
    def asked(n):
        encoder = FakeEncoder(HashingEncoder(8).encode)
        encoder.background = background_for(HashingEncoder(8))
        columns = LocationColumns.from_locations(
            a_location(f"store-{i}", BILLING, GAS) for i in range(n)
        )
        RoutingEngine(encoder=encoder).lint(columns)
        return [text for call in encoder.calls for text in call]

    texts = asked(1)
    assert len(texts) == len(set(texts))
    assert set(rule_texts(BILLING)) <= set(texts)
    assert asked(50) == texts


def test_rare_ways_to_share_phones_are_left_out_and_counted():
    rules = [
        a_rule(f"Rule {i}", number(i), when=f"caller asks for thing {i} of {i * 7}")
        for i in range(6)
    ]
    locations = [
        a_location(
            f"store-{i}",
            *(
                rule.model_copy(update={"destination": rules[j if i >> j & 1 else 0].destination})
                for j, rule in enumerate(rules)
            ),
        )
        for i in range(0, 64, 2)
    ]
    report = lint_of(*locations)
    assert report.n_unmeasured == len(locations) - MAX_PATTERNS
    assert f"{report.n_unmeasured} locations left out" in report.summary()


@pytest.mark.parametrize(
    ("label", "when", "words"),
    [
        ("Emergency", "caller reports a leak", "Emergency"),
        ("Leaks", "caller smells gas or has a flood", "smells gas"),
        ("Outage", "nobody at the client can work", "Outage"),
        ("Machines", "production has stopped and somebody must come", "production has stopped"),
        ("Repairs", "a fault that is no danger and can't wait", "can't wait"),
        ("Repairs", "a fault without any danger", None),
        ("Repairs", "a non-emergency repair, the danger being over", None),
    ],
)
def test_urgent_is_proposed_where_the_wording_says_so(label, when, words):
    rule = a_rule(label, number(3), when=when, examples=("come and see",))
    location = a_location("store-1", BILLING, rule)
    report = lint_of(location)
    assert report.ok
    found = [finding for finding in report.findings if finding.kind == "urgent"]
    assert [finding.rule for finding in found] == ([] if words is None else [label])
    for finding in found:
        assert finding.message == f'{label!r} says "{words}", and is not urgent'
    marked = [
        rule.model_copy(update=fields)
        for fields in ({"urgent": True}, {"action": "contain"}, {"enabled": False})
    ]
    for other in marked:
        kinds_found = {kind for kind, _, _ in kinds(lint_of(a_location("s", BILLING, other)))}
        assert "urgent" not in kinds_found


def test_a_report_is_json_and_its_summary_is_cut():
    rules = [a_rule(f"Rule {i}", number(i), when=f"other {i}", enabled=False) for i in range(14)]
    report = lint_of(a_location("store-1", *rules))
    assert len(json.loads(json.dumps(report.to_dict()))["findings"]) == len(report.findings)
    assert str(report) == report.summary() == report.__rich__().plain
    assert "14 unreachable" in report.summary()
    assert "  ... and 4 more" in report.summary()


def test_findings_are_ordered_by_kind_and_locations():
    report = lint_of(
        a_location("store-1", BILLING, SAME_CALLERS),
        a_location("store-2", BILLING, GAS.model_copy(update={"enabled": False})),
        *(a_location(f"store-{i}", BILLING, a_rule("X", number(9), when="other")) for i in (3, 4)),
        a_location("store-5", BILLING, a_rule("A", number(9), when="other")),
    )
    assert [(finding.kind, finding.n_locations) for finding in report.findings] == [
        ("unreachable", 1),
        ("overlap", 1),
        ("vague", 2),
        ("vague", 1),
    ]


@given(location_lists, st.randoms())
@settings(max_examples=50)
def test_the_order_of_locations_and_rules_does_not_matter(locations, shuffler):
    def shuffled(location):
        rules = list(location.rules)
        shuffler.shuffle(rules)
        return location.model_copy(update={"rules": tuple(rules)})

    def said(report):
        return {
            (finding.message, finding.suggestion, finding.n_locations)
            for finding in report.findings
        }

    other = [shuffled(location) for location in locations]
    shuffler.shuffle(other)
    assert said(lint_of(*other)) == said(lint_of(*locations))


@given(
    st.integers(1, 6).flatmap(
        lambda n: st.lists(
            st.lists(st.integers(0, 3), min_size=n, max_size=n), min_size=1, max_size=5
        )
    )
)
def test_places_are_equal_where_phones_are(codes):
    found = places_of(np.array(codes, np.uint64))
    assert found.tolist() == [[row.index(code) for code in row] for row in codes]


@given(location_lists)
@settings(max_examples=50)
def test_confidences_are_the_engines_own(locations):
    """A sentence whole, and left out, against engines with that very rule table."""
    encoder = HashingEncoder()
    background = background_for(encoder)

    def answered(location, rules, sentence):
        engine = RoutingEngine(
            [location.model_copy(update={"rules": tuple(rules)})], encoder=encoder
        )
        found = {
            c.label: c.confidence for c in engine.route(location.location_id, sentence).candidates
        }
        return [found.get(str(i), 0.0) for i in range(len(location.rules))]

    for location in locations[:1]:
        rules = [rule.model_copy(update={"label": str(i)}) for i, rule in enumerate(location.rules)]
        columns = LocationColumns.from_locations(
            [location.model_copy(update={"rules": tuple(rules)})]
        )
        texts = [rule_texts(rule) for rule in rules]
        measured = measure(
            list(dict.fromkeys(texts)), encoder, background, PARAMETERS, progress=False
        )
        for case in cases(columns):
            own = [measured[item] for item in texts]
            for asked in ask(own, case.places, background, PARAMETERS):
                if not any(map(str.isalnum, asked.text)):
                    continue
                rule = rules[asked.rule]
                kept = tuple(text for text in rule.examples if text != asked.text)
                left = rule.model_copy(update={"examples": kept})
                others = [left if other is rule else other for other in rules]
                if not asked.is_example:
                    others.remove(rule)
                whole = answered(location, rules, asked.text)
                apart = answered(location, others, asked.text)
                np.testing.assert_allclose(asked.whole, whole, atol=2e-5)
                np.testing.assert_allclose(asked.apart, apart, atol=2e-5)


# With the real encoder.


@pytest.fixture(scope="module")
def real():
    return RoutingEngine()


@pytest.mark.model
def test_the_sample_sheet_has_few_findings(real):
    columns = RoutingEngine.from_csv(DATA / "franchise.csv", encoder=real.encoder).columns
    report = real.lint(columns)
    counts = Counter(finding.kind for finding in report.findings)
    assert (report.n_locations, report.n_rules) == (73, 21)
    assert set(counts) == {"unreachable", "example"}
    assert counts["example"] <= 25  # of 938: hard ones, not misplaced ones
    (closed,) = [finding for finding in report.findings if finding.kind == "unreachable"]
    assert (closed.rule, closed.n_locations) == ("Reschedule Visit", 2)
    assert "closed hours" in closed.message


@pytest.mark.model
def test_rules_without_examples_that_say_the_same_overlap(real):
    one = a_rule("Refunds", number(1), when="caller wants their money back")
    other = a_rule("Money", number(2), when="caller wants to get a refund")
    (finding,) = real.lint([a_location("store-1", one, other, GAS)]).findings
    assert finding.kind == "overlap"
    assert finding.message.endswith(f" were it not for '{finding.rule}')")
    assert finding.suggestion == (
        f"give '{finding.rule}' and '{finding.other}' examples of what only its callers say"
    )


@pytest.mark.model
def test_an_example_in_the_wrong_rule(real):
    stray = "the basement is flooding with water"
    billing = BILLING.model_copy(update={"examples": (*BILLING.examples, stray)})
    (finding,) = real.lint([a_location("store-1", billing, GAS)]).findings
    assert (finding.kind, finding.rule, finding.other) == ("example", "Billing", "Emergency")
    assert finding.sentence == stray
    assert finding.measured > 0.7
    assert "move it to 'Emergency'" in finding.suggestion


@pytest.mark.model
@pytest.mark.parametrize(
    "when",
    [
        *SAYS_NOTHING,
        "caller needs help",
        "general questions",
        "other",
        "miscellaneous",
        "caller has a general question",
        "caller wants information",
        "anything not covered above",
        "customer would like some help please",
        "caller is calling about something",
        "caller is not sure what they need",
    ],
)
def test_vague_descriptions_are_found(real, when):
    report = real.lint([a_location("store-1", BILLING, a_rule("General", number(9), when=when))])
    assert ("vague", "General", None) in kinds(report)


def tables(folder, n_examples):
    """The rule tables of the development cases, with fewer examples."""
    return [
        [{**rule, "examples": rule["examples"][:n_examples]} for rule in case["rules"]]
        for name in ("clinc150", "banking77")
        for case in read_cases(folder / f"{name}.dev.jsonl")
    ]


def as_location(number_of_table, rules):
    return Location(
        location_id=f"store-{number_of_table}",
        default_destination=number(999_999),
        rules=[ContextRule(**{**rule, "destination": number(i)}) for i, rule in enumerate(rules)],
    )


def found_in(engine, made):
    """For each table, the findings of a lint of it alone."""
    known = {}

    class Remembering:
        dimension = engine.encoder.dimension
        fingerprint = engine.encoder.fingerprint

        def encode(self, texts):
            new = [text for text in texts if text not in known]
            known.update(zip(new, engine.encoder.encode(new), strict=True) if new else ())
            return np.stack([known[text] for text in texts])

    own = RoutingEngine(encoder=Remembering())
    return [own.lint([as_location(i, rules)]).findings for i, rules in enumerate(made)]


@pytest.mark.model
@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize(("n_examples", "overlaps", "examples"), [(0, 0.2, 0), (5, 0.4, 0.4)])
def test_clean_tables_have_few_findings(real, eval_folder, n_examples, overlaps, examples):
    made = tables(eval_folder, n_examples)
    counts = Counter(finding.kind for findings in found_in(real, made) for finding in findings)
    assert counts["overlap"] <= overlaps * len(made)
    assert counts["example"] <= examples * len(made)
    assert counts["vague"] <= 0.1 * len(made)
    assert counts["unreachable"] == 0


@pytest.mark.model
@pytest.mark.shared
@pytest.mark.slow
def test_faults_put_into_clean_tables_are_found(real, eval_folder):
    draw = random.Random(20240601)
    faulty = {"moved": [], "copied": [], "reworded": [], "emptied": []}
    for rules in tables(eval_folder, 5):
        here, there = draw.sample(range(len(rules)), 2)
        stray = draw.choice(rules[there]["examples"])

        def changed(at, rules=rules, **fields):
            return [{**rule, **fields} if i == at else rule for i, rule in enumerate(rules)]

        kept = [text for text in rules[there]["examples"] if text != stray]
        moved = changed(there, examples=kept)
        moved[here] = {**moved[here], "examples": [*moved[here]["examples"], stray]}
        faulty["moved"].append((moved, lambda f, stray=stray: f.sentence == stray))
        label, when = rules[here]["label"], rules[here]["when"]
        pair = {label, "Another"}
        copy = {**rules[here], "label": "Another", "when": f"calls where {when}"}
        is_pair = lambda f, pair=pair: {f.rule, f.other} == pair  # noqa: E731
        faulty["copied"].append(([*rules, copy], is_pair))
        bare = [{**rule, "examples": []} for rule in rules]
        faulty["reworded"].append(([*bare, {**copy, "examples": []}], is_pair))
        faulty["emptied"].append(
            (
                changed(here, when=draw.choice(["caller needs help", "general questions", "misc"])),
                lambda f, label=label: f.kind == "vague" and f.rule == label,
            )
        )
    recall = {
        fault: np.mean(
            [
                any(map(wanted, findings))
                for (_, wanted), findings in zip(
                    made, found_in(real, [rules for rules, _ in made]), strict=True
                )
            ]
        )
        for fault, made in faulty.items()
    }
    assert recall["moved"] >= 0.7, recall
    assert recall["copied"] >= 0.97, recall
    assert recall["reworded"] >= 0.85, recall
    assert recall["emptied"] >= 0.95, recall


LINE = "+14155550199"


@pytest.mark.parametrize(
    ("where", "rule", "said"),
    [
        ({"default_destination": LINE}, "", "the default destination"),
        ({"default_destination": f"{LINE};ext=12"}, "", "the default destination"),
        ({"after_hours": f"sip:{LINE}@trunk.example"}, "", "the after-hours number"),
        ({"rule": {"destination": LINE}}, "Billing", "the destination of 'Billing'"),
        ({"rule": {"fallback": (number(7), LINE)}}, "Billing", "a fallback of 'Billing'"),
        (
            {"rule": {"destination": "sip:desk@pbx.example"}},
            "Billing",
            "the destination of 'Billing'",
        ),
    ],
)
def test_a_number_that_points_at_its_own_line_is_named(where, rule, said):
    where = dict(where)
    billing = a_rule("Billing", **{"destination": number(1), **where.pop("rule", {})})
    lines = {"lines": (LINE, "desk")}
    report = lint_of(
        a_location("store-1", billing, **lines, **where),
        a_location("store-2", billing, lines=(number(8),), **where),
        a_location("store-3", billing, **where),
    )
    (finding,) = [found for found in report.findings if found.kind == "loop"]
    assert (finding.rule, finding.locations, finding.n_locations) == (rule, ("store-1",), 1)
    assert finding.message == f"{said} points at a line of its own location, and is never dialled"
    assert report.findings[0] is finding


def test_without_lines_there_is_no_loop():
    assert lint_of(a_location("store-1", BILLING, GAS)).ok

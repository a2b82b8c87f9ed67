"""Confidences and policy to a verdict: every outcome by example, then its laws."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_engine import Outcome, Reason, RoutingPolicy, RuleText
from routing_engine.deciding.gates import Verdict, decide

HERE, THERE, ELSEWHERE = 14155550101, 14155550102, 14155550103
PLAIN = RoutingPolicy(margin=0.0)
ASKING = RoutingPolicy(margin=0.1)
GUESSING = RoutingPolicy(margin=0.1, on_ambiguous="best")


def text(label, **fields):
    return RuleText(label=label, when=fields.pop("when", f"asks about {label}"), **fields)


A, B, C = text("A"), text("B"), text("C")


def verdict(outcome, reason, rule=None, rival=None, threshold=0.5):
    return Verdict(Outcome(outcome), Reason(reason), rule, rival, threshold)


MATCHED = verdict("transfer", "rule_matched", 0)
BELOW = verdict("default", "below_threshold")


@pytest.mark.parametrize(
    ("confidences", "rules", "options", "expected"),
    [
        pytest.param([0.9], [A], {}, MATCHED, id="a rule matches"),
        pytest.param([0.5], [A], {}, MATCHED, id="the threshold itself is enough"),
        pytest.param([0.4999], [A], {}, BELOW, id="less is not"),
        pytest.param([0.1, 0.9], [A, B], {}, MATCHED._replace(rule=1), id="the best rule wins"),
        pytest.param([0.0], [A], {"threshold": 0.0}, MATCHED._replace(threshold=0.0), id="zero"),
        pytest.param([1.0], [A], {"threshold": 1.0}, MATCHED._replace(threshold=1.0), id="one"),
        pytest.param(
            [0.0],
            [text("A", threshold=0.0)],
            {},
            MATCHED._replace(threshold=0.0),
            id="a rule's own zero is a threshold",
        ),
        pytest.param(
            [0.8],
            [text("A", threshold=0.9)],
            {},
            BELOW._replace(threshold=0.9),
            id="a rule's own threshold is higher",
        ),
        pytest.param(
            [0.8, 0.7],
            [text("A", threshold=0.9), B],
            {},
            BELOW._replace(threshold=0.9),
            id="a rule that is second best does not step in for the best",
        ),
        pytest.param([float("nan")], [A], {}, BELOW, id="no number matches nothing"),
        pytest.param(
            [0.9],
            [text("A", enabled=False)],
            {},
            verdict("default", "rule_disabled", 0),
            id="disabled",
        ),
        pytest.param(
            [0.4],
            [text("A", enabled=False)],
            {},
            BELOW,
            id="disabled and below the threshold",
        ),
        pytest.param(
            [0.9],
            [text("A", action="contain")],
            {},
            verdict("default", "routine", 0),
            id="routine business",
        ),
        pytest.param(
            [0.9],
            [text("A", requires_verification=True, requires_confirmation=True)],
            {},
            verdict("verify", "verification_required", 0),
            id="verification comes before confirmation",
        ),
        pytest.param(
            [0.9],
            [text("A", requires_verification=True, requires_confirmation=True)],
            {"verified": True},
            verdict("confirm", "confirmation_required", 0),
            id="confirmation comes after verification",
        ),
        pytest.param(
            [0.9],
            [text("A", requires_verification=True, requires_confirmation=True)],
            {"confirmed": True},
            verdict("verify", "verification_required", 0),
            id="a confirmation does not verify",
        ),
        pytest.param(
            [0.9],
            [text("A", requires_verification=True, requires_confirmation=True)],
            {"verified": True, "confirmed": True},
            MATCHED,
            id="verified and confirmed",
        ),
        pytest.param(
            [0.9],
            [text("A", requires_verification=True)],
            {"verified": True},
            MATCHED,
            id="verified",
        ),
        pytest.param(
            [0.9],
            [text("A", requires_confirmation=True)],
            {"confirmed": True},
            MATCHED,
            id="confirmed",
        ),
        pytest.param(
            [0.9],
            [text("A", requires_verification=True, enabled=False)],
            {},
            verdict("default", "rule_disabled", 0),
            id="disabled comes before verification",
        ),
        pytest.param([0.9, 0.85], [A, B], {}, MATCHED, id="no margin never asks"),
        pytest.param(
            [0.9, 0.85],
            [A, B],
            {"policy": ASKING},
            verdict("clarify", "ambiguous", 0, 1),
            id="two rules too close",
        ),
        pytest.param([0.9, 0.85], [A, B], {"policy": GUESSING}, MATCHED, id="the best of two"),
        pytest.param([0.9, 0.75], [A, B], {"policy": ASKING}, MATCHED, id="far enough apart"),
        pytest.param(
            [0.9, 0.85],
            [A, B],
            {"policy": ASKING, "destinations": [HERE, HERE]},
            MATCHED,
            id="the same phone rings",
        ),
        pytest.param(
            [0.45, 0.4],
            [A, B],
            {"policy": ASKING},
            verdict("clarify", "ambiguous", 0, 1),
            id="neither passes, and the caller means one of the two",
        ),
        pytest.param(
            [0.24, 0.2], [A, B], {"policy": ASKING}, BELOW, id="the two together do not pass"
        ),
        pytest.param(
            [0.24, 0.2],
            [A, B],
            {"policy": ASKING, "threshold": 0.1},
            MATCHED._replace(threshold=0.1),
            id="nobody is asked about what is less likely than not",
        ),
        pytest.param(
            [0.45, 0.4],
            [A, text("B", threshold=0.9)],
            {"policy": ASKING},
            verdict("clarify", "ambiguous", 0, 1),
            id="the threshold of the best counts for both",
        ),
        pytest.param(
            [0.45, 0.4],
            [text("A", enabled=False), B],
            {"policy": ASKING},
            BELOW,
            id="nobody is asked about a disabled rule",
        ),
        pytest.param(
            [0.45, 0.4],
            [text("A", hours="closed"), B],
            {"policy": ASKING},
            BELOW,
            id="nor about one outside its hours",
        ),
        pytest.param(
            [0.9, 0.85],
            [A, text("B", enabled=False)],
            {"policy": ASKING},
            MATCHED,
            id="a disabled rule is no rival",
        ),
        pytest.param(
            [0.85, 0.9, 0.88],
            [A, B, C],
            {"policy": ASKING},
            verdict("clarify", "ambiguous", 1, 2),
            id="the closest of two rivals",
        ),
        pytest.param(
            [0.85, 0.9, 0.88],
            [A, B, C],
            {"policy": ASKING, "destinations": [HERE, THERE, THERE]},
            verdict("clarify", "ambiguous", 1, 0),
            id="the closest rival that leads elsewhere",
        ),
        pytest.param(
            [0.85, 0.9, 0.85],
            [C, B, A],
            {"policy": ASKING},
            verdict("clarify", "ambiguous", 1, 2),
            id="rivals that tie are told apart by label",
        ),
        pytest.param(
            [0.9, 0.85],
            [text("A", requires_verification=True), B],
            {"policy": ASKING},
            verdict("clarify", "ambiguous", 0, 1),
            id="a question comes before verification",
        ),
        pytest.param(
            [0.9, 0.9],
            [B, A],
            {},
            MATCHED._replace(rule=1),
            id="a tie is broken by label",
        ),
        pytest.param(
            [0.9, 0.9],
            [text("A", when="z"), text("A", when="y")],
            {},
            MATCHED._replace(rule=1),
            id="then by the situation",
        ),
        pytest.param(
            [0.9, 0.9],
            [A, A],
            {"destinations": [THERE, HERE]},
            MATCHED._replace(rule=1),
            id="then by destination",
        ),
    ],
)
def test_verdict(confidences, rules, options, expected):
    options = {
        "policy": PLAIN,
        "threshold": 0.5,
        "destinations": [HERE, THERE, ELSEWHERE][: len(rules)],
        **options,
    }
    destinations = options.pop("destinations")
    assert decide(confidences, rules, destinations, **options) == expected


_LEVELS = (0.0, 0.3, 0.31, 0.5, 0.55, 0.9, 0.95, 1.0)


@st.composite
def cases(draw, max_rules=5):
    """Confidences, rules and destinations of one location, with many ties."""
    n = draw(st.integers(1, max_rules))
    rules = [
        RuleText(
            label=draw(st.sampled_from("AB")),
            when=f"situation {draw(st.integers(0, 1))}{i}",
            threshold=draw(st.none() | st.sampled_from(_LEVELS)),
            enabled=draw(st.sampled_from((True, True, False))),
            action=draw(st.sampled_from(("transfer", "transfer", "contain"))),
            requires_verification=draw(st.booleans()),
            requires_confirmation=draw(st.booleans()),
        )
        for i in range(n)
    ]
    confidences = draw(st.lists(st.sampled_from(_LEVELS), min_size=n, max_size=n))
    destinations = draw(st.lists(st.sampled_from((HERE, THERE, ELSEWHERE)), min_size=n, max_size=n))
    return confidences, rules, destinations


policies = st.builds(
    RoutingPolicy,
    margin=st.sampled_from((0.0, 0.02, 0.1, 0.5)),
    on_ambiguous=st.sampled_from(("clarify", "best")),
)
thresholds = st.sampled_from(_LEVELS)


@given(cases(), policies, thresholds, thresholds, st.booleans(), st.booleans())
def test_a_higher_threshold_only_adds_defaults(case, policy, one, other, verified, confirmed):
    low, high = sorted((one, other))
    loose, strict = (
        decide(*case, policy=policy, threshold=t, verified=verified, confirmed=confirmed)
        for t in (low, high)
    )
    assert strict[:3] in (loose[:3], (Outcome.DEFAULT, Reason.BELOW_THRESHOLD, None))


@given(cases(), policies, thresholds, thresholds)
def test_a_higher_threshold_never_changes_which_rule_is_meant(case, policy, one, other):
    low, high = sorted((one, other))
    loose = decide(*case, policy=policy, threshold=low)
    strict = decide(*case, policy=policy, threshold=high)
    assert strict.rule in (loose.rule, None)


@given(cases(max_rules=4), policies, thresholds)
def test_the_order_of_rules_does_not_matter(case, policy, threshold):
    outcomes = set()
    for order in itertools.permutations(range(len(case[0]))):
        confidences, rules, destinations = ([column[i] for i in order] for column in case)
        found = decide(confidences, rules, destinations, policy=policy, threshold=threshold)
        outcomes.add(
            found._replace(
                rule=None if found.rule is None else order[found.rule],
                rival=None if found.rival is None else order[found.rival],
            )
        )
    assert len(outcomes) == 1


@pytest.mark.parametrize("gate", ["requires_verification", "requires_confirmation", "enabled"])
def test_the_order_of_rules_that_differ_in_their_gates_alone_does_not_matter(gate):
    plain = text("A")
    gated = text("A", **{gate: gate != "enabled"})
    outcomes = {
        decide([0.9, 0.9], rules, [HERE, HERE], policy=PLAIN, threshold=0.5).outcome
        for rules in ([plain, gated], [gated, plain])
    }
    assert len(outcomes) == 1


@given(cases(), policies, thresholds, st.booleans(), st.booleans())
def test_a_verdict_is_about_the_most_confident_rule_and_follows_from_it(
    case, policy, threshold, verified, confirmed
):
    confidences, rules, destinations = case
    found = decide(
        *case, policy=policy, threshold=threshold, verified=verified, confirmed=confirmed
    )
    if found.rule is None:
        assert found.reason is Reason.BELOW_THRESHOLD
        assert max(confidences) < found.threshold
        return
    rule = rules[found.rule]
    assert confidences[found.rule] == max(confidences)
    assert confidences[found.rule] >= found.threshold or found.outcome is Outcome.CLARIFY
    assert found.threshold == (threshold if rule.threshold is None else rule.threshold)
    assert (found.reason is Reason.RULE_DISABLED) == (not rule.enabled)
    if found.outcome is Outcome.TRANSFER:
        assert rule.enabled
        assert rule.action == "transfer"
        assert verified or not rule.requires_verification
        assert confirmed or not rule.requires_confirmation
    if found.outcome is Outcome.CLARIFY:
        assert destinations[found.rival] != destinations[found.rule]
        assert confidences[found.rule] - confidences[found.rival] < policy.margin
        assert confidences[found.rule] + confidences[found.rival] >= max(0.5, found.threshold)
        assert rules[found.rival].enabled
    else:
        assert found.rival is None


@given(cases(), thresholds)
def test_what_is_verified_and_confirmed_is_never_asked_for_again(case, threshold):
    found = decide(*case, policy=PLAIN, threshold=threshold, verified=True, confirmed=True)
    assert found.outcome in (Outcome.TRANSFER, Outcome.DEFAULT)


@pytest.mark.parametrize(
    ("hours", "open_now", "outcome"),
    [
        ("always", True, Outcome.TRANSFER),
        ("always", False, Outcome.TRANSFER),
        ("open", True, Outcome.TRANSFER),
        ("open", False, Outcome.CLOSED),
        ("closed", True, Outcome.DEFAULT),
        ("closed", False, Outcome.TRANSFER),
        (None, True, Outcome.TRANSFER),
        (None, False, Outcome.CLOSED),
    ],
)
def test_a_rule_applies_in_its_hours_only(hours, open_now, outcome):
    rule = RuleText(label="Sales", when="caller wants to buy", hours=hours)
    verdict = decide([0.9], [rule], [1], policy=RoutingPolicy(), threshold=0.5, open_now=open_now)
    assert verdict.outcome is outcome
    assert (verdict.reason is Reason.OUTSIDE_HOURS) is (outcome is not Outcome.TRANSFER)


@pytest.mark.parametrize(
    ("confidences", "rules", "expected"),
    [
        pytest.param([0.4], [A], verdict("closed", "outside_hours"), id="no rule matches"),
        pytest.param(
            [0.9, 0.1],
            [text("A", hours="open"), B],
            verdict("closed", "outside_hours", 0),
            id="the best rule is for open hours",
        ),
        pytest.param(
            [0.9],
            [text("A", enabled=False, hours="always")],
            verdict("closed", "outside_hours", 0),
            id="the best rule is disabled",
        ),
        pytest.param(
            [0.9],
            [text("A", action="contain")],
            verdict("closed", "routine", 0),
            id="routine business is routine at any hour",
        ),
        pytest.param(
            [0.9],
            [text("A", action="contain", hours="open")],
            verdict("closed", "outside_hours", 0),
            id="unless its rule says otherwise",
        ),
        pytest.param(
            [0.9],
            [text("A", hours="always", requires_verification=True)],
            verdict("verify", "verification_required", 0),
            id="the gates after hours are asked as ever",
        ),
        pytest.param(
            [0.85, 0.9],
            [text("A", hours="always"), text("B", hours="always")],
            verdict("clarify", "ambiguous", 1, 0),
            id="and so is what is ambiguous",
        ),
    ],
)
def test_at_a_location_that_is_closed_nobody_is_sent_to_the_default(confidences, rules, expected):
    found = decide(
        confidences, rules, [HERE, THERE][: len(rules)], policy=ASKING, threshold=0.5,
        open_now=False,
    )  # fmt: skip
    assert found == expected


@given(cases(), thresholds)
def test_at_a_location_that_is_closed_only_rules_for_that_hour_transfer(case, threshold):
    rules = case[1]
    options = {"policy": PLAIN, "threshold": threshold, "verified": True, "confirmed": True}
    shut, open_ = (decide(*case, open_now=now, **options) for now in (False, True))
    assert shut.outcome in (Outcome.TRANSFER, Outcome.CLOSED)
    assert (shut.threshold, open_.outcome is Outcome.CLOSED) == (open_.threshold, False)
    if shut.outcome is Outcome.TRANSFER:
        assert rules[shut.rule].hours not in ("open", None)
    if {shut.outcome, open_.outcome} == {Outcome.TRANSFER}:
        assert rules[shut.rule].hours == "always"


# ---------------------------------------------------------------- urgent rules

URGENT = text("U", urgent=True)
EAGER = RoutingPolicy(margin=0.2, urgent_threshold=0.3)


@pytest.mark.parametrize(
    ("confidences", "rules", "options", "expected"),
    [
        pytest.param([0.3], [URGENT], {}, MATCHED._replace(threshold=0.3), id="is asked for less"),
        pytest.param([0.29], [URGENT], {}, BELOW._replace(threshold=0.3), id="but for that much"),
        pytest.param(
            [0.2],
            [URGENT],
            {"threshold": 0.2},
            MATCHED._replace(threshold=0.2),
            id="is never asked for more than others",
        ),
        pytest.param(
            [0.4],
            [text("U", urgent=True, threshold=0.5)],
            {},
            BELOW,
            id="its own threshold stays",
        ),
        pytest.param(
            [0.49, 0.3],
            [A, URGENT],
            {},
            verdict("transfer", "rule_matched", 1, threshold=0.3),
            id="wins a near tie",
        ),
        pytest.param([0.55, 0.34], [A, URGENT], {}, MATCHED, id="not one that is further off"),
        pytest.param(
            [0.45, 0.29], [A, URGENT], {}, BELOW, id="is asked about neither where it is unsure"
        ),
        pytest.param(
            [0.45, 0.44],
            [text("V", urgent=True), URGENT],
            {},
            verdict("transfer", "rule_matched", 0, threshold=0.3),
            id="is not asked about where two are urgent",
        ),
        pytest.param(
            [0.5, 0.4],
            [text("A", action="contain"), URGENT],
            {},
            verdict("transfer", "rule_matched", 1, threshold=0.3),
            id="goes before routine business",
        ),
        pytest.param(
            [0.6, 0.45],
            [A, text("U", urgent=True, enabled=False)],
            {},
            MATCHED,
            id="a disabled one wins nothing",
        ),
        pytest.param(
            [0.6, 0.45],
            [text("A", hours="always"), URGENT],
            {"open_now": False},
            MATCHED,
            id="nor one that is not for this hour",
        ),
        pytest.param(
            [0.9],
            [URGENT],
            {"open_now": False},
            verdict("closed", "outside_hours", 0, threshold=0.3),
            id="hours still count",
        ),
        pytest.param(
            [0.4],
            [text("U", urgent=True, requires_verification=True)],
            {},
            verdict("verify", "verification_required", 0, threshold=0.3),
            id="and so does verification",
        ),
        pytest.param(
            [0.4],
            [text("U", urgent=True, requires_confirmation=True)],
            {},
            verdict("confirm", "confirmation_required", 0, threshold=0.3),
            id="and confirmation",
        ),
        pytest.param(
            [0.4],
            [URGENT],
            {"odds_urgent": 2.0},
            BELOW._replace(threshold=pytest.approx(0.6 / 1.3)),
            id="a call may ask for more",
        ),
        pytest.param(
            [0.5],
            [URGENT],
            {"odds_urgent": 2.0, "odds_factor": 9.0},
            MATCHED._replace(threshold=pytest.approx(0.6 / 1.3)),
            id="and is not patient with what cannot wait",
        ),
    ],
)
def test_an_urgent_rule(confidences, rules, options, expected):
    policy = {"policy": EAGER, "threshold": 0.5}
    assert decide(confidences, rules, [HERE, THERE][: len(rules)], **policy | options) == expected

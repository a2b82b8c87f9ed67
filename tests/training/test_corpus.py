"""The corpus of callers: what is read, how tables are drawn, and what a poor file is told."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.callers import STYLES, case_of
from routing_engine import HashingEncoder, InvalidValueError
from routing_engine.training.checking import check
from routing_engine.training.corpus import SPLITS, read_business, read_corpus
from routing_engine.training.intents import read_intents
from routing_engine.training.tables import NONE, draw_table, with_calls

CORPUS = Path(__file__).parents[2] / "data" / "callers"


@pytest.fixture(scope="module")
def corpus():
    return read_corpus(CORPUS, *SPLITS)


def test_no_business_is_in_two_splits_and_none_is_left_out(corpus):
    assert len(corpus) >= 100
    names = [business.name for business in (*corpus, *read_corpus(CORPUS, "draft"))]
    assert len(set(names)) == len(names)
    assert set(names) == {path.stem for path in CORPUS.glob("*.json")} - {"split"}


def test_home_services_are_kept_for_the_test():
    names = {business.name for business in read_corpus(CORPUS, "test")}
    assert {"heating_cooling", "plumbing_company", "electrical_contractor"} <= names


def test_every_business_is_well_written(corpus):
    # By words alone here; ``python -m routing_engine.training check`` compares by meaning, too.
    faults = {b.name: check(b, HashingEncoder()).faults for b in corpus}
    faults = {
        name: [fault for fault in found if not fault.startswith("nearly the same")]
        for name, found in faults.items()
    }
    assert {name: found for name, found in faults.items() if found} == {}


def test_no_sentence_is_said_in_two_businesses_of_different_splits():
    said = {}
    for split in SPLITS:
        for business in read_corpus(CORPUS, split):
            for situation in business.situations:
                for text in situation.utterances:
                    if len(text.split()) <= 6:  # what anybody says anywhere: "can i drop a cv in"
                        continue
                    assert said.setdefault(text.lower(), split) == split, text


def test_a_table_answers_with_rules_of_its_own_and_turns_away_the_rest(corpus):
    business = corpus[0]
    labels = {text: s.label for s in business.situations for text in s.utterances}
    whens = {when: s.label for s in business.situations for when in s.whens}
    for seed in range(50):
        table = draw_table(business, random.Random(seed))
        of_rule = {}
        for text, answer in zip(table.utterances, table.answers, strict=True):
            if text in labels and answer != NONE:
                assert of_rule.setdefault(answer, labels[text]) == labels[text]
        for i, description in enumerate(table.descriptions):
            if description in whens and i in of_rule:
                assert whens[description] == of_rule[i]
        left_out = set(labels.values()) - set(of_rule.values())
        for text, answer in zip(table.utterances, table.answers, strict=True):
            if labels.get(text) in left_out:
                assert answer == NONE
    assert draw_table(business, random.Random(3)) == draw_table(business, random.Random(3))


def test_calls_are_learnt_from_as_they_are_read_up_to_the_turn_at_which_one_knows(corpus):
    business = next(b for b in corpus if b.name == "accounting_firm")
    call = next(c for c in business.conversations if c.kind == "in pieces" and c.rule)
    made = with_calls(business)
    for before, after in zip(business.situations, made.situations, strict=True):
        assert after.utterances[: len(before.utterances)] == before.utterances
        calls = [c for c in business.conversations if c.rule == before.label and not c.person]
        assert len(after.utterances) == len(before.utterances) + len(calls)
    told = " ".join(
        text for s in made.situations if s.label == call.rule for text in s.utterances[-3:]
    )
    said = [text for speaker, text in call.turns if speaker == "caller"]
    assert said[call.known_at - 1] in told
    assert all(after not in told for after in said[call.known_at :])
    stayed = [c for c in business.conversations if c.rule is None and not c.person]
    assert len(made.routine) == len(business.routine) + len(stayed)


def test_utterances_as_heard_have_the_same_words(corpus):
    read, heard = (draw_table(corpus[0], random.Random(5), heard=heard) for heard in (False, True))
    assert read.answers == heard.answers
    changed = [
        (one, other)
        for one, other in zip(read.utterances, heard.utterances, strict=True)
        if one != other
    ]
    assert changed
    for one, other in changed:
        words = "".join(c for c in one.lower() if c.isalnum())
        assert "".join(c for c in other.lower() if c.isalnum()).endswith(words)


def test_a_case_keeps_its_examples_out_of_its_queries(corpus):
    business = corpus[0]
    case = case_of(business, STYLES.index("full"))
    examples = {text for rule in case["rules"] for text in rule["examples"]}
    assert not examples & {query["text"] for query in case["queries"]}
    assert len(case["queries"]) + len(examples) == sum(
        len(s.utterances) for s in business.situations
    ) + len(business.uncovered) + len(business.routine)
    assert [rule["when"] for rule in case["rules"]] == [s.whens[1] for s in business.situations]


def test_a_poor_file_is_told_what_is_poor(corpus):
    business = corpus[0]
    first = business.situations[0]
    poor = replace(
        business,
        situations=(
            replace(first, utterances=(first.label.lower(),) * 3, whens=first.whens[:2]),
            *business.situations[1:],
        ),
        routine=(),
    )
    faults = check(poor, HashingEncoder()).faults
    assert f"{first.label}: 2 descriptions, not 4" in faults
    assert f"{first.label}: 3 utterances, not 20" in faults
    assert f"{first.label}: 0 of 3 utterances are free of its own words" in faults
    assert f"said twice: {first.label.lower()!r}" in faults
    assert "0 routine questions, not 34" in faults


def test_a_file_that_is_no_business_is_refused(tmp_path):
    path = tmp_path / "shop.json"
    path.write_text(json.dumps({"trade": "Shop"}), encoding="utf-8")
    with pytest.raises(InvalidValueError, match=r"shop\.json is no business"):
        read_business(path)
    with pytest.raises(InvalidValueError, match="names no split"):
        read_corpus(tmp_path, "train")


def test_intent_sets_become_businesses_that_turn_each_other_away(tmp_path):
    for name in ("one", "other"):
        lines = [
            {
                "intent": f"{name}-{i}",
                "domain": f"{name}-{i // 7}",
                "label": f"{name} {i}",
                "when": f"caller asks for {name} {i}",
                "utterances": [f"{name} {i} {j}" for j in range(20)],
            }
            for i in range(21)
        ]
        text = "\n".join(map(json.dumps, lines))
        (tmp_path / f"{name}.jsonl").write_text(text, encoding="utf-8")
    paths = [tmp_path / "one.jsonl", tmp_path / "other.jsonl"]
    businesses = read_intents(paths)
    assert businesses == read_intents(paths)
    assert len(businesses) == 2 * (3 + 10)
    for business in businesses:
        labels = {situation.label.split()[0] for situation in business.situations}
        assert len(labels) == 1
        assert {text.split()[0] for text in business.uncovered} == {"one", "other"} - labels
    with pytest.raises(InvalidValueError, match="at least two"):
        read_intents(paths[:1])

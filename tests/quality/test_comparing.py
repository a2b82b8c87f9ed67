"""Backtests: which calls would go elsewhere, and how people and programs read it."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from routing_engine import (
    Case,
    EncoderError,
    HashingEncoder,
    InvalidValueError,
    MissingExtraError,
    Outcome,
    RoutingEngine,
)
from routing_engine.quality.evaluation import picked
from routing_engine.quality.recorded import RecordedCall, recorded_calls
from tests.support.labelled import ENCODER, labelled_cases, locations
from tests.support.strategies import a_location, a_rule, number

FLOOD, INVOICE = "there is a flood and a leak", "my invoice has a wrong charge"


class CountingEncoder(HashingEncoder):
    """Counts the texts that it is given."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.texts = Counter()

    def encode(self, texts):
        self.texts.update(texts)
        return super().encode(texts)


def an_engine(*rules, encoder=ENCODER, location_id="store-1", **options):
    return RoutingEngine(
        [a_location(location_id, *rules, threshold=0.1, **options)], encoder=encoder
    )


def billing(destination=1, **options):
    return a_rule("Billing", number(destination), when="invoice charge refund payment", **options)


def emergency(destination=2, **options):
    return a_rule("Emergency", number(destination), when="flood leak burst smoke", **options)


class TestWhatGoesElsewhere:
    def test_an_engine_compared_with_itself_moves_nothing(self):
        engine = RoutingEngine(locations(), encoder=ENCODER)
        found = engine.compare(engine, labelled_cases(60))
        assert (found.n, found.n_moved, found.moves) == (60, 0, ())
        assert (found.n_labelled, found.gained, found.lost) == (60, 0, 0)
        assert found.right_before == found.right_after > 0

    def test_a_rule_that_is_new_takes_its_calls_from_the_default(self):
        before, after = an_engine(billing()), an_engine(billing(), emergency())
        found = before.compare(after, [("store-1", FLOOD), ("store-1", INVOICE)] * 3)
        (move,) = found.moves
        assert (found.n, found.n_distinct, found.n_moved) == (6, 2, 3)
        assert (move.before, move.after, move.n) == ("default", "Emergency", 3)
        (call,) = move.calls
        assert (call.text, call.n, call.label, call.change) == (FLOOD, 3, None, None)
        assert call.before.outcome is Outcome.DEFAULT
        assert call.after.destination == number(2)

    def test_another_number_of_the_same_rule_is_elsewhere(self):
        found = an_engine(billing(1)).compare(an_engine(billing(3)), [("store-1", INVOICE)])
        (move,) = found.moves
        assert (move.before, move.after, move.is_renumbered) == ("Billing", "Billing", True)
        assert "Billing -> Billing, another number" in str(found)

    def test_another_rule_with_the_same_number_is_not(self):
        renamed = a_rule("Money", number(1), when="invoice charge refund payment")
        case = Case("store-1", INVOICE, "Billing")
        found = an_engine(billing(1)).compare(an_engine(renamed), [case])
        assert found.n_moved == 0
        assert (found.right_before, found.right_after) == (1, 1)

    @pytest.mark.parametrize(
        ("options", "way"),
        [
            ({"requires_verification": True}, "Billing, once verified"),
            ({"requires_confirmation": True}, "Billing, once confirmed"),
            ({"enabled": False}, "default"),
        ],
    )
    def test_what_happens_in_place_of_dialling_counts(self, options, way):
        found = an_engine(billing()).compare(an_engine(billing(**options)), [("store-1", INVOICE)])
        assert [(move.before, move.after) for move in found.moves] == [("Billing", way)]

    def test_the_number_behind_a_verification_counts(self):
        before, after = (an_engine(billing(i, requires_verification=True)) for i in (1, 3))
        (move,) = before.compare(after, [("store-1", INVOICE)]).moves
        assert move.is_renumbered
        assert [side.destination for side in (move.calls[0].before, move.calls[0].after)] == [
            number(1), number(3),
        ]  # fmt: skip

    def test_a_location_of_one_engine_alone_is_there_or_is_not(self):
        here, there = an_engine(billing()), an_engine(billing(), location_id="store-2")
        case = Case("store-1", INVOICE, "Billing")
        (move,) = here.compare(there, [case]).moves
        assert (move.before, move.after, move.lost) == ("Billing", "no such location", 1)
        (move,) = there.compare(here, [case]).moves
        assert (move.before, move.after, move.gained) == ("no such location", "Billing", 1)
        nothing_is_right = Case("store-1", "the weather", None)
        found = there.compare(here, [nothing_is_right])
        assert (found.right_before, found.right_after) == (0, 1)

    def test_calls_of_locations_that_neither_has_are_counted_and_named(self):
        engine = an_engine(billing())
        found = engine.compare(engine, [("store-1", INVOICE), ("gone", INVOICE), ("gone", FLOOD)])
        assert (found.n, found.n_unknown, found.unknown) == (1, 2, ("gone",))
        assert "2 more are of locations that neither has: gone" in str(found)
        with pytest.raises(InvalidValueError, match="neither engine has a location"):
            engine.compare(engine, [("gone", INVOICE)])

    def test_an_empty_utterance_goes_to_the_default_of_both(self):
        found = an_engine(billing()).compare(an_engine(), [("store-1", "")])
        assert (found.n, found.n_moved) == (1, 0)


class TestAgainstAnOracle:
    """One call after the other, by two engines."""

    @pytest.mark.parametrize("seed", range(4))
    def test_a_comparison_counts_as_a_person_would(self, seed):
        before = RoutingEngine(locations(), encoder=ENCODER)
        changed = [
            one.model_copy(
                update={"threshold": 0.05, "rules": one.rules[seed % 2 :]}  # fewer, and bolder
            )
            for one in locations(shared=True)
        ]
        after = RoutingEngine(changed, encoder=ENCODER)
        cases = labelled_cases(150, seed=seed) + labelled_cases(60, seed=seed)
        found = before.compare(after, cases)
        moved, gained, lost = 0, 0, 0
        for case in cases:
            old, new = (e.route(case.location_id, case.text) for e in (before, after))
            if (old.outcome.dials, old.destination) != (new.outcome.dials, new.destination):
                moved += 1
                rights = picked(old) == case.label, picked(new) == case.label
                gained += rights == (False, True)
                lost += rights == (True, False)
        assert moved > 10
        assert (found.n_moved, found.gained, found.lost) == (moved, gained, lost)
        assert found.n_moved == sum(move.n for move in found.moves)
        assert [move.n for move in found.moves] == sorted((m.n for m in found.moves), reverse=True)
        assert after.compare(before, cases).n_moved == moved


class TestWork:
    def test_each_sentence_is_embedded_once_for_both_engines(self):
        encoder = CountingEncoder(64)
        before, after = (
            an_engine(*some, encoder=encoder) for some in ((billing(),), (emergency(),))
        )
        encoder.texts.clear()
        before.compare(after, [("store-1", FLOOD), ("store-1", INVOICE), ("store-1", FLOOD)] * 5)
        assert encoder.texts == {FLOOD: 1, INVOICE: 1}

    def test_engines_with_other_encoders_embed_for_themselves(self):
        encoders = CountingEncoder(64), CountingEncoder(32)
        before, after = (an_engine(billing(), encoder=encoder) for encoder in encoders)
        for encoder in encoders:
            encoder.texts.clear()
        before.compare(after, [("store-1", FLOOD)])
        assert [encoder.texts for encoder in encoders] == [{FLOOD: 1}, {FLOOD: 1}]

    def test_more_sentences_than_a_chunk_on_several_threads_are_answered_as_on_one(
        self, monkeypatch
    ):
        monkeypatch.setattr("routing_engine.quality.comparing.CHUNK", 7)
        before = RoutingEngine(locations(), encoder=ENCODER)
        after = RoutingEngine(locations(threshold=0.9), encoder=ENCODER)
        cases = labelled_cases(80)
        assert before.compare(after, cases, threads=3) == before.compare(after, cases, threads=1)

    def test_what_was_said_is_in_no_cache_afterwards(self):
        encoder = CountingEncoder(64)
        engine = an_engine(billing(), encoder=encoder)
        engine.compare(engine, [("store-1", INVOICE)])
        encoder.texts.clear()
        engine.route("store-1", INVOICE)
        assert encoder.texts[INVOICE] == 1

    def test_an_encoder_that_fails_is_no_result(self):
        class Failing(HashingEncoder):
            def encode(self, texts):
                if INVOICE in texts:
                    raise EncoderError("broken")
                return super().encode(texts)

        engine = an_engine(billing(), encoder=Failing(64))
        with pytest.raises(EncoderError):
            engine.compare(engine, [("store-1", INVOICE)])

    @pytest.mark.parametrize(
        ("other", "calls", "threads"),
        [
            ("engine", [("store-1", "x")], None),
            (None, [], None),
            (None, 7, None),
            (None, [("store-1",)], None),
            (None, [["store-1", "x"]], None),
            (None, [("store-1", "x")], 0),
        ],
    )
    def test_what_is_no_engine_or_no_call_is_refused(self, other, calls, threads):
        engine = an_engine(billing())
        with pytest.raises(InvalidValueError):
            engine.compare(other or engine, calls, threads=threads)

    def test_a_label_that_neither_engine_has_is_refused_without_what_was_said(self):
        before, after = an_engine(billing()), an_engine(emergency())
        known = [Case("store-1", FLOOD, "Emergency"), Case("store-1", INVOICE, "Billing")]
        assert before.compare(after, known).n_labelled == 2
        with pytest.raises(
            InvalidValueError, match=r"calls\.2 label: 'Sales' is no rule"
        ) as caught:
            before.compare(after, [*known, Case("store-1", FLOOD, "Sales")])
        assert FLOOD not in str(caught.value)


class TestReports:
    @pytest.fixture(scope="class")
    @staticmethod
    def found():
        before, after = an_engine(billing()), an_engine(billing(), emergency())
        cases = [
            *[Case("store-1", FLOOD, "Emergency")] * 2,
            Case("store-1", "a burst pipe, smoke", None),
            Case("store-1", INVOICE, "Billing"),
        ]
        return before.compare(after, cases)

    def test_people_read_from_where_to_where_with_what_was_said(self, found):
        assert str(found) == (
            "4 calls, 3 different sentences: 3 would go elsewhere (75.0%)\n"
            "4 of them labelled: 2 right before, 3 after; 2 gained, 1 lost\n"
            "\n"
            "     3  default -> Emergency   2 gained   1 lost\n"
            f"          “{FLOOD}” (2 times)\n"
            "          “a burst pipe, smoke”"
        )

    def test_programs_read_json(self, found):
        body = json.loads(json.dumps(found.to_dict()))
        assert (body["n"], body["n_moved"], body["gained"], body["lost"]) == (4, 3, 2, 1)
        assert body["moves"][0]["calls"][1] == {
            "location_id": "store-1",
            "text": "a burst pipe, smoke",
            "n": 1,
            "before": {"outcome": "default", "rule": None, "destination": "+14155550100"},
            "after": {"outcome": "transfer", "rule": "Emergency", "destination": number(2)},
            "label": None,
            "change": "lost",
        }

    def test_tables_are_frames(self, found):
        moves, calls = found.to_frame(), found.to_frame("calls")
        assert moves.to_dict("records") == [
            {
                "before": "default", "after": "Emergency", "is_renumbered": False, "n": 3,
                "gained": 2, "lost": 1,
            }
        ]  # fmt: skip
        assert calls["text"].tolist() == [FLOOD, "a burst pipe, smoke"]
        assert calls["rule_after"].tolist() == ["Emergency", "Emergency"]
        with pytest.raises(InvalidValueError, match="'moves' or 'calls'"):
            found.to_frame("rules")


class TestFiles:
    def test_sheets_with_and_without_labels(self, tmp_path):
        path = tmp_path / "calls.csv"
        path.write_text("Store,Transcript\na,hello\nb,\n")
        assert recorded_calls(path) == [
            RecordedCall("a", "hello", None, False, "calls.csv:2"),
            RecordedCall("b", "", None, False, "calls.csv:3"),
        ]
        path.write_text("store,transcript,label\na,hello,\na,charged,Billing\n")
        assert [call[2:4] for call in recorded_calls(path)] == [(None, True), ("Billing", True)]

    def test_json_lines_of_calls_and_of_locations(self, tmp_path):
        path = tmp_path / "calls.jsonl"
        lines = [
            {"location_id": "a", "utterance": "hello", "other": 1},
            {"location_id": "a", "text": "hi", "label": None},
            {"location_id": "b", "queries": [{"text": "x", "label": "Billing"}, {"text": "y"}]},
        ]
        path.write_text("\n".join(map(json.dumps, lines)))
        assert [call[:4] for call in recorded_calls(path)] == [
            ("a", "hello", None, False),
            ("a", "hi", None, True),
            ("b", "x", "Billing", True),
            ("b", "y", None, False),
        ]

    def test_parquet_has_the_columns_of_a_sheet(self, tmp_path):
        pytest.importorskip("pyarrow", reason="Parquet needs the extra parquet")
        import pandas as pd

        path = tmp_path / "calls.parquet"
        frame = pd.DataFrame(
            {
                "location_id": [7, 8],
                "said": ["hello", None],
                "label": ["Billing", None],
                "n": [1, 2],
            }
        )
        frame.to_parquet(path)
        assert [call[:4] for call in recorded_calls(path)] == [
            ("7", "hello", "Billing", True),
            ("8", "", None, True),
        ]
        path.write_bytes(b"PAR1 no more")
        with pytest.raises(InvalidValueError, match="not a Parquet file"):
            recorded_calls(path)

    def test_without_pyarrow_the_extra_is_named(self, tmp_path, monkeypatch):
        monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
        (tmp_path / "calls.parquet").write_bytes(b"PAR1")
        with pytest.raises(MissingExtraError, match=r"routing-engine\[parquet\]"):
            recorded_calls(tmp_path / "calls.parquet")

    @pytest.mark.parametrize(
        ("name", "content", "problem"),
        [
            ("calls.csv", "location_id,utterance\n,hello\n", "calls.csv:2 location_id: is empty"),
            ("calls.csv", "location_id\na\n", "no column utterance among"),
            ("calls.csv", "location_id,utterance\n", "holds no call"),
            ("calls.jsonl", "[]\n", "calls.jsonl:1: is no object"),
            ("calls.jsonl", '{"location_id": "a", "queries": 1}', "queries: must be a list"),
            ("calls.jsonl", '{"location_id": "a", "queries": [1]}', "queries.0: is no object"),
            (
                "calls.jsonl",
                '{"location_id": 7, "text": "x"}',
                "location_id: must be a str, not int",
            ),
            ("calls.jsonl", '{"location_id": "a", "text": null}', "utterance: must be a str"),
            ("calls.jsonl", '{"location_id": "", "text": "x"}', "location_id: is empty"),
        ],
    )
    def test_what_is_wrong_with_a_file_is_said(self, tmp_path, name, content, problem):
        path = tmp_path / name
        path.write_text(content)
        with pytest.raises(InvalidValueError) as caught:
            recorded_calls(path)
        assert problem in str(caught.value)

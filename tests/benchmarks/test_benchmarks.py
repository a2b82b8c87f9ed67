from __future__ import annotations

import json
import math
import re
from argparse import Namespace
from collections import Counter
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import registry
from benchmarks.__main__ import main
from benchmarks.accuracy import ask
from benchmarks.benchmark import Benchmark
from benchmarks.cases import read_cases
from benchmarks.docs import render, shipped_fingerprint
from benchmarks.encoders import RememberingEncoder, TimedEncoder
from benchmarks.generate import (
    AREAS,
    franchise_columns,
    profiles,
    utterances,
    write_franchise_csv,
)
from benchmarks.languages import SENTENCES, Sentence, read_sentences
from benchmarks.languages import measure as measure_languages
from benchmarks.processes import BenchmarkProcessError, run_fresh
from benchmarks.report import Document, Table, number, rounded
from benchmarks.timing import interleaved_ns, percentiles_us
from routing_engine import (
    ContextRule,
    HashingEncoder,
    InvalidValueError,
    Location,
    RoutingEngine,
)
from routing_engine.quality.evaluation import picked
from routing_engine.quality.metrics import (
    auroc,
    expected_calibration_error,
    fraction,
    right_at_leak,
)
from routing_engine.sheets import read_sheet

confidences = st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0]), max_size=30)
judged = st.lists(
    st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0]), st.booleans()), max_size=60
)


def floats(values):
    return np.array(values, np.float64)


def flags(values):
    return np.array(values, np.bool_)


class TestMetrics:
    def test_auroc_by_hand(self):
        # Of six pairs, 0.9 wins three, 0.5 wins one, ties one and loses one.
        assert auroc(floats([0.9, 0.5]), floats([0.1, 0.5, 0.7])) == 4.5 / 6

    @pytest.mark.parametrize(
        ("in_scope", "out", "expected"),
        [([1.0, 0.8], [0.1], 1.0), ([0.1], [0.2, 0.3], 0.0), ([0.5, 0.5], [0.5], 0.5)],
    )
    def test_auroc_of_perfect_reversed_and_constant(self, in_scope, out, expected):
        assert auroc(floats(in_scope), floats(out)) == expected

    @given(confidences, confidences)
    def test_auroc_equals_counting_the_pairs(self, in_scope, out):
        found = auroc(floats(in_scope), floats(out))
        if not in_scope or not out:
            assert math.isnan(found)
            return
        wins = sum((a > b) + 0.5 * (a == b) for a, b in product(in_scope, out))
        assert found == pytest.approx(wins / (len(in_scope) * len(out)))

    def test_right5_by_hand(self):
        # 5 % of twenty is one: the threshold lies above the second highest, 0.6.
        out = floats([0.9, 0.6, *[0.1] * 18])
        confidence = floats([0.95, 0.7, 0.6, 0.65])
        assert right_at_leak(confidence, flags([1, 1, 1, 0]), out) == 2 / 4

    def test_right5_with_fewer_than_twenty_lets_none_through(self):
        confidence = floats([0.8, 0.9])
        assert right_at_leak(confidence, flags([1, 1]), floats([0.8, 0.1])) == 0.5

    def test_leak_of_everything_needs_no_threshold(self):
        assert right_at_leak(floats([0.0, 0.1]), flags([1, 0]), floats([0.9]), leak=1.0) == 0.5

    @given(judged, confidences, st.sampled_from([0.05, 0.1, 0.5]))
    def test_right_at_leak_equals_trying_every_threshold(self, answers, out, leak):
        confidence = floats([c for c, _ in answers])
        is_right = flags([r for _, r in answers])
        found = right_at_leak(confidence, is_right, floats(out), leak)
        if not answers or not out:
            assert math.isnan(found)
            return
        thresholds = [t + step for t in [-1.0, *out] for step in (0.0, 1e-6)]
        allowed = [t for t in thresholds if sum(c >= t for c in out) <= leak * len(out) + 1e-9]
        right = max(sum(r and c >= t for c, r in answers) for t in allowed)
        assert found == pytest.approx(right / len(answers))

    def test_calibration_by_hand(self):
        # Two bins: 0.2 and 0.4 of which none is right (off by 0.3), 0.6 and 0.8 of which
        # both are (off by 0.3).
        confidence = floats([0.8, 0.2, 0.6, 0.4])
        is_right = flags([1, 0, 1, 0])
        assert expected_calibration_error(confidence, is_right, 2) == pytest.approx(0.3)

    def test_calibration_is_perfect_where_confidence_is_the_frequency(self):
        confidence = floats([0.25] * 4 + [0.5] * 4)
        is_right = flags([1, 0, 0, 0, 1, 1, 0, 0])
        assert expected_calibration_error(confidence, is_right, 3) == pytest.approx(0.0)

    @given(judged, st.integers(1, 20), st.randoms(use_true_random=False))
    def test_calibration_equals_the_definition_in_any_order(self, answers, n_bins, chance):
        shuffled = list(answers)
        chance.shuffle(shuffled)
        found = expected_calibration_error(
            floats([c for c, _ in shuffled]), flags([r for _, r in shuffled]), n_bins
        )
        if not answers:
            assert math.isnan(found)
            return
        ascending = sorted(c for c, _ in answers)
        mean = {
            c: np.mean([right for other, right in answers if other == c]) for c in set(ascending)
        }
        n = min(n_bins, len(answers))
        long, rest = len(answers) // n + 1, len(answers) % n
        sizes = [long] * rest + [long - 1] * (n - rest)
        total, start = 0.0, 0
        for size in sizes:
            held = ascending[start : start + size]
            gap = np.mean(held) - np.mean([mean[c] for c in held])
            total += abs(gap) * size / len(answers)
            start += size
        assert found == pytest.approx(total, abs=1e-12)

    def test_fraction_of_nothing_is_unknown(self):
        assert math.isnan(fraction(flags([])))


CASES = [
    {
        "location_id": "a",
        "rules": [
            {"label": "Red", "when": "crimson scarlet", "examples": ["ruby"]},
            {"label": "Blue", "when": "navy azure", "examples": ["cobalt"], "action": "contain"},
        ],
        "queries": [
            {"text": "crimson scarlet", "label": "Red", "kind": "in"},
            {"text": "navy azure", "label": "Blue", "kind": "in"},
            {"text": "giraffe elephant", "label": None, "kind": "oos"},
            {"text": "crimson scarlet!", "label": None, "kind": "near"},
        ],
    }
]


def are_distinct(values) -> bool:
    return bool(np.all(np.diff(np.sort(values))))


def write_cases(path: Path, cases) -> Path:
    path.write_text("\n".join(map(json.dumps, cases)) + "\n", encoding="utf-8")
    return path


class TestAccuracy:
    def test_answers_by_hand(self, tmp_path):
        cases = read_cases(write_cases(tmp_path / "small.jsonl", CASES))
        engine = RoutingEngine(cases.locations(with_examples=False), encoder=HashingEncoder(512))
        answers = ask(engine, cases)
        assert answers.is_best.tolist() == [True, True, False, False]
        # The contained rule counts as picked.
        assert answers.is_picked.tolist() == [True, True, False, True]
        assert answers.is_right.tolist() == [True, True, False, False]
        metrics = answers.metrics()
        assert (metrics["top1"], metrics["right"], metrics["held"]) == (1.0, 1.0, 0.5)
        assert metrics["balanced"] == 0.75
        assert metrics["kinds"]["oos"]["held"] == 1.0
        assert metrics["kinds"]["near"]["held"] == 0.0
        assert list(metrics["kinds"]) == ["near", "oos"]

    def test_examples_are_used_only_where_asked_for(self, tmp_path):
        cases = read_cases(write_cases(tmp_path / "small.jsonl", CASES))
        assert cases.n_examples == (1, 1)
        for with_examples, expected in ((True, ("ruby",)), (False, ())):
            (location,) = cases.locations(with_examples=with_examples)
            assert location.rules[0].examples == expected

    def test_every_made_up_destination_is_its_own(self):
        cases = read_cases(Path(__file__).parents[2] / "data" / "eval.jsonl")
        made = [
            str(destination)
            for location in cases.locations(with_examples=False)
            for destination in (
                location.default_destination,
                *(rule.destination for rule in location.rules),
            )
        ]
        assert len(made) == len(set(made)) > 100

    @pytest.mark.parametrize("option", ["requires_verification", "requires_confirmation"])
    def test_a_rule_behind_a_gate_is_picked(self, option):
        rule = ContextRule(
            label="Red", when="crimson", destination="sip:a@b.example", **{option: True}
        )
        location = Location(location_id="a", default_destination="sip:c@b.example", rules=[rule])
        engine = RoutingEngine([location], encoder=HashingEncoder())
        assert picked(engine.route("a", "crimson")) == "Red"
        assert picked(engine.route("a", "")) is None

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda case: case["queries"][0].update(label="Green"), "no rule is labelled 'Green'"),
            (lambda case: case["queries"][0].update(label=None), "mislabelled"),
            (lambda case: case["queries"][0].update(kind="out"), "no kind of query"),
            (lambda case: case["rules"].append(case["rules"][0]), "the same label"),
            (lambda case: case.pop("queries"), "not a case"),
        ],
    )
    def test_a_wrong_case_is_refused_with_its_line(self, tmp_path, change, message):
        wrong = json.loads(json.dumps(CASES[0]))
        change(wrong)
        path = write_cases(tmp_path / "wrong.jsonl", [wrong])
        with pytest.raises(InvalidValueError, match=rf"wrong.jsonl:1.*{message}"):
            read_cases(path)

    def test_a_file_without_queries_is_refused(self, tmp_path):
        (tmp_path / "empty.jsonl").write_text("\n")
        with pytest.raises(InvalidValueError, match="holds no query"):
            read_cases(tmp_path / "empty.jsonl")

    def test_a_missing_file_is_named(self, tmp_path, capsys):
        assert main(["accuracy", str(tmp_path / "none.jsonl"), "--quick"]) == 1
        assert "none.jsonl cannot be read" in capsys.readouterr().err


class TestSentences:
    def test_the_shipped_ones_are_distinct_and_many(self):
        sentences = read_sentences(SENTENCES)
        assert len({sentence.text for sentence in sentences}) == len(sentences)
        counts = Counter((sentence.kind, sentence.language) for sentence in sentences)
        assert sum(counts["sentence", code] for code in ("es", "fr", "pt", "vi", "zh")) >= 200
        assert counts["names", "en"] >= 50

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ("{", "is not a sentence"),
            ('{"text": "hola", "language": "es"}', "is not a sentence"),
            ('{"text": "hola", "language": "xx", "kind": "short"}', "unknown kind or language"),
            ('{"text": "hola", "language": "es", "kind": "long"}', "unknown kind or language"),
        ],
    )
    def test_a_wrong_line_is_named(self, tmp_path, line, message):
        path = tmp_path / "wrong.jsonl"
        path.write_text(f'{{"text": "sí", "language": "es", "kind": "short"}}\n{line}\n')
        with pytest.raises(InvalidValueError, match=rf"wrong.jsonl:2 .*{message}"):
            read_sentences(path)

    def test_a_missing_file_is_named(self, tmp_path):
        with pytest.raises(InvalidValueError, match=r"none\.jsonl cannot be read"):
            read_sentences(tmp_path / "none.jsonl")

    def test_the_benchmark_counts_what_is_heard(self, tmp_path):
        case = {
            "location_id": "a",
            "rules": [],
            "queries": [
                {"text": text, "label": None, "kind": "oos"}
                for text in ("what time is it", "hola, necesito ayuda con mi factura")
            ],
        }
        sentences = (
            Sentence("hola, necesito ayuda con mi factura", "es", "sentence"),
            Sentence("no", "es", "sentence"),
            Sentence("no", "en", "names"),
        )
        files = [write_cases(tmp_path / "cases.jsonl", [case])]
        results = measure_languages(sentences, files, n_timed=10, seed=0)
        assert results["groups"] == [
            {"kind": "sentence", "language": "es", "n": 2, "right": 1},
            {"kind": "names", "language": "en", "n": 1, "right": 1},
        ]
        assert results["english"] == [{"file": "cases", "n": 2, "taken_for_another": 1}]
        assert results["latency"]["n"] == 10
        assert results["load"]["load_s"] > 0


class TestGenerate:
    def test_every_area_code_gives_valid_numbers(self):
        for area in AREAS:
            for rest in ("5550100", "5559999", "2000000", "2100001", "9991234"):
                assert phonenumbers.is_valid_number(phonenumbers.parse(f"+1{area.code}{rest}"))
        assert len({area.code for area in AREAS}) == len(AREAS)

    def test_numbers_are_distinct_and_valid(self):
        columns = franchise_columns(20_000, seed=1)
        numbers = np.concatenate([columns.destinations, columns.defaults])
        assert are_distinct(numbers)
        assert len(numbers) == 220_000
        sample = np.random.default_rng(0).choice(numbers, 500, replace=False)
        for code in sample.tolist():
            assert phonenumbers.is_valid_number(phonenumbers.parse(f"+{code}"))

    def test_numbers_stay_distinct_when_the_first_exchange_is_used_up(self):
        # 28 rules a location use up an exchange of an area after 345 locations there.
        columns = franchise_columns(360 * len(AREAS), n_rules=28, examples=0)
        numbers = np.concatenate([columns.destinations, columns.defaults])
        assert are_distinct(numbers)
        assert {int(code) // 10_000 % 1000 for code in numbers[::997].tolist()} <= {200, 555}
        assert int(columns.destinations[-1]) // 10_000 % 1000 == 200

    def test_the_same_seed_gives_the_same_franchise(self):
        one, same, other = (franchise_columns(300, seed=seed) for seed in (3, 3, 4))
        assert list(one.locations()) == list(same.locations())
        assert one.destinations.tolist() != other.destinations.tolist()
        assert one.tables != other.tables

    def test_sheet_and_columns_are_the_same_franchise(self, tmp_path):
        path = tmp_path / "franchise.csv"
        n_rows = write_franchise_csv(path, 120, n_rules=7, n_profiles=5, examples=3, seed=9)
        sheet = read_sheet(path)
        columns = franchise_columns(120, n_rules=7, n_profiles=5, examples=3, seed=9)
        assert n_rows == sheet.report.n_rows == 120 * 7
        assert list(sheet.columns.locations()) == list(columns.locations())
        assert sheet.report.n_warnings == 0
        assert sheet.report.n_profiles == 5

    def test_profiles_have_the_shape_asked_for(self):
        tables = profiles(200, n_rules=12, examples=5, seed=2)
        assert len(set(tables)) == 200
        assert {len(table) for table in tables} == {12}
        assert {len(rule.examples) for table in tables for rule in table} == {5}
        assert all(len({rule.label for rule in table}) == 12 for table in tables)

    @pytest.mark.parametrize("wrong", [{"n_rules": 0}, {"n_rules": 29}, {"examples": 7}])
    def test_more_than_there_are_texts_for_is_refused(self, wrong):
        with pytest.raises(InvalidValueError, match=next(iter(wrong))):
            profiles(1, **wrong)

    def test_utterances_are_distinct_and_seeded(self):
        said = utterances(1_000, seed=5)
        assert len(set(said)) == 1_000
        assert said == utterances(1_000, seed=5)
        assert said != utterances(1_000, seed=6)
        with pytest.raises(InvalidValueError, match="not 1000000"):
            utterances(1_000_000)


class TestMeasuring:
    def test_calls_are_made_in_turns_and_the_first_are_not_measured(self):
        made = []
        samples = interleaved_ns(
            {
                "a": (lambda i: made.append(("a", i)), [(i,) for i in range(5)]),
                "b": (lambda i: made.append(("b", i)), [(i,) for i in range(3)]),
            },
            block=2,
            warmup=1,
        )
        order = "".join(f"{name}{i}" for name, i in made)
        assert order == "a0b0a1a2b1b2a3a4"
        assert {name: len(taken) for name, taken in samples.items()} == {"a": 4, "b": 2}

    def test_percentiles_are_microseconds(self):
        found = percentiles_us(np.arange(1_001, dtype=np.int64) * 1_000)
        assert (found["p50_us"], found["p95_us"], found["p99_us"]) == (500.0, 950.0, 990.0)
        assert found["n"] == 1_001

    def test_remembered_vectors_are_the_encoder_s_own(self):
        inner = HashingEncoder()
        encoder = RememberingEncoder(inner)
        texts = ["one", "two", "one"]
        expected = inner.encode(texts)
        inner.n_encoded = 0
        for _ in range(2):
            assert np.array_equal(encoder.encode(texts), expected)
        assert np.array_equal(encoder.encode(["two"]), expected[1:2])
        assert inner.n_encoded == 2
        encoder.remembers = False
        encoder.encode(["two"])
        assert inner.n_encoded == 3

    def test_timed_encoder_counts_texts(self):
        encoder = TimedEncoder(HashingEncoder())
        encoder.encode(["one", "two"])
        assert encoder.n_texts == 2
        assert encoder.spent_s > 0

    def test_a_process_that_fails_says_why(self):
        with pytest.raises(BenchmarkProcessError, match=r"exited with 1[\s\S]*KeyError"):
            run_fresh("benchmarks.import_child", {})


class TestReport:
    def test_a_document_reads_back_rounded(self, tmp_path):
        document = Document("x", {"seed": 0}, {"quick": False}, {"a": 1 / 3, "b": [math.nan]})
        document.write(tmp_path / "x.json")
        read = Document.read(tmp_path / "x.json")
        assert read == Document("x", {"seed": 0}, {"quick": False}, {"a": 0.33333, "b": [None]})

    def test_a_foreign_file_is_refused(self, tmp_path):
        (tmp_path / "x.json").write_text('{"hello": 1}')
        with pytest.raises(InvalidValueError, match="not the result of a benchmark"):
            Document.read(tmp_path / "x.json")

    def test_rounding_keeps_whole_numbers_whole(self):
        assert rounded({"n": 1_234_567, "f": 1_234_567.8}) == {"n": 1_234_567, "f": 1_234_600.0}

    def test_markdown(self):
        table = Table("Title", ("what", "µs"), [("a|b", "1.0")], "Note.")
        assert table.markdown() == "| what | µs |\n| --- | ---: |\n| a\\|b | 1.0 |\n\nNote."

    @pytest.mark.parametrize(
        ("value", "shown"), [(None, "–"), (math.nan, "–"), (1234.56, "1,234.6")]
    )
    def test_numbers(self, value, shown):
        assert number(value) == shown


@pytest.fixture
def made_up(monkeypatch):
    """A benchmark of one figure, in place of the real ones."""

    def table(document: Document) -> Table:
        return Table("Speed", ("what", "µs"), [("route", number(document.results["us"]))])

    def unused(*arguments: object) -> Document:
        raise AssertionError

    benchmark = Benchmark("speed", "", unused, unused, {"speed": table}, unused)
    blocks = {"speed": (benchmark.name, table)}
    monkeypatch.setattr("benchmarks.docs.BLOCKS", blocks)


SHIPPED = shipped_fingerprint()
CLEAN = {"commit": "0123456789" * 4, "encoder": SHIPPED}


@pytest.mark.usefixtures("made_up")
class TestDocs:
    BLOCK = "<!-- benchmark:speed -->\n<!-- /benchmark:speed -->\n"

    @pytest.fixture
    def run(self, tmp_path, monkeypatch):
        monkeypatch.setattr("benchmarks.docs.render", partial(render, stale={}))
        page, results = tmp_path / "README.md", tmp_path / "results"

        def write(us: float, name: str = "speed", meta=CLEAN, **parameters) -> None:
            Document(name, meta, parameters, {"us": us}).write(results / f"{name}.json")

        def run(*arguments: str) -> int:
            return main(["docs", "--page", str(page), "--results", str(results), *arguments])

        run.page, run.write = page, write
        page.write_text(f"# Title\n\n{self.BLOCK}\nThe end.\n", encoding="utf-8")
        write(12.34)
        return run

    def test_tables_are_written_and_then_agree(self, run):
        assert run("--check") == 1
        assert run() == 0
        assert run.page.read_text(encoding="utf-8") == (
            "# Title\n\n<!-- benchmark:speed -->\n| what | µs |\n| --- | ---: |\n"
            "| route | 12.3 |\n<!-- /benchmark:speed -->\n\nThe end.\n"
        )
        assert run("--check") == 0

    def test_check_shows_a_changed_figure_and_changes_nothing(self, run, capsys):
        run()
        run.write(99.9)
        before = run.page.read_bytes()
        assert run("--check") == 1
        out = capsys.readouterr().out
        assert "-| route | 12.3 |" in out
        assert "+| route | 99.9 |" in out
        assert run.page.read_bytes() == before

    def test_check_sees_an_edited_page(self, run):
        run()
        text = run.page.read_text(encoding="utf-8")
        run.page.write_text(text.replace("12.3", "1.3"), encoding="utf-8")
        assert run("--check") == 1

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("<!-- benchmark:nope -->\n<!-- /benchmark:nope -->", "no benchmark makes it"),
            ("<!-- benchmark:speed -->\n", "one is not closed"),
            ("no block at all", "speed.json: no block of README.md shows it"),
        ],
    )
    def test_a_broken_page_is_a_problem(self, run, capsys, text, problem):
        run.page.write_text(text, encoding="utf-8")
        assert run("--check") == 1
        assert problem in capsys.readouterr().err

    def test_a_result_may_be_shown_on_any_page(self, run, tmp_path):
        other = tmp_path / "other.md"
        other.write_text(self.BLOCK, encoding="utf-8")
        run.page.write_text("no block at all", encoding="utf-8")
        assert run("--page", str(other)) == 0
        assert "| route | 12.3 |" in other.read_text(encoding="utf-8")
        assert run("--page", str(other), "--check") == 0

    def test_a_block_without_a_result_is_a_problem(self, run, capsys):
        (run.page.parent / "results" / "speed.json").unlink()
        assert run("--check") == 1
        assert "there is no speed.json" in capsys.readouterr().err

    def test_a_block_may_wait_for_its_result_as_an_exception(self, run, monkeypatch):
        (run.page.parent / "results" / "speed.json").unlink()
        monkeypatch.setattr("benchmarks.docs.render", partial(render, stale={"speed": "for now"}))
        before = run.page.read_bytes()
        assert run() == 0
        assert run.page.read_bytes() == before

    def test_a_result_that_nothing_shows_is_a_problem(self, run, capsys):
        run()
        run.write(1.0, name="other")
        assert run("--check") == 1
        assert "other.json: no block" in capsys.readouterr().err

    def test_a_trial_is_not_published(self, run, capsys):
        run.write(1.0, quick=True)
        assert run() == 1
        assert "--quick" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("meta", "problem"),
        [
            ({"commit": "0123456789" * 4 + "-dirty"}, "which is no clean one"),
            ({"commit": None}, "of commit None, which is no clean one"),
            ({"encoder": "int8-static-0:beef"}, "of encoder int8-static-0:beef; the package ships"),
        ],
    )
    def test_a_stale_result_is_not_published_but_as_an_exception(
        self, run, capsys, monkeypatch, meta, problem
    ):
        run.write(12.34, meta=CLEAN | meta)
        assert run() == 1
        err = capsys.readouterr().err
        assert problem in err
        assert "run python -m benchmarks speed on a clean commit" in err
        monkeypatch.setattr("benchmarks.docs.render", partial(render, stale={"speed": "for now"}))
        assert run("--check") == 0

    def test_a_result_without_an_encoder_is_of_any(self, run):
        run.write(12.34, meta=CLEAN | {"encoder": None})
        assert run() == 0

    def test_an_exception_that_is_not_needed_is_a_problem(self, run, capsys, monkeypatch):
        monkeypatch.setattr(
            "benchmarks.docs.render", partial(render, stale={"speed": "now", "gone": "once"})
        )
        assert run() == 1
        err = capsys.readouterr().err
        assert "speed.json is not stale any more" in err
        assert "gone: is stale without a result" in err

    def test_a_missing_page_is_named(self, run, capsys):
        run.page.unlink()
        assert run("--check") == 1
        assert "README.md cannot be read" in capsys.readouterr().err


def test_the_shipped_encoder_is_the_one_that_the_background_fits():
    assert re.fullmatch(r"[\w.-]+:[0-9a-f]{16}", SHIPPED)


def runnable() -> set[str]:
    """Benchmarks that ``all`` runs with the deterministic encoder."""
    options = Namespace(encoder="hashing")
    return {
        name
        for name, benchmark in registry.BENCHMARKS.items()
        if benchmark.unavailable(options) is None
    }


class TestCommands:
    @pytest.fixture(scope="class", autouse=True)
    @staticmethod
    def own_cases():
        """Only the project's own cases: others would take minutes."""
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("ROUTING_ENGINE_EVAL", raising=False)
            yield

    @pytest.fixture(scope="class")
    @staticmethod
    def folder(own_cases, tmp_path_factory):
        """The results of every benchmark, run small."""
        folder = tmp_path_factory.mktemp("results")
        common = ["--quick", "--encoder", "hashing", "--seed", "3", "--plot"]
        assert main(["all", *common, "--out", str(folder)]) == 0
        return folder

    def document(self, folder: Path, name: str) -> Document:
        document = Document.read(folder / f"{name}.json")
        assert document.name == name
        assert document.meta["seed"] == 3
        assert document.meta["encoder"] == HashingEncoder().fingerprint
        assert document.meta["versions"]["numpy"] == np.__version__
        assert document.meta["cores"] >= 1
        assert document.parameters["quick"] is True
        return document

    def test_every_benchmark_that_can_run_leaves_a_result_and_a_plot(self, folder):
        names = {f"{name}.{suffix}" for name in runnable() for suffix in ("json", "png")}
        assert {path.name for path in folder.iterdir()} == names
        for path in folder.glob("*.png"):
            assert path.read_bytes().startswith(b"\x89PNG")

    def test_latency(self, folder):
        results = self.document(folder, "latency").results
        shapes = [
            (case["n_locations"], case["n_rules"], case["n_texts"]) for case in results["cases"]
        ]
        assert shapes == [(20, 10, 60), (200, 10, 60), (50, 12, 12), (50, 12, 72)]
        for case in results["cases"]:
            assert case["rest"]["n"] == 200
            assert case["whole"]["n"] == 40
            assert 0 < case["rest"]["p50_us"] <= case["rest"]["p95_us"] <= case["rest"]["p99_us"]
        ratio = results["ratio"]
        assert ratio["n_locations"] == [20, 200]
        small, large = (results["cases"][i]["rest"]["p50_us"] for i in (0, 1))
        assert ratio["p50"] == pytest.approx(large / small, rel=1e-3)

    def test_conversations(self, folder):
        readings = self.document(folder, "conversations").results["readings"]
        last = readings["the last words"]
        assert (last["n_in"], last["n_out"]) == (82, 97)
        for found in readings.values():
            assert found["balanced"] == pytest.approx(
                (found["right"] + found["held"]) / 2, abs=1e-4
            )
        assert readings["`history`"] != last

    def test_calls(self, folder):
        results = self.document(folder, "calls").results
        counts = {
            where: {kind: found["n"] for kind, found in kinds.items()}
            for where, kinds in results["sets"].items()
        }
        assert counts == {
            "sample brand": {"rule": 69, "person": 39, "contain": 71},
            "chosen with": {"rule": 63, "person": 37, "contain": 54},
        }
        for kinds in results["sets"].values():
            for found in kinds.values():
                assert 0 <= found["right"] <= found["n"]
                assert found["asked"] <= found["n"]
        assert list(results["times"]) == [
            *("engine.route", "with every gate", "Call.hear", "Call.handoff"),
        ]

    def test_import(self, folder):
        runs = self.document(folder, "import").results["runs"]
        assert [(run["n_locations"], run["n_rows"]) for run in runs] == [(100, 1_000)]
        for run in runs:
            assert run["n_wrong"] == 0
            assert run["n_warnings"] == 0
            assert run["n_texts"] > 100
            parts = sum(
                run[f"{part}_s"] for part in ("imports", "encoder", "read", "embed", "index")
            )
            assert run["ready_s"] == pytest.approx(parts, rel=1e-3)
            assert run["peak_mb"] > 20
            assert run["snapshot_mb"] > 0

    def test_batch(self, folder):
        document = self.document(folder, "batch")
        assert (document.parameters["sentences"], document.parameters["distinct"]) == (400, 80)
        runs = document.results["runs"]
        assert {key: run["n_killed"] for key, run in runs.items()} == {
            "one": 0, "two": 0, "killed": 3,
        }  # fmt: skip
        for run in runs.values():
            assert run["rows_per_s"] == pytest.approx(400 / run["wall_s"], rel=1e-3)

    def test_store_list(self, folder):
        results = self.document(folder, "store-list").results
        assert list(results["runs"]) == ["check", "import"]
        assert results["n_wrong"] == 0
        assert results["with_hours"] == 200

    def test_accuracy(self, folder):
        # Others are added from the folder that ROUTING_ENGINE_EVAL names.
        files = {file["file"]: file for file in self.document(folder, "accuracy").results["files"]}
        file = files["eval"]
        cases = read_cases(Path(__file__).parents[2] / "data" / "eval.jsonl")
        fewest, most = cases.n_examples
        assert 0 < fewest < most
        assert file["n_queries"] == Counter(query.kind for query in cases.queries)
        assert list(file["conditions"]) == ["when", f"when+{fewest}-{most}"]
        for metrics in file["conditions"].values():
            assert metrics["balanced"] == pytest.approx(
                (metrics["right"] + metrics["held"]) / 2, abs=1e-4
            )
            assert metrics["right"] <= metrics["top1"] <= 1
            assert 0 <= metrics["ece"] <= 1

    def test_cold_start(self, folder):
        results = self.document(folder, "cold-start").results
        parts = results["parts"]
        assert list(parts) == ["interpreter", "package", "runtime", "encoder", "snapshot", "route"]
        assert all(0 <= part["median_ms"] <= part["p95_ms"] for part in parts.values())
        assert results["total"]["p95_ms"] >= max(part["median_ms"] for part in parts.values())
        assert results["n_failed"] == 0
        assert "torch" not in results["heavy"]

    def test_throughput(self, folder):
        runs = self.document(folder, "throughput").results["runs"]
        assert [(run["way"], run["callers"]) for run in runs] == [
            (way, n) for way in ("async", "threads") for n in (1, 8, 64)
        ]
        for run in runs:
            single = runs[0 if run["way"] == "async" else 3]
            assert run["n"] == 200
            assert run["n_failed"] == 0
            assert run["gain"] == pytest.approx(
                run["decisions_per_s"] / single["decisions_per_s"], rel=1e-3
            )
            fair_us = single["p50_us"] * run["callers"] / run["gain"]
            assert run["p99_to_fair"] == pytest.approx(run["p99_us"] / fair_us, rel=1e-3)

    def test_scale(self, folder):
        results = self.document(folder, "scale").results
        runs = results["runs"]
        assert [(run["n_locations"], run["n_rows"]) for run in runs] == [(100, 1_000), (400, 4_000)]
        for run in runs:
            assert run["n_wrong"] == 0
            assert run["rest"]["n"] == 200
            assert run["import_peak_mb"] > 20
            assert run["resident_mb"] > 20
            assert run["load_s"] > 0
        assert results["ratio"] == pytest.approx(
            runs[1]["rest"]["p50_us"] / runs[0]["rest"]["p50_us"], rel=1e-3
        )

    def test_soak(self, folder):
        results = self.document(folder, "soak").results
        counts = results["counts"]
        assert counts["wrong"] == counts["not_routed"] == 0
        assert all(counts[key] > 0 for key in ("route", "aroute", "replace", "save_and_load"))
        assert len(results["samples"]) > 5

    def test_serving(self, folder):
        results = self.document(folder, "serving").results
        served = results["served"]
        assert (served["errors"], served["wrong"], served["not_routed"]) == (0, 0, 0)
        assert served["publishes"] == len(served["visible_s"]) == 5
        assert 0 < served["p50_us"] <= served["p99_us"]
        assert results["times"] == pytest.approx(
            served["p99_us"] / results["engine"]["p99_us"], rel=1e-3
        )

    def test_publishing(self, folder):
        results = self.document(folder, "publishing").results
        assert next(iter(results["runs"])) == "sqlite"
        assert (results["left_out"] is None) == ("postgresql" in results["runs"])
        for run in results["runs"].values():
            served = run["served"]
            assert (served["errors"], served["wrong"], run["unanswered"]) == (0, 0, 0)
            assert run["catalogs"] == [1, 2]
            assert all(item["http_s"] > 0 and item["engine_s"] > 0 for item in run["imports"])
            for waits in served["waits"].values():
                assert 0 < waits["p50_us"] <= waits["p99_us"] <= waits["most_us"]

    def test_crash(self, folder):
        results = self.document(folder, "crash").results
        assert next(iter(results["runs"])) == "sqlite"
        assert (results["left_out"] is None) == ("postgresql" in results["runs"])
        for run in results["runs"].values():
            assert sum(run["moments"].values()) == 2
            assert sum(run["acknowledged"].values()) > 0
            assert run["breaches"] == 0

    def test_siege(self, folder):
        (run,) = self.document(folder, "siege").results["runs"].values()
        for seen in run["experiments"].values():
            assert seen["answered"] > 0
            assert (seen["lost"], seen["wrong"]) == (0, 0)

    def test_fuzz_headers(self, folder):
        document = Document.read(folder / "fuzz-headers.json")
        assert document.meta["versions"]["sipmessage"]
        assert document.results["messages"] == 500
        assert set(document.results["broken"].values()) == {0}
        assert document.results["control_broken"]["grammar"] > 0
        assert document.results["control_broken"]["sipmessage"] > 0

    def test_fuzz_ways(self, folder):
        results = Document.read(folder / "fuzz-ways.json").results
        assert set(results["ways"]) == {"agi", "sip-redirect", "rtjson", "twilio", "mcp", "calls"}
        for counted in results["ways"].values():
            assert counted["requests"] >= 40
            assert counted["outside"] == 0
            # Held against another table all would be noticed.
            assert counted["control"] == counted["dialled"] > 0

    def test_ways(self, folder):
        document = self.document(folder, "ways")
        figures = document.results["ways"]
        assert set(figures) == {"route", "agi", "rtjson", "mcp", "twilio"}
        assert all(item["n"] == 12 and item["p50_us"] > 0 for item in figures.values())

    def test_store(self, folder):
        results = self.document(folder, "store").results
        asked = {item["question"]: item["calls"] for item in results["asked"]}
        assert asked["all"] == 500
        assert 0 < asked["part of a day"] < asked["time"] < 500
        assert all(0 < item["p50_ms"] <= item["max_ms"] for item in results["asked"])

    @pytest.mark.skipif("fuzz-api" not in runnable(), reason="schemathesis is not installed")
    def test_fuzz_api(self, folder):
        runs = Document.read(folder / "fuzz-api.json").results["runs"]
        assert runs[0]["database"] == "sqlite"
        for run in runs:
            assert run["cases"] >= 150
            assert (run["broken"], run["internal_errors"]) == ({}, 0)
            assert len(run["statuses"]) >= 31

    def test_every_block_can_be_written_from_the_results(self, folder, tmp_path):
        readme = tmp_path / "README.md"
        blocks = [
            f"<!-- benchmark:{name} -->\n<!-- /benchmark:{name} -->"
            for name, (benchmark, _) in registry.BLOCKS.items()
            if benchmark in runnable()
        ]
        readme.write_text("\n\n".join(blocks), encoding="utf-8")
        rendered = render([readme], folder, stale={})
        assert rendered.pages[0].wanted.count("\n| --- |") == len(blocks)
        # A trial with the fake encoder, maybe of uncommitted changes: not to be published.
        assert all("on a clean commit" in problem for problem in rendered.problems)

    def test_a_trial_is_kept_only_where_asked_for(self, tmp_path, capsys):
        cases = write_cases(tmp_path / "small.jsonl", CASES)
        common = ["accuracy", str(cases), "--quick", "--encoder", "hashing"]
        assert main(common) == 0
        assert "written" not in capsys.readouterr().err
        assert main([*common, "--json", str(tmp_path / "here.json")]) == 0
        assert Document.read(tmp_path / "here.json").results["files"][0]["file"] == "small"

    def test_without_matplotlib_a_plot_names_the_extra(self, tmp_path, monkeypatch, capsys):
        monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
        cases = write_cases(tmp_path / "small.jsonl", CASES)
        assert main(["accuracy", str(cases), "--quick", "--plot"]) == 1
        assert 'pip install "routing-engine[plots]"' in capsys.readouterr().err

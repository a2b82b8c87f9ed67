"""What a caller speaks, and which rule that leads to."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.languages import SENTENCES, listener, read_sentences
from routing_engine import (
    ContextRule,
    HashingEncoder,
    MissingExtraError,
    Outcome,
    Reason,
    RoutingEngine,
    RoutingPolicy,
    RuleText,
)
from routing_engine.matching.identification import (
    COMMON,
    Spoken,
    _load,
    by_language,
    identifier_for,
)
from routing_engine.text.languages import LANGUAGES
from routing_engine.text.telling_words import has_grammar, is_written_in_latin
from tests.matching.phrases import ENGLISH, OTHERS
from tests.support.processes import run
from tests.support.strategies import a_location, a_rule

ENCODER = HashingEncoder(64)
HELP = "hola, necesito ayuda con mi factura"
ASKS = "do you have anyone who speaks Spanish"
DEFAULT, BILLING, SPANISH = "+14155550100", "+14155550111", "+14155550119"
FIVE = ("es", "fr", "pt", "vi", "zh")
MORE = ("el", "nl", "ro", "sv", "tr", "uk")


def spanish(**fields):
    fields.setdefault("when", "caller prefers Spanish")
    fields.setdefault("destination", SPANISH)
    return ContextRule(label="Spanish", languages=("es",), **fields)


def an_engine(*rules, **options):
    options.setdefault("encoder", ENCODER)
    return RoutingEngine([a_location("a", *rules)], **options)


@pytest.fixture(scope="module")
def sentences():
    return read_sentences(SENTENCES)


@pytest.fixture(scope="module")
def identifier(sentences):
    return listener(sentences)


class TestIdentifier:
    def test_at_least_95_percent_of_short_sentences_in_five_languages_are_right(
        self, identifier, sentences
    ):
        for language in FIVE:
            right = [
                (spoken := identifier.spoken(sentence.text)) is not None
                and spoken.language == language
                for sentence in sentences
                if (sentence.kind, sentence.language) == ("sentence", language)
            ]
            assert len(right) >= 40
            assert sum(right) / len(right) >= 0.95, language

    @pytest.mark.parametrize("loaded", [COMMON, (*COMMON, *MORE)], ids=["common", "many"])
    @pytest.mark.parametrize("half", [0, 1], ids=["tuned on", "kept aside"])
    def test_a_name_a_dish_or_a_brand_is_no_language_and_a_sentence_is(self, loaded, half):
        identifier = _load(frozenset(loaded))
        taken = [text for text in ENGLISH[half::2] if identifier.spoken(text) is not None]
        assert len(taken) <= 0.02 * len(ENGLISH[half::2]), taken
        missed = [
            (language, text)
            for language, texts in OTHERS.items()
            for text in texts[half::2]
            if (spoken := identifier.spoken(text)) is None or spoken.language != language
        ]
        assert len(missed) <= 2, missed

    @pytest.mark.shared
    def test_at_most_1_percent_of_english_sentences_are_taken_for_another(
        self, identifier, eval_folder
    ):
        texts = {
            query["text"]
            for path in eval_folder.glob("*.dev.jsonl")
            for line in path.read_text(encoding="utf-8").splitlines()
            for query in json.loads(line)["queries"]
        }
        taken = [text for text in texts if identifier.spoken(text) is not None]
        assert len(texts) > 3000
        assert len(taken) <= 0.01 * len(texts)

    @pytest.mark.parametrize(
        ("text", "language"),
        [
            ("hola", "es"),
            ("Sí.", "es"),
            ("¡Buenos días!", "es"),
            ("hola hola", "es"),
            ("oui allô", "fr"),
            ("oi", "pt"),
            ("se habla espanol", "es"),
            ("你好", "zh"),
            ("j’ai une question sur ma facture", "fr"),
            ("necesito hablar con the manager", "es"),
            ("hola " * 400, "es"),
        ],
    )
    def test_greetings_and_mixed_sentences(self, identifier, text, language):
        assert identifier.spoken(text).language == language

    @pytest.mark.parametrize(
        "text",
        [
            *("no", "No.", "ok", "OK okay", "hmm", "uh huh no", "yes", "hi", "a", "5", "?", ""),
            *("my name is Jose Garcia", "hi it's Nguyen Van Minh", "is Giovanni there"),
            *("hola is this the taco place", "we're on Avenida de las Palmas", ASKS),
            *("the invoice is for Café du Monde", "refund", "agent", "operator", "hola oui"),
        ],
    )
    def test_english_with_names_in_it_and_what_says_nothing_are_no_other_language(
        self, identifier, text
    ):
        assert identifier.spoken(text) is None

    def test_every_language_that_a_rule_may_name_can_be_listened_for(self):
        from lingua import Language

        known = {language.iso_code_639_1.name.lower() for language in Language.all()}
        assert set(LANGUAGES) == known - {"en"}
        assert set(COMMON) <= known

    def test_what_a_sentence_is_does_not_depend_on_which_common_language_is_asked_for(self):
        rules = [a_rule(languages=(code,)) for code in COMMON]
        assert len({id(identifier_for([rule])) for rule in rules}) == 1
        assert identifier_for([a_rule(languages=("sw",))]) is not identifier_for(rules)

    def test_threads_get_the_answers_that_one_gets(self, identifier, sentences):
        texts = [sentence.text for sentence in sentences]
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(identifier.spoken, texts)) == [
                identifier.spoken(text) for text in texts
            ]

    @given(st.text(max_size=400))
    def test_any_text_has_an_answer(self, text):
        spoken = identifier_for([a_rule(languages=("es",))]).spoken(text)
        assert spoken is None or (spoken.language in COMMON and 0.0 < spoken.confidence <= 1.0)

    def test_rules_without_languages_need_no_identifier(self):
        assert identifier_for([a_rule()]) is None
        assert identifier_for([]) is None


choices = st.lists(
    st.tuples(
        st.floats(0.0, 1.0),
        st.sampled_from([(), ("es",), ("fr",), ("es", "fr")]),
        st.integers(1, 3),
        st.booleans(),
    ),
    min_size=1,
    max_size=6,
)


def unpacked(drawn):
    """Confidences as scoring gives them (shares of one whole), rules and destinations."""
    whole = 1.0 + sum(weight for weight, *_ in drawn)
    rules = [
        RuleText(label=f"R{i}", when=f"w{i}", languages=languages, enabled=enabled)
        for i, (_, languages, _, enabled) in enumerate(drawn)
    ]
    return [weight / whole for weight, *_ in drawn], rules, [place for _, _, place, _ in drawn]


class TestByLanguage:
    @given(choices, st.floats(0.6, 1.0))
    def test_a_rule_for_the_language_is_best_and_as_confident_as_the_identification(
        self, drawn, confidence
    ):
        confidences, rules, places = unpacked(drawn)
        found = by_language(confidences, rules, places, HELP, Spoken("es", confidence))
        assert all(0.0 <= value <= 1.0 for value in found)
        meant = [i for i, rule in enumerate(rules) if "es" in rule.languages]
        if meant:
            assert max(found) == pytest.approx(confidence)
            assert max(found) == max(found[i] for i in meant)
        enabled = [i for i in meant if rules[i].enabled]
        if enabled:
            assert max(found) == max(found[i] for i in enabled)

    @given(choices, st.sampled_from(["one two", ASKS, "an interpreter please"]))
    def test_by_words_only_rules_that_are_asked_for_are_left(self, drawn, text):
        confidences, rules, places = unpacked(drawn)
        found = by_language(confidences, rules, places, text, None)
        assert all(0.0 <= value <= 1.0 for value in found)
        for before, after, rule in zip(confidences, found, rules, strict=True):
            is_asked_for = text == "an interpreter please" or (
                text == ASKS and "es" in rule.languages
            )
            if rule.languages and not is_asked_for:
                assert after == 0.0
            else:
                assert after >= before

    @given(choices)
    def test_without_rules_for_a_language_nothing_changes(self, drawn):
        plain = [(weight, (), place, enabled) for weight, _, place, enabled in drawn]
        confidences, rules, places = unpacked(plain)
        for spoken in (None, Spoken("es", 0.9)):
            assert by_language(confidences, rules, places, HELP, spoken) == confidences

    def test_the_others_have_what_they_would_have_without_the_rule(self):
        rules = [a_rule("A"), a_rule("B", languages=("es",)), a_rule("C")]
        odds = [2.0, 3.0, 0.5]
        with_all = [odd / (1.0 + sum(odds)) for odd in odds]
        found = by_language(with_all, rules, [1, 2, 3], "one two", None)
        assert found == pytest.approx([2.0 / 3.5, 0.0, 0.5 / 3.5])


class TestEngine:
    def test_a_caller_who_speaks_it_reaches_the_rule_whatever_the_words_mean(self):
        engine = an_engine(spanish(), a_rule(when=HELP))
        decision = engine.route("a", HELP)
        assert (decision.outcome, decision.reason) == (Outcome.TRANSFER, Reason.LANGUAGE_MATCHED)
        assert str(decision.destination) == SPANISH
        assert decision.confidence == identifier_for([spanish()]).spoken(HELP).confidence
        assert [candidate.label for candidate in decision.candidates] == ["Spanish", "Billing"]
        assert engine.route_many([("a", HELP)]) == [decision]

    def test_the_words_decide_where_they_are_english(self):
        engine = an_engine(spanish(when=ASKS), a_rule(when="I was charged twice"))
        asked = engine.route("a", ASKS)
        assert (asked.reason, str(asked.destination)) == (Reason.RULE_MATCHED, SPANISH)
        charged = engine.route("a", "I was charged twice")
        assert (charged.reason, str(charged.destination)) == (Reason.RULE_MATCHED, BILLING)

    def test_one_situation_has_a_phone_for_each_language(self):
        when = "I was charged twice"
        engine = an_engine(a_rule(when=when), spanish(when=when))
        assert str(engine.route("a", when).destination) == BILLING
        assert str(engine.route("a", "me cobraron dos veces este mes").destination) == SPANISH

    def test_of_two_rules_for_a_language_the_words_choose(self):
        cita, factura = "quiero cambiar mi cita", "tengo un problema con mi factura"
        engine = an_engine(
            spanish(when=factura, destination=BILLING),
            ContextRule(label="Cita", when=cita, languages=("es",), destination=SPANISH),
        )
        for said, number in ((factura, BILLING), (cita, SPANISH)):
            decision = engine.route("a", said)
            assert decision.reason is Reason.LANGUAGE_MATCHED
            assert str(decision.destination) == number

    def test_gates_and_thresholds_hold_as_for_any_rule(self):
        for fields, outcome, reason in (
            ({"enabled": False}, Outcome.DEFAULT, Reason.RULE_DISABLED),
            ({"hours": "closed"}, Outcome.DEFAULT, Reason.OUTSIDE_HOURS),
            ({"action": "contain"}, Outcome.DEFAULT, Reason.ROUTINE),
            ({"requires_verification": True}, Outcome.VERIFY, Reason.VERIFICATION_REQUIRED),
            ({"requires_confirmation": True}, Outcome.CONFIRM, Reason.CONFIRMATION_REQUIRED),
            ({"threshold": 1.0}, Outcome.DEFAULT, Reason.BELOW_THRESHOLD),
        ):
            decision = an_engine(spanish(**fields)).route("a", HELP)
            assert (decision.outcome, decision.reason) == (outcome, reason)

    def test_a_disabled_rule_stands_back_for_another_of_the_language(self):
        engine = an_engine(spanish(when=HELP, enabled=False), spanish(when="other"))
        assert engine.route("a", HELP).reason is Reason.LANGUAGE_MATCHED

    def test_another_language_without_a_rule_is_scored_by_its_words(self):
        said = "bonjour, j'ai une question sur ma facture"
        engine = an_engine(spanish(), a_rule(when=said))
        decision = engine.route("a", said)
        assert (decision.reason, str(decision.destination)) == (Reason.RULE_MATCHED, BILLING)

    def test_a_location_without_such_a_rule_decides_as_if_there_were_none_anywhere(self):
        rules = (a_rule(), a_rule("Leak", "+14155550112"), a_rule("Job", "+14155550113"))
        alone = RoutingEngine([a_location("b", *rules)], encoder=ENCODER)
        beside = RoutingEngine(
            [a_location("a", spanish(), *rules), a_location("b", *rules)], encoder=ENCODER
        )
        for said in (HELP, ASKS, "hola", "caller asks about billing", "I need a job"):
            assert beside.route("b", said) == alone.route("b", said)
            assert beside.route("b", said).reason is not Reason.LANGUAGE_MATCHED

    def test_each_location_has_its_own_languages(self):
        engine = RoutingEngine(
            [
                a_location("es", spanish()),
                a_location("vi", a_rule("Vietnamese", BILLING, languages=("vi",))),
            ],
            encoder=ENCODER,
            policy=RoutingPolicy(threshold=0.6),
        )
        vietnamese = "tôi muốn hỏi về hóa đơn"
        assert str(engine.route("es", HELP).destination) == SPANISH
        assert str(engine.route("vi", HELP).destination) == DEFAULT
        assert str(engine.route("vi", vietnamese).destination) == BILLING
        assert str(engine.route("es", vietnamese).destination) == DEFAULT

    def test_a_failure_inside_sends_the_caller_to_the_default(self, monkeypatch):
        engine = an_engine(spanish())

        class Broken:
            def compute_language_confidence_values(self, text):
                raise RuntimeError(text)

        table = engine._state.base.catalog.tables[0]
        monkeypatch.setattr(table.identifier, "_detector", Broken())
        decision = engine.route("a", HELP)
        assert (decision.reason, str(decision.destination)) == (Reason.ENGINE_DEGRADED, DEFAULT)

    def test_saved_and_loaded_it_decides_the_same(self, tmp_path):
        engine = an_engine(spanish(), a_rule())
        engine.save(tmp_path)
        loaded = RoutingEngine.load(tmp_path, encoder=ENCODER)
        assert loaded.location("a") == engine.location("a")
        for said in (HELP, ASKS, "caller asks about billing"):
            assert loaded.route("a", said) == engine.route("a", said)

    def test_a_snapshot_without_languages_does_not_speak_of_them(self, tmp_path):
        an_engine(a_rule()).save(tmp_path)
        (tables,) = tmp_path.glob("tables-*.json")
        assert "languages" not in tables.read_text(encoding="utf-8")
        assert RoutingEngine.load(tmp_path, encoder=ENCODER).location("a").rules == (a_rule(),)

    def test_a_rule_may_get_and_lose_its_languages(self):
        engine = an_engine(a_rule("Spanish", SPANISH, when="caller prefers Spanish"))
        assert engine.route("a", HELP).reason is not Reason.LANGUAGE_MATCHED
        engine.apply([a_location("a", spanish())])
        assert engine.route("a", HELP).reason is Reason.LANGUAGE_MATCHED
        engine.replace([a_location("a", a_rule())])
        assert engine.route("a", HELP).reason is not Reason.LANGUAGE_MATCHED


class TestExtra:
    @pytest.fixture
    def without_lingua(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "lingua", None)
        _load.cache_clear()
        yield
        _load.cache_clear()

    def test_where_it_is_missing_the_engine_is_not_built_and_the_command_is_named(
        self, without_lingua
    ):
        with pytest.raises(MissingExtraError, match=r'pip install "routing-engine\[languages\]"'):
            an_engine(spanish())
        engine = an_engine(a_rule())
        with pytest.raises(MissingExtraError):
            engine.apply([a_location("a", spanish())])
        assert engine.catalog_version == 1

    def test_where_it_is_missing_a_snapshot_that_needs_it_is_not_loaded(
        self, tmp_path, monkeypatch
    ):
        an_engine(spanish()).save(tmp_path)
        monkeypatch.setitem(sys.modules, "lingua", None)
        _load.cache_clear()
        with pytest.raises(MissingExtraError):
            RoutingEngine.load(tmp_path, encoder=ENCODER)

    @pytest.mark.process
    @pytest.mark.parametrize("languages", [(), ("es",)])
    def test_it_is_imported_only_where_a_rule_needs_it(self, languages):
        code = f"""
import sys
from routing_engine import ContextRule, HashingEncoder, Location, RoutingEngine
rule = ContextRule(label="S", when="w", destination="+14155550111", languages={languages!r})
location = Location(location_id="a", default_destination="+14155550100", rules=[rule])
assert "lingua" not in sys.modules
engine = RoutingEngine([location], encoder=HashingEncoder())
engine.route("a", "hola, necesito ayuda")
print("lingua" in sys.modules)
"""
        assert run(code).strip() == str(bool(languages))


@pytest.mark.model
def test_with_the_default_encoder_spanish_speakers_and_those_who_ask_reach_the_rule():
    engine = RoutingEngine([a_location("a", spanish(), a_rule())])
    for said, reason in ((HELP, Reason.LANGUAGE_MATCHED), (ASKS, Reason.RULE_MATCHED)):
        decision = engine.route("a", said)
        assert (decision.outcome, decision.reason) == (Outcome.TRANSFER, reason)
        assert str(decision.destination) == SPANISH
    for said in ("my name is Jose Garcia", "no", "ok", "do you have anyone who speaks French"):
        assert str(engine.route("a", said).destination) == DEFAULT


@pytest.mark.parametrize(
    ("words", "language", "has"),
    [
        ("casa de campo", "es", False),
        ("la casa de los abuelos", "es", False),
        ("quiero mi factura", "es", True),
        ("mi factura", "es", True),
        ("factura", "es", False),
        ("ya pague la semana pasada", "es", True),
        ("coq au vin", "fr", False),
        ("j'arrive", "fr", True),
        ("zeitgeist", "de", False),
        ("nguyen van minh", "vi", False),
        ("hong kong", "tl", False),
        ("mr ng", "tl", False),
        ("saya ingin membatalkan pesanan", "id", True),
        ("ég vil panta borð", "is", True),
        ("ég vil", "is", False),
    ],
)
def test_grammar_is_what_names_lack(words, language, has):
    assert has_grammar(words.split(), language) is has


@pytest.mark.parametrize(
    ("text", "is_latin"),
    [
        ("hello", True),
        ("Nguyễn", True),
        ("привет", False),
        ("iPhone の 充電", True),
        ("暖气", False),
    ],
)
def test_scripts(text, is_latin):
    assert is_written_in_latin(text) is is_latin

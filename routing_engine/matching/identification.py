"""Identify the language of a short sentence, and which rules it rules in or out.

The sentence is compared with n-gram models (``lingua``) of English, of the languages in
``COMMON``, and of those that the location's rules name. What a caller says in English is full of
names, dishes and brands of other languages, letter by letter as French as any sentence ("coq au
vin"), so that another language is found only where all of this holds:

- words that only English has are at most a quarter of the sentence;
- it has words of the language's grammar (:mod:`routing_engine.text.telling_words`), or a script
  that English has not. A greeting such as "hola" stands in a list; "no", "ok" and "hmm" are no
  language;
- of the languages that do, it is the most probable, and its probability against English, the
  confidence, is at least 5/8.

The numbers were chosen on the development split of CLINC150 and BANKING77 (English), on English
phrases full of names, and on sentences in other languages; half of each was kept aside.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from routing_engine.errors import MissingExtraError
from routing_engine.matching.scoring import without
from routing_engine.model.rules import RuleText
from routing_engine.text.languages import named_languages
from routing_engine.text.telling_words import has_grammar, is_written_in_latin

if TYPE_CHECKING:
    from lingua import LanguageDetector

__all__ = ["COMMON", "Identifier", "Spoken", "by_language", "identifier_for"]

COMMON = (
    "ar", "de", "es", "fr", "hi", "it", "ja", "ko", "pl", "pt", "ru", "tl", "vi", "zh",
)  # fmt: skip
"""Languages always distinguished, so that Portuguese is not taken for Spanish."""

MAX_LENGTH = 300
"""Most characters that are read; a sentence or two are enough."""

MAX_ENGLISH_SHARE = 0.25
LEAST_CONFIDENCE = 5 / 8
DIGITS = 6

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
# Sounds, and words that many languages have: they say nothing.
_NEUTRAL = frozenset((
    "no", "ok", "okay", "uh", "um", "hmm", "mm", "mhm", "hm", "huh", "ah", "eh", "oh", "er",
    "erm", "hiya", "idk", "bla", "blah",
))  # fmt: skip
# Frequent words of English that are not frequent in the languages of COMMON.
_ENGLISH = frozenset((
    "the", "this", "that", "these", "those", "is", "are", "was", "were", "be", "been", "it",
    "its", "i'm", "i'd", "i've", "i'll", "it's", "that's", "there's", "you", "your", "you're",
    "we're", "they're", "he's", "she's", "they", "my", "our", "their", "his", "her", "what",
    "what's", "when", "where", "where's", "why", "how", "how's", "who", "who's", "which",
    "have", "has", "had", "does", "did", "don't", "doesn't", "didn't", "can", "can't",
    "could", "would", "should", "will", "won't", "isn't", "wasn't", "not", "and", "but", "or",
    "if", "with", "of", "for", "from", "get", "got", "need", "want", "on", "about", "after",
    "before", "please", "thanks", "thank", "hello", "hi", "hey", "yeah", "yes", "yep", "nope",
    "sure", "sorry", "let", "just", "there", "here", "to", "any", "anyone", "someone",
    "something", "speak", "talk", "call", "calling", "called",
))  # fmt: skip
# What people open with, or answer, in one word.
_GREETINGS = {
    "hola": "es", "buenas": "es", "bueno": "es", "sí": "es", "qué": "es", "bonjour": "fr",
    "bonsoir": "fr", "allô": "fr", "oui": "fr", "oi": "pt", "olá": "pt", "alô": "pt", "sim": "pt",
    "ciao": "it", "sì": "it", "hallo": "de",
}  # fmt: skip


class Spoken(NamedTuple):
    """The language that a caller speaks.

    Attributes:
        language: ISO 639-1 code, never ``"en"``.
        confidence: its probability against English, in (0, 1].
    """

    language: str
    confidence: float


class Identifier:
    """Identify the languages that a location's rules name, against English and others.

    Thread-safe; the same sentence gets the same answer in every process. Made by
    :func:`identifier_for`.
    """

    def __init__(self, detector: LanguageDetector) -> None:
        self._detector = detector

    def spoken(self, text: str) -> Spoken | None:
        """Identify the language of an utterance; None if it is English or unclear."""
        text = text[:MAX_LENGTH].replace("’", "'")
        words = [
            word
            for word in _WORD.findall(text.casefold())
            if word not in _NEUTRAL and (len(word) > 1 or not word.isascii())
        ]
        if not words:
            return None
        n_english = sum(word in _ENGLISH for word in words)
        if n_english > MAX_ENGLISH_SHARE * len(words):
            return None
        # lingua adds in no fixed order: the last bits differ from call to call.
        values = {
            value.language.iso_code_639_1.name.lower(): round(value.value, DIGITS)
            for value in self._detector.compute_language_confidence_values(text)
        }
        english = values.pop("en")
        greeted = {_GREETINGS.get(word) for word in words}
        language = greeted.pop() if len(greeted) == 1 else None
        is_greeting = language is not None and language in values
        if language is None or not is_greeting:
            is_latin = is_written_in_latin(text)
            # Of names and dishes in an English sentence, only those of other scripts are told.
            told = [code for code in values if not is_latin or has_grammar(words, code)]
            language = max(told, key=lambda code: (values[code], code), default=None)
            if language is None:
                return None
        probability = values[language]
        if probability == 0.0:
            return None
        confidence = round(probability / (probability + english), DIGITS)
        if is_greeting:
            return Spoken(language, confidence)
        if confidence < LEAST_CONFIDENCE:
            return None
        return Spoken(language, confidence)


_loading = threading.Lock()


def identifier_for(rules: Iterable[RuleText]) -> Identifier | None:
    """Return an identifier for the languages that rules name; None if they name none.

    Loads the models of the languages, once a process: about a second and 0.3 GB.

    Raises:
        MissingExtraError: some rule names a language, and the extra is not installed.
    """
    named = frozenset(code for rule in rules for code in rule.languages)
    if not named:
        return None
    with _loading:
        return _load(named.union(COMMON))


@lru_cache(maxsize=64)
def _load(languages: frozenset[str]) -> Identifier:
    try:
        from lingua import IsoCode639_1, Language, LanguageDetectorBuilder
    except ImportError as error:
        raise MissingExtraError("a rule with languages", "languages") from error
    detector = (
        LanguageDetectorBuilder.from_iso_codes_639_1(
            *(IsoCode639_1.from_str(code.upper()) for code in sorted({"en", *languages}))
        )
        .with_preloaded_language_models()
        .build()
    )
    detector.compute_language_confidence(".", Language.ENGLISH)
    return Identifier(detector)


def by_language(
    confidences: Sequence[float],
    rules: Sequence[RuleText],
    destinations: Sequence[int],
    text: str,
    spoken: Spoken | None,
) -> list[float]:
    """Adjust the confidences of rules to the language that the caller speaks.

    Where the caller speaks a rule's language, that rule takes the confidence of the
    identification; of several, the one that fits the words best takes it, and each other a share
    of it, by its own confidence. The other rules keep what the identification leaves open. A
    disabled rule stands back where another is for the language too.

    Where the caller does not, the words decide. A rule for a language is then one of those to
    choose from only if they name that language, or speak of languages or interpreters at all:
    "do you have anyone who speaks Spanish", but not "my name is Jose Garcia", which a sentence
    encoder puts near it. A rule that is none of them has confidence 0, and the others what they
    would have without it.

    Args:
        confidences: by the words, ``(n_rules,)``.
        rules: ``(n_rules,)``.
        destinations: one hashable a rule; rules with equal ones do not compete.
        text: what was said.
        spoken: its language, None for English or where it cannot be told.
    """
    if spoken is not None:
        meant = [i for i, rule in enumerate(rules) if spoken.language in rule.languages]
        meant = [i for i in meant if rules[i].enabled] or meant
        if meant:
            best = max(confidences[i] for i in meant)
            changed = [confidence * (1.0 - spoken.confidence) for confidence in confidences]
            for i in meant:
                share = confidences[i] / best if best > 0.0 else 1.0
                changed[i] = spoken.confidence * share
            return changed
    named = named_languages(text)
    if named is None:
        return list(confidences)
    gone = [
        i for i, rule in enumerate(rules) if rule.languages and named.isdisjoint(rule.languages)
    ]
    return without(confidences, destinations, gone)

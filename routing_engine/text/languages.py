"""Languages that a rule may name: ISO 639-1 codes and English names."""

from __future__ import annotations

import re

__all__ = ["LANGUAGES", "language_code", "named_languages"]

LANGUAGES = {
    "af": "Afrikaans", "ar": "Arabic", "az": "Azerbaijani", "be": "Belarusian", "bg": "Bulgarian",
    "bn": "Bengali", "bs": "Bosnian", "ca": "Catalan", "cs": "Czech", "cy": "Welsh",
    "da": "Danish", "de": "German", "el": "Greek", "eo": "Esperanto", "es": "Spanish",
    "et": "Estonian", "eu": "Basque", "fa": "Persian", "fi": "Finnish", "fr": "French",
    "ga": "Irish", "gu": "Gujarati", "he": "Hebrew", "hi": "Hindi", "hr": "Croatian",
    "hu": "Hungarian", "hy": "Armenian", "id": "Indonesian", "is": "Icelandic", "it": "Italian",
    "ja": "Japanese", "ka": "Georgian", "kk": "Kazakh", "ko": "Korean", "la": "Latin",
    "lg": "Ganda", "lt": "Lithuanian", "lv": "Latvian", "mi": "Maori", "mk": "Macedonian",
    "mn": "Mongolian", "mr": "Marathi", "ms": "Malay", "nb": "Bokmal", "nl": "Dutch",
    "nn": "Nynorsk", "pa": "Punjabi", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian",
    "ru": "Russian", "sk": "Slovak", "sl": "Slovene", "sn": "Shona", "so": "Somali",
    "sq": "Albanian", "sr": "Serbian", "st": "Sotho", "sv": "Swedish", "sw": "Swahili",
    "ta": "Tamil", "te": "Telugu", "th": "Thai", "tl": "Tagalog", "tn": "Tswana",
    "tr": "Turkish", "ts": "Tsonga", "uk": "Ukrainian", "ur": "Urdu", "vi": "Vietnamese",
    "xh": "Xhosa", "yo": "Yoruba", "zh": "Chinese", "zu": "Zulu",
}  # fmt: skip
"""Code -> English name of each language that can be distinguished from English."""

_CODE_OF = {name.casefold(): code for code, name in LANGUAGES.items()} | {
    "farsi": "fa",
    "filipino": "tl",
    "fil": "tl",
    "mandarin": "zh",
    "cantonese": "zh",
    "norwegian": "nb",
    "no": "nb",
    "castilian": "es",
    "slovenian": "sl",
}
_SAID_IN_ENGLISH = {
    **_CODE_OF, "español": "es", "espanol": "es", "castellano": "es", "français": "fr",
    "francais": "fr", "português": "pt", "portugues": "pt", "deutsch": "de", "italiano": "it",
}  # fmt: skip
_ANY = frozenset((
    "bilingual", "english", "inglés", "ingles", "interpret", "interpreter", "interpreters",
    "language", "languages", "translate", "translation", "translator", "translators",
))  # fmt: skip
_WORD = re.compile(r"[^\W\d_]+")
# A region or a script after the language: es-MX, pt_BR, zh-Hans-CN.
_TAG = re.compile(r"([a-z]{2,3})(?:[-_][a-z0-9]{2,8})+")


def language_code(text: str) -> str:
    """Return the code of a language given as a code, a tag such as ``es-MX``, or a name.

    Raises:
        ValueError: no such language, or English, whose speakers are understood by their words.
    """
    folded = text.strip().casefold()
    tag = _TAG.fullmatch(folded)
    key = folded if tag is None else tag[1]
    if key in ("en", "english"):
        raise ValueError("English is matched by its words; name the languages besides it")
    code = _CODE_OF.get(key, key)
    if code not in LANGUAGES:
        raise ValueError(
            "must be the ISO 639-1 code or English name of a language that can be identified, "
            "such as 'es' or 'Spanish'"
        )
    return code


def named_languages(text: str) -> frozenset[str] | None:
    """Return the codes of languages that an English sentence names.

    Returns:
        Those that it names, if any; None, for any language, where it is about languages or
        interpreters and names none.
    """
    words = _WORD.findall(text.casefold())
    # Two-letter words of English are no codes, and "no" is not Norwegian.
    named = frozenset(
        _SAID_IN_ENGLISH[word] for word in words if len(word) > 2 and word in _SAID_IN_ENGLISH
    )
    return None if not named and not _ANY.isdisjoint(words) else named

"""Whether words break off where a sentence cannot end. English."""

from __future__ import annotations

__all__ = ["is_unfinished"]

_GO_ON = frozenset((
    "a", "about", "after", "am", "an", "and", "are", "as", "at", "be", "because", "been", "before",
    "but", "by", "can", "could", "did", "do", "does", "don't", "er", "for", "from", "had", "has",
    "have", "he", "her", "his", "how", "i", "i'd", "i'm", "i've", "if", "in", "into", "is", "it",
    "it's", "its", "just", "like", "my", "no", "not", "of", "on", "or", "our", "over", "really",
    "she", "should", "so", "than", "that", "that's", "the", "their", "then", "there's", "these",
    "they", "this", "those", "to", "uh", "um", "under", "until", "very", "was", "we", "were",
    "what", "what's", "when", "where", "which", "while", "who", "will", "with", "without", "would",
    "you", "your",
))  # fmt: skip
"""Words after which a speaker goes on."""


def is_unfinished(text: str) -> bool:
    """Return whether a text ends with a word that wants another one: "it is about my"."""
    words = text.split()
    if not words:
        return True
    return words[-1].casefold().replace("’", "'").strip(".,;:!?…") in _GO_ON

"""Rules as vectors: search, scoring, language identification."""

"""Rules as vectors: search, scoring, language identification.

Internal: may change in any release. Use what ``routing_engine`` exports.
"""

"""Match utterances to rules: vector search, scoring, language identification.

Internal: may change in any release. Use what ``routing_engine`` exports.
"""

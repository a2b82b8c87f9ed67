"""Score an utterance, and decide.

Internal: may change in any release. Use what ``routing_engine`` exports.
"""

"""Words alone: lines, signals, the history of a conversation, paraphrases, languages.

Internal: may change in any release. Use what ``routing_engine`` exports.
"""

"""Text without a model: lines, signals, conversation history, paraphrases, languages.

Internal: may change in any release. Use what ``routing_engine`` exports.
"""

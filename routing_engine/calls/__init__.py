"""A live call: its turns, its handoff, and the tool of a language-model agent.

Internal: may change in any release. Use what ``routing_engine`` exports.
"""

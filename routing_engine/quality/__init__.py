"""How good the answers are: labelled calls, metrics, evaluation, fitting, lint.

Internal: may change in any release. Use what ``routing_engine`` exports.
"""

"""From confidences to a decision.

Internal: may change in any release. Use what ``routing_engine`` exports.
"""

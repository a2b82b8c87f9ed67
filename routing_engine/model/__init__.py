"""The domain's values: rules, locations, destinations, callers, decisions.

Internal: may change in any release. Use what ``routing_engine`` exports.
"""

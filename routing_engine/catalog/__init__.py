"""The locations that an engine answers from: arrays, lookup, snapshots, following a store.

Internal: may change in any release. Use what ``routing_engine`` exports.
"""

"""The locations that an engine answers from: arrays, lookup, snapshots, following a store."""

"""Measure what the project claims: ``python -m benchmarks --help``."""

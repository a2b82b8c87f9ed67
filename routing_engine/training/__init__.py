"""Tunes the encoder on a corpus of callers: ``python -m routing_engine.training``.

Needs the extra ``train``. Nothing else in the package imports it.
"""

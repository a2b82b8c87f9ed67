"""Tune the encoder on a corpus of callers: ``python -m routing_engine.training``.

Needs the extra ``train``. Nothing else in the package imports it.

The command is public; these modules are internal and may change in any release.
"""

"""Workbooks from strangers, parsed in a process of its own: ``routing_engine.workbooks.worker``.

Imports no numpy and no pydantic, so that the process starts in a twentieth of a second.
"""

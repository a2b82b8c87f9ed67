"""One transaction of one organisation: the only way to its rows."""

from __future__ import annotations

from routing_engine.store.answers import Answers
from routing_engine.store.calls import Calls
from routing_engine.store.imports import Imports
from routing_engine.store.keys import Keys

__all__ = ["Work"]


class Work(Imports, Calls, Keys, Answers):
    """All that can be done with an organisation's rows, in one transaction.

    :meth:`routing_engine.store.Store.work` gives one that commits at its end, and is undone where
    anything is raised in it; :meth:`routing_engine.store.Store.read` one that only reads.
    """

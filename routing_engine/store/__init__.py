"""Storage of a control plane: organisations, keys, drafts, versions, calls.

    from routing_engine.store import Store

    with Store.open("sqlite:///routing.db") as store:
        organisation_id = store.create_organisation("Acme")
        with store.work(organisation_id) as work:
            agent = work.agents.create("Downtown", "store-0042", {})

The same on SQLite and PostgreSQL. Documents are plain JSON; what they mean is the server's business.
"""

from __future__ import annotations

from routing_engine.errors import MissingExtraError

try:
    import alembic  # noqa: F401
    import cryptography  # noqa: F401
    import sqlalchemy  # noqa: F401
except ImportError as error:
    raise MissingExtraError("the store", "server") from error

from routing_engine.store.agents import Agent
from routing_engine.store.answers import Answer
from routing_engine.store.auditing import Audit
from routing_engine.store.calls import CallRow, DecisionRow
from routing_engine.store.feed import Changes, Feed, Published
from routing_engine.store.imports import Import
from routing_engine.store.keys import Key, Principal
from routing_engine.store.labels import LabelledCall
from routing_engine.store.pages import Page
from routing_engine.store.sessions import ConsoleSession
from routing_engine.store.skills import Skill
from routing_engine.store.staging import ImportedDraft
from routing_engine.store.store import Store
from routing_engine.store.tables import new_id
from routing_engine.store.totals import Day, Totals
from routing_engine.store.unit_of_work import UnitOfWork
from routing_engine.store.versions import Version

__all__ = [
    "Agent",
    "Answer",
    "Audit",
    "CallRow",
    "Changes",
    "ConsoleSession",
    "Day",
    "DecisionRow",
    "Feed",
    "Import",
    "ImportedDraft",
    "Key",
    "LabelledCall",
    "Page",
    "Principal",
    "Published",
    "Skill",
    "Store",
    "Totals",
    "UnitOfWork",
    "Version",
    "new_id",
]

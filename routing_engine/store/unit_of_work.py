"""Unit of work: one transaction of one organisation."""

from __future__ import annotations

from routing_engine.store.agents import Agents
from routing_engine.store.announcing import Announcements
from routing_engine.store.answers import Answers
from routing_engine.store.auditing import Audits
from routing_engine.store.calls import Calls
from routing_engine.store.drafts import Drafts
from routing_engine.store.imports import Imports
from routing_engine.store.keys import Keys
from routing_engine.store.labels import Labels
from routing_engine.store.policies import DialPolicies
from routing_engine.store.preferences import Preferences
from routing_engine.store.sessions import Sessions
from routing_engine.store.skills import Skills
from routing_engine.store.staging import Staged
from routing_engine.store.transaction import Transaction
from routing_engine.store.versions import Versions

__all__ = ["UnitOfWork"]


class UnitOfWork:
    """The repositories of one organisation, in one transaction.

    :meth:`routing_engine.store.Store.work` gives one that commits at its end, and is undone where
    anything is raised in it; :meth:`routing_engine.store.Store.read` one that only reads.

    Attributes:
        organisation_id: whose rows these are.
        agents: agents and their drafts' configuration.
        skills: the skills of drafts.
        drafts: whole drafts.
        versions: what was published.
        imports: imports of sheets.
        staged: what imports are about to change.
        calls: calls, decisions and their totals.
        keys: API keys.
        sessions: who is signed in to the console.
        dial_policy: where calls may be sent.
        labels: what callers said, with the rule that is right.
        preferences: what the organisation has chosen.
        answers: answers by idempotency key.
        audits: who changed what.
    """

    def __init__(self, transaction: Transaction) -> None:
        self.organisation_id = transaction.organisation_id
        announcements = Announcements(transaction)
        self.audits = Audits(transaction)
        self.agents = Agents(transaction, self.audits, announcements)
        self.skills = Skills(transaction, self.audits, self.agents)
        self.drafts = Drafts(transaction, self.agents, self.skills)
        self.versions = Versions(transaction, self.audits, announcements, self.agents, self.skills)
        self.staged = Staged(transaction, announcements, self.skills)
        self.imports = Imports(transaction, self.audits, announcements, self.skills, self.staged)
        self.calls = Calls(transaction)
        self.keys = Keys(transaction, self.audits)
        self.sessions = Sessions(transaction, self.audits)
        self.dial_policy = DialPolicies(transaction, self.audits, announcements)
        self.labels = Labels(transaction, self.audits, self.agents)
        self.preferences = Preferences(transaction, self.audits)
        self.answers = Answers(transaction)

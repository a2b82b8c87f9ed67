"""Score an utterance with the encoder, then apply the gates at the given time.

What fails on the way never drops a call: the answer is then the location's default.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from routing_engine.deciding import gates
from routing_engine.deciding.cache import ScoreCache
from routing_engine.deciding.gates import CallTerms, Confirmed, Verified
from routing_engine.deciding.options import EngineOptions
from routing_engine.deciding.scored import (
    Heard,
    Question,
    Scored,
    read,
    score_vector,
    text_to_embed,
)
from routing_engine.deciding.state import CatalogEntry, State
from routing_engine.encoders import encode_distinct
from routing_engine.encoders.micro_batching import (
    DeadlineExceededError,
    MicroBatcher,
    OverloadedError,
)
from routing_engine.encoders.person import shipped_person
from routing_engine.errors import InvalidValueError, UnknownLocationError
from routing_engine.model.decisions import Decision, next_serial
from routing_engine.model.outcomes import Reason
from routing_engine.model.parties import NOBODY, Parties
from routing_engine.model.rules import ContextRule, Location
from routing_engine.text.denials import split_denials

__all__ = ["CallRouter", "Router"]

_logger = logging.getLogger(__name__)

History = Iterable[tuple[str, str]]
Embed = Callable[[Sequence[str]], Mapping[str, npt.NDArray[np.float32] | Exception]]


class Router:
    """Score and gate by any state of one engine. Thread-safe.

    Args:
        options: of the engine.
    """

    def __init__(self, options: EngineOptions) -> None:
        self._encoder = options.encoder
        self._person = shipped_person(options.encoder.fingerprint)
        self._caches = options.cache_size > 0
        self._batcher = MicroBatcher(options.encoder, max_waiting=options.max_waiting)

    def score(
        self,
        state: State,
        location_id: str,
        utterance: str,
        history: History = (),
        *,
        deadline_s: float | None = None,
    ) -> Scored:
        """Score the rules of a location against an utterance; encodes at most once.

        Args:
            state: the catalog version to answer from.
            location_id: compared exactly.
            utterance: what the caller said.
            history: what was said before, oldest first.
            deadline_s: seconds after which the default is the better answer; None to wait.

        Raises:
            UnknownLocationError: no such location, and the engine has no default destination.
            InvalidValueError: an argument of another type.
        """
        _check_deadline(deadline_s)
        question = self._question(state, location_id, utterance, history)
        return self._answered(state, question, deadline_s)

    def score_turn(
        self, state: State, location_id: str, utterance: str, history: Sequence[tuple[str, str]]
    ) -> Scored:
        """Score a turn of a call twice: by the whole conversation, and by its words alone.

        One call of the encoder, of at most two texts.

        Args:
            state: the catalog version to answer from.
            location_id: compared exactly.
            utterance: what the caller said.
            history: what was said before, oldest first.

        Returns:
            The scores of the conversation. ``alone`` holds those of the last turn, where that is
            embedded as another text.

        Raises:
            UnknownLocationError: no such location, and the engine has no default destination.
            InvalidValueError: an argument of another type.
        """
        whole, alone = self._questions(state, location_id, utterance, history)
        if alone is None:
            return self._answered(state, whole, None)
        if isinstance(whole, Scored) or isinstance(alone, Scored):
            return _together(self._answered(state, whole, None), self._answered(state, alone, None))
        try:
            first, second = self._batcher.encode_pair(whole.embedded, alone.embedded)
        except Exception as error:  # noqa: BLE001  a call must not be dropped
            return _failed(whole.heard.entry, error)
        return _together(
            self._scored(state.scores, whole, first), self._scored(state.scores, alone, second)
        )

    async def ascore_turn(
        self,
        state: State,
        location_id: str,
        utterance: str,
        history: Sequence[tuple[str, str]],
        *,
        deadline_s: float | None = None,
    ) -> Scored:
        """As :meth:`score_turn`, without blocking the event loop."""
        _check_deadline(deadline_s)
        whole, alone = self._questions(state, location_id, utterance, history)
        if alone is None:
            return await self._aanswered(state, whole, deadline_s)
        return _together(
            *await asyncio.gather(
                self._aanswered(state, whole, deadline_s), self._aanswered(state, alone, deadline_s)
            )
        )

    async def ascore(
        self,
        state: State,
        location_id: str,
        utterance: str,
        history: History = (),
        *,
        deadline_s: float | None = None,
    ) -> Scored:
        """As :meth:`score`, without blocking the event loop; concurrent callers share batches."""
        _check_deadline(deadline_s)
        question = self._question(state, location_id, utterance, history)
        return await self._aanswered(state, question, deadline_s)

    def _answered(
        self, state: State, question: Scored | Question, deadline_s: float | None
    ) -> Scored:
        """Return the scores of a question, encoding its text where they are not known."""
        if isinstance(question, Scored):
            return question
        try:
            vector = self._batcher.encode(question.embedded, deadline_s=deadline_s)
        except Exception as error:  # noqa: BLE001  a call must not be dropped
            return _failed(question.heard.entry, error)
        return self._scored(state.scores, question, vector)

    async def _aanswered(
        self, state: State, question: Scored | Question, deadline_s: float | None
    ) -> Scored:
        """As :meth:`_answered`, without blocking the event loop."""
        if isinstance(question, Scored):
            return question
        try:
            vector = await self._batcher.aencode(question.embedded, deadline_s=deadline_s)
        except Exception as error:  # noqa: BLE001  a call must not be dropped
            return _failed(question.heard.entry, error)
        return self._scored(state.scores, question, vector)

    def score_many(
        self, state: State, queries: Iterable[tuple[str, str]], *, embed: Embed | None = None
    ) -> list[Scored]:
        """Score many pairs of location id and utterance, encoded in batches; in order.

        Args:
            state: the catalog version to answer from.
            queries: pairs of location id and utterance.
            embed: distinct texts -> at least their vectors; None for the engine's encoder.

        Raises:
            InvalidValueError: what is given is no pairs.
        """
        try:
            pairs = [(location_id, utterance) for location_id, utterance in queries]
        except (TypeError, ValueError):
            raise InvalidValueError("queries are pairs of location id and utterance") from None
        asked = [self._question(state, *pair) for pair in pairs]
        texts = dict.fromkeys(item.embedded for item in asked if isinstance(item, Question))
        vectors = (self._vectors if embed is None else embed)(list(texts))
        return [
            item
            if isinstance(item, Scored)
            else self._scored(state.scores, item, vectors[item.embedded])
            for item in asked
        ]

    def gate(
        self,
        scored: Scored,
        *,
        verified: Verified = False,
        confirmed: Confirmed = False,
        terms: CallTerms | None = None,
        now: datetime | None = None,
        any_hour: bool = False,
        parties: Parties = NOBODY,
    ) -> Decision:
        """Decide on scores, see :func:`routing_engine.deciding.gates.gate`.

        Args:
            scored: what :meth:`score` gave.
            verified, confirmed, terms: as for the gates.
            now: the instant for which hours count; None for the present. The clock is read only
                where the location has hours.
            any_hour: every location counts as open.
            parties: who is on the line, where no call's terms say so.
        """
        entry = scored.entry
        try:
            if any_hour:
                now = None
            elif now is None and entry.has_hours:
                now = datetime.now(UTC)
            return gates.gate(
                scored,
                verified=verified,
                confirmed=confirmed,
                terms=terms,
                now=now,
                serial=next_serial(),
                parties=parties,
            )
        except Exception as error:  # noqa: BLE001  a call must not be dropped
            failed = _failed(entry, error)
            return gates.gate(failed, terms=terms, serial=next_serial(), parties=parties)

    def _questions(
        self, state: State, location_id: str, utterance: str, history: Sequence[tuple[str, str]]
    ) -> tuple[Scored | Question, Scored | Question | None]:
        """As :meth:`_question`, for a turn in its conversation, and for the turn alone.

        The second is None where it would say the same.
        """
        heard = self._heard(state, location_id, utterance)
        if isinstance(heard, Scored):
            return heard, None
        whole = self._asked(state, heard, history)
        if not history:
            return whole, None
        alone = self._asked(state, heard, ())
        if isinstance(whole, Question) and isinstance(alone, Question):
            return whole, None if whole.embedded == alone.embedded else alone
        return whole, alone

    def _question(
        self, state: State, location_id: str, utterance: str, history: History = ()
    ) -> Scored | Question:
        """Prepare an utterance for encoding; return scores if nothing need be encoded."""
        heard = self._heard(state, location_id, utterance)
        if isinstance(history, str | bytes) or not isinstance(history, Iterable):
            raise InvalidValueError(
                f"a history is pairs of speaker and words, not {type(history).__name__}"
            )
        return heard if isinstance(heard, Scored) else self._asked(state, heard, history)

    def _heard(self, state: State, location_id: str, utterance: str) -> Scored | Heard:
        """Look a location up and read an utterance; return scores if nothing can be matched."""
        if not isinstance(utterance, str):
            raise InvalidValueError(f"an utterance is a str, not {type(utterance).__name__}")
        entry, part = state.entry(location_id)
        if not entry.is_known:
            return Scored(entry, Reason.UNKNOWN_LOCATION)
        said = read(utterance)
        if said is None:
            return Scored(entry, Reason.EMPTY_UTTERANCE)
        table = entry.catalog.table(entry.number)
        if table.profile < 0:
            return Scored(entry, Reason.NO_RULES)
        return Heard(entry, part, table, said, split_denials(said))

    def _asked(self, state: State, heard: Heard, history: History) -> Scored | Question:
        """Return the question that an utterance is after some turns, or its scores if known."""
        entry, part, _, said, denials = heard
        embedded = text_to_embed(said, denials, history)
        key = b""
        if self._caches:
            key = ScoreCache.key(
                entry.number, is_changed=part is state.changed, embedded=embedded, said=said
            )
            scored: Scored | None = state.scores.get(key)
            if scored is not None:
                return scored
        return Question(heard, embedded, key)

    def _scored(
        self,
        cache: ScoreCache[Scored],
        question: Question,
        vector: npt.NDArray[np.float32] | Exception,
    ) -> Scored:
        if isinstance(vector, Exception):
            return _failed(question.heard.entry, vector)
        try:
            scored = score_vector(question, vector, self._person)
        except Exception as error:  # noqa: BLE001  a call must not be dropped
            return _failed(question.heard.entry, error)
        if question.key:
            cache.put(question.key, scored)
        return scored

    def _vectors(self, texts: Sequence[str]) -> dict[str, npt.NDArray[np.float32] | Exception]:
        """Return the vector of each text, or its error."""
        try:
            return dict(zip(texts, encode_distinct(self._encoder, texts), strict=True))
        except Exception as error:  # noqa: BLE001  a call must not be dropped
            if len(texts) == 1:
                return {texts[0]: error}
            return {text: vector for one in texts for text, vector in self._vectors([one]).items()}


class CallRouter:
    """A router for one call: fixed to a catalog version, or always on the newest.

    Args:
        router: that scores and gates.
        state: gives the version to answer from.

    Attributes:
        gate: as :meth:`Router.gate`.
    """

    def __init__(self, router: Router, state: Callable[[], State]) -> None:
        self._router = router
        self._state = state
        self.gate = router.gate

    @property
    def catalog_version(self) -> int:
        """Version of the catalog in use."""
        return self._state().version

    def location(self, location_id: str) -> Location:
        """As :meth:`routing_engine.RoutingEngine.location`."""
        return self._state().location(location_id)

    def location_name(self, location_id: str) -> str:
        """Return the name of a location; empty if it has none.

        Raises:
            UnknownLocationError: no such location.
        """
        state = self._state()
        part, i = state.find(location_id)
        if i < 0:
            raise UnknownLocationError(location_id, state.version)
        return part.catalog.columns.names[i]

    def rule(self, location_id: str, label: str) -> ContextRule | None:
        """Return a location's rule by its label; None if there is no such rule or location."""
        part, i = self._state().find(location_id)
        if i < 0:
            return None
        rules = part.catalog.table(i).rules
        number = next((n for n, rule in enumerate(rules) if rule.label == label), None)
        return None if number is None else part.catalog.columns.rule(i, number)

    def is_current(self, scored: Scored) -> bool:
        """Whether scores come from the catalog version in use."""
        return scored.entry.version == self._state().version

    def score(self, location_id: str, utterance: str, history: Sequence[tuple[str, str]]) -> Scored:
        """As :meth:`Router.score_turn`."""
        return self._router.score_turn(self._state(), location_id, utterance, history)

    async def ascore(
        self,
        location_id: str,
        utterance: str,
        history: Sequence[tuple[str, str]],
        *,
        deadline_s: float | None = None,
    ) -> Scored:
        """As :meth:`Router.ascore_turn`."""
        state = self._state()
        return await self._router.ascore_turn(
            state, location_id, utterance, history, deadline_s=deadline_s
        )

    def default(
        self, location_id: str, reason: Reason, now: datetime, *, terms: CallTerms
    ) -> Decision:
        """As :func:`routing_engine.deciding.gates.default`."""
        entry, _ = self._state().entry(location_id)
        return gates.default(entry, reason, now, terms=terms)

    def next_in_line(
        self, location_id: str, rule: ContextRule | None, now: datetime, *, terms: CallTerms
    ) -> Decision:
        """As :func:`routing_engine.deciding.gates.next_in_line`."""
        entry, _ = self._state().entry(location_id)
        return gates.next_in_line(entry, rule, now, terms)

    def contain(self, location_id: str, reason: Reason, *, terms: CallTerms) -> Decision:
        """As :func:`routing_engine.deciding.gates.contain`."""
        return gates.contain(location_id, self.catalog_version, reason, terms)


def _together(whole: Scored, alone: Scored) -> Scored:
    """Return the scores of a conversation with those of its last turn, where both have some."""
    if whole is alone or whole.reason is not None or alone.reason is not None:
        return whole
    return whole.beside(alone)


def _failed(entry: CatalogEntry, error: Exception) -> Scored:
    """Return empty scores with the reason for an error."""
    if isinstance(error, OverloadedError):
        reason = Reason.OVERLOADED
    elif isinstance(error, DeadlineExceededError):
        reason = Reason.DEADLINE_EXCEEDED
    else:
        reason = Reason.ENGINE_DEGRADED
    # The type alone: a message may hold what the caller said.
    _logger.error("caller sent to the default, %s: %s", reason.value, type(error).__name__)
    return Scored(entry, reason)


def _check_deadline(deadline_s: object) -> None:
    """Refuse a deadline that is none.

    Raises:
        InvalidValueError: neither None nor a finite number.
    """
    if deadline_s is None:
        return
    if (
        isinstance(deadline_s, bool)
        or not isinstance(deadline_s, int | float)
        or not math.isfinite(deadline_s)
    ):
        raise InvalidValueError(
            f"deadline_s is a finite number of seconds, or None to wait, not {deadline_s!r}"
        )

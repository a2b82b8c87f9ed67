"""A call in the hands of an agent framework: what was said, what the model asks, and dialling.

The adapters for LiveKit Agents and Pipecat are made of this, and so is one for another framework:

1. It reports each finished turn with :meth:`Conversation.said`.
2. It gives the model the tool, and answers it with :meth:`Conversation.asked`. The caller's words are
   those of the transcript, not those that the model gives; where no turn is reported, the model's.
3. Where the answer names somebody, it dials by :meth:`Conversation.connect`: after what is said to the
   caller has been heard, one after the other, until somebody answers.

The model sees no number, and nothing that it says verifies a caller.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from routing_engine.calls.call import Call
from routing_engine.calls.handoff import Handoff
from routing_engine.calls.policy import TransferOutcome
from routing_engine.calls.skill import Skill
from routing_engine.errors import InvalidValueError
from routing_engine.model.outcomes import Outcome, Reason

__all__ = ["Conversation", "Dial", "Say"]

Dial = Callable[[Handoff], Awaitable[TransferOutcome | str | int]]
"""Dials a handoff's destination and returns how that ended, in words that
:meth:`routing_engine.Call.transfer_failed` reads; ``"answered"`` where somebody picked up."""

Say = Callable[[str], Awaitable[object]]
"""Says a text to the caller, and returns once it has been heard."""


class Conversation:
    """A call that an agent framework holds. For one event loop.

    Args:
        skill: with its call.

    Raises:
        InvalidValueError: the skill has no call.
    """

    def __init__(self, skill: Skill) -> None:
        if skill.call is None:
            raise InvalidValueError(
                "the skill has no call; make it with engine.skill(location_id, call=call)"
            )
        self.skill = skill
        self.call: Call = skill.call
        self._said: list[tuple[Literal["agent", "caller"], str]] = []
        self._has_transcript = False
        self._turn = asyncio.Lock()

    def said(self, speaker: Literal["agent", "caller"], words: str) -> None:
        """Report what was said, in order; nothing is decided yet."""
        if words.strip():
            self._said.append((speaker, words))
            self._has_transcript = True

    async def settle(self) -> dict[str, Any] | None:
        """Hear what the agent has answered without asking the tool.

        Returns:
            What the tool would have answered, where the caller needs more than the agent: tell the
            model to call it. None otherwise.
        """
        async with self._turn:
            return await self._settled()

    async def asked(self, arguments: object) -> dict[str, Any]:
        """Answer the model; as calling the skill, by the caller's own words where they are known."""
        async with self._turn:
            await self._settled()
            words = None
            if self._has_transcript:
                words = " ".join(text for _, text in self._said)
                self._said.clear()
            return await self.skill.ahandle(arguments, words=words)

    async def connect(
        self, answer: dict[str, Any], dial: Dial, *, say: Say | None = None
    ) -> dict[str, Any] | None:
        """Dial whom an answer of the tool names, and the next in line where nobody answers.

        Args:
            answer: of the tool.
            dial: transfers the call.
            say: says to the caller what the answer holds, before each attempt.

        Returns:
            What to tell the model, where nobody is or was reached; None where the caller is with
            somebody, or has hung up: the agent has no more to say.

        Raises:
            InvalidValueError: the destination may not be dialled any more, or what ``dial`` returns
                is no end of a transfer.
        """
        while answer.get("destination_id") is not None:
            decision = self.call.decision
            assert decision is not None
            self.skill.resolve(answer["destination_id"])
            if say is not None:
                await say(answer["say"])
            ended = await dial(self.call.handoff(decision))
            after = self.call.transfer_failed(ended, attempt=decision)
            if self.call.is_over:
                return None
            if after.reason is Reason.REPORT_IGNORED:
                raise InvalidValueError(
                    f"{after.reported!r} is no end of a transfer; return from dial once it has ended"
                )
            answer = self.skill.answer(after)
        return answer

    async def _settled(self) -> dict[str, Any] | None:
        """Hear all turns up to the agent's last."""
        last = max((i for i, (who, _) in enumerate(self._said) if who == "agent"), default=-1)
        turns, self._said = self._said[: last + 1], self._said[last + 1 :]
        decision = None
        for speaker, words in turns:
            if speaker == "agent":
                self.call.agent_said(words)
            else:
                decision = await self.call.ahear(words)
        if decision is None or decision.outcome is Outcome.CONTAIN or self.call.is_over:
            return None
        return self.skill.answer(decision)

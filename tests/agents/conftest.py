"""A call with each gate, and someone who dials, for the agent frameworks."""

from __future__ import annotations

import asyncio
import json
import re
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from routing_engine import HashingEncoder, RoutingEngine
from tests.support.strategies import a_location, a_rule

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
CALLER, LINE = "+12025550188", "+14155550199"
BILLING, SECOND, MOVES, PINNED, DEFAULT = (
    "+14155550111", "+14155550112", "+14155550113", "+14155550114", "+14155550100",
)  # fmt: skip
NUMBERS = (BILLING, SECOND, MOVES, PINNED, DEFAULT, CALLER)
CHARGE = "there is a charge on my invoice"


def framework(name):
    """Import a framework, or skip the module; its own warnings are not ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip(name, reason=f"{name} is not installed (make integrations)")
    return pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="package")
def engine():
    rules = (
        a_rule("Billing", BILLING, examples=(CHARGE,), fallback=(SECOND,), ring_timeouts_s=(15, 20)),
        a_rule("Moves", MOVES, when="caller moves house", requires_confirmation=True),
        a_rule("Secrets", PINNED, when="caller wants a secret", requires_verification=True),
        a_rule("Orders", MOVES, when="caller asks for an order",
               required_details=("Order number",)),
    )  # fmt: skip
    store = a_location("store-1", *rules, default_destination=DEFAULT, lines=(LINE,))
    return RoutingEngine([store], encoder=HashingEncoder())


@pytest.fixture
def call(engine):
    return engine.open_call(called=LINE, caller_id=CALLER)


@pytest.fixture
def skill(engine, call):
    return engine.skill(call.location_id, call=call)


@dataclass
class Dialled:
    """Who was dialled, when relative to what was said, and how each attempt ended."""

    endings: list[object] = field(default_factory=lambda: ["answered"])
    log: list[str] = field(default_factory=list)
    handoffs: list[object] = field(default_factory=list)
    answered: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, handoff):
        self.handoffs.append(handoff)
        self.log.append(str(handoff.destination))
        if not self.endings[1:]:
            self.answered.set()
        return self.endings.pop(0)


@pytest.fixture
def dialled():
    return Dialled()


def arguments(words, **more):
    return json.dumps({"words": words, "reason": "a person may be needed", **more})


def page(name, **names):
    """What the Python of a page defines."""
    names = {"__name__": name, **names}
    for block in re.findall(r"```python\n(.*?)```", (HOW_TO / name).read_text(), re.DOTALL):
        exec(compile(block, name, "exec"), names)
    return names


def python_of(name, function):
    """A function of a page, by the block that defines it alone."""
    blocks = re.findall(r"```python\n(.*?)```", (HOW_TO / name).read_text(), re.DOTALL)
    (block,) = [block for block in blocks if f"def {function}(" in block]
    names = {"__name__": name}
    exec(compile(block, name, "exec"), names)
    return names[function]

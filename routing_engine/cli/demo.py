"""The demo: the sample sheet, a dozen callers, one table."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from routing_engine.cli.terminal import plain
from routing_engine.model.decisions import Decision
from routing_engine.model.outcomes import Outcome, Reason

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from routing_engine.engine import RoutingEngine

__all__ = ["CALLS", "Answer", "answers", "find_sheet", "source_folders", "table"]

SAMPLE = Path("data") / "franchise.csv"

CALLS: tuple[tuple[str, str], ...] = (
    ("store-0195", "um hi, the furnace quit and it's twenty below out"),
    ("store-0042", "there's a charge on my card I don't recognize"),
    ("store-0132", "I got charged twice for that tune-up in March"),
    ("store-0168", "how much for a new AC, ours is twenty years old"),
    ("store-0180", "hey can you push my appointment to Friday"),
    ("store-0113", "the compressor died, is that still under warranty"),
    ("store-0094", "I want to complain, your guy left a huge mess"),
    ("store-0066", "take me off that Comfort Circle thing please"),
    ("store-0126", "hola, ¿hay alguien que hable español?"),
    ("store-0138", "we need somebody for our office's rooftop units"),
    ("store-0042", "do you know a good pizza place around here"),
    ("store-0107", "🤷"),
)
"""Location and words of each caller of the demo."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One call of the demo.

    Attributes:
        location_id: where the caller called.
        location_name: for people; may be empty.
        said: what the caller said.
        decision: what the engine decided.
        time_ms: what deciding took, in milliseconds.
    """

    location_id: str
    location_name: str
    said: str
    decision: Decision
    time_ms: float


def source_folders() -> tuple[Path, ...]:
    """Folders where the source repository may be: the current one, and the package's parent."""
    return Path.cwd(), Path(__file__).resolve().parents[2]


def find_sheet() -> Path | None:
    """Find the sample sheet; None without the source repository."""
    if SAMPLE.is_file():
        return SAMPLE
    candidates = (folder / SAMPLE for folder in source_folders())
    return next((path for path in candidates if path.is_file()), None)


def answers(engine: RoutingEngine, calls: Iterable[tuple[str, str]] = CALLS) -> Iterator[Answer]:
    """Route each call; an unknown location is replaced by one that the engine has."""
    location_ids = engine.location_ids()
    if not location_ids:
        return
    engine.route(location_ids[0], "the first call pays for what is set up once")
    for number, (wanted, said) in enumerate(calls):
        known = wanted in engine
        location_id = wanted if known else location_ids[number % len(location_ids)]
        started_s = time.perf_counter()
        decision = engine.route(location_id, said)
        time_ms = (time.perf_counter() - started_s) * 1e3
        name = engine.location(location_id).name or ""
        yield Answer(location_id, name, said, decision, time_ms)


def table(found: Iterable[Answer], *, width: int) -> Table:
    """Format the answers as a table, at most this many characters wide."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    shows_names = width >= 110
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    made.add_column("location", style="cyan", no_wrap=not shows_names)
    made.add_column("the caller said", ratio=1)
    made.add_column("rule", min_width=16, max_width=24 if width >= 100 else 16)
    made.add_column("destination", min_width=13, max_width=20 if width >= 100 else 13)
    made.add_column("conf", justify="right", no_wrap=True)
    made.add_column("ms", justify="right", no_wrap=True)
    for answer in found:
        decision = answer.decision
        location = Text(plain(answer.location_id))
        if shows_names and answer.location_name:
            location.append(f"\n{plain(answer.location_name)}", style="dim")
        scored = decision.threshold is not None
        made.add_row(
            location,
            Text(plain(answer.said)),
            _rule(decision),
            _destination(decision),
            Text(f"{decision.confidence:.2f}" if scored else "-"),
            Text(f"{answer.time_ms:.1f}"),
        )
    return made


def _rule(decision: Decision) -> Text:
    from rich.text import Text

    if decision.rule is not None:
        return Text(plain(decision.rule.label), style="bold")
    said = {
        Reason.BELOW_THRESHOLD: "none fits",
        Reason.EMPTY_UTTERANCE: "nothing said",
        Reason.NO_RULES: "no rules here",
    }
    return Text(said.get(decision.reason, decision.reason.replace("_", " ")), style="dim")


def _destination(decision: Decision) -> Text:
    from rich.text import Text

    if decision.outcome is Outcome.VERIFY:
        return Text("verify caller", style="yellow")
    if decision.outcome is Outcome.CONFIRM:
        return Text("confirm first", style="yellow")
    if decision.destination is None:
        return Text(decision.outcome.value, style="yellow")
    number = plain(str(decision.destination))
    if decision.outcome is Outcome.TRANSFER:
        return Text(number, style="green")
    return Text.assemble((number, ""), ("\ndefault", "dim"))

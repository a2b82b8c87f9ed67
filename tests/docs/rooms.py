"""The map of the rooms and the four journeys, drawn from the imports."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from textwrap import wrap

from tests.test_architecture import (
    MODULES,
    PACKAGE,
    ROWS,
    imported_modules,
    module_files,
    module_name,
    room_of,
)


@dataclass(frozen=True)
class Step:
    """One step of a journey: a room, and what it does there."""

    room: str
    does: str
    of: str
    """The room that asks for it; the same one where the step is its own."""


@dataclass(frozen=True)
class Journey:
    """How one thing travels through the rooms."""

    title: str
    steps: tuple[Step, ...]


JOURNEYS = (
    Journey(
        "An utterance: engine.route",
        (
            Step("engine", "holds the current catalog", "engine"),
            Step("deciding", "finds the location, looks for a score it has", "engine"),
            Step("text", "drops what the caller denies, adds the history", "deciding"),
            Step("encoders", "embed the words, alone or in a batch", "deciding"),
            Step("matching", "searches the location's rows, scores each rule", "deciding"),
            Step("deciding", "gates: thresholds, hours, verification, policy", "deciding"),
            Step("model", "the Decision, with its evidence", "deciding"),
        ),
    ),
    Journey(
        "A sheet row: RoutingEngine.from_csv",
        (
            Step("engine", "opens the sheet", "engine"),
            Step("sheets", "reads headers and cells, collects every error", "engine"),
            Step("model", "checks each rule, number and location", "sheets"),
            Step("catalog", "holds locations in columns, equal rule tables once", "sheets"),
            Step("encoders", "embed each distinct text once", "engine"),
            Step("matching", "writes each profile's rows into the index", "engine"),
        ),
    ),
    Journey(
        "A published change: POST …/publish",
        (
            Step("server", "compiles the draft to a Location, tests it", "server"),
            Step("store", "commits the version and its number in the feed", "server"),
            Step("catalog", "Following sees the new number, reads the change", "engine"),
            Step("engine", "builds the changed locations aside", "server"),
            Step("matching", "embeds and indexes rules that are new", "engine"),
            Step("engine", "swaps one reference: the next caller has it", "engine"),
        ),
    ),
    Journey(
        "A caller's turn: call.hear",
        (
            Step("calls", "adds the turn to the record of the call", "engine"),
            Step("text", "does it ask for a person, or for nothing?", "calls"),
            Step("calls", "the call's terms: patience, what was chosen", "calls"),
            Step("deciding", "scores and gates, as for an utterance", "calls"),
            Step("model", "the Decision: contain, ask, verify, transfer", "calls"),
            Step("calls", "the Handoff for whoever picks up", "calls"),
            Step("integrations", "the request that moves the call", "integrations"),
        ),
    ),
)


@cache
def imports_of_rooms() -> dict[str, set[str]]:
    """Room -> rooms that it imports, lazy and type-only imports counted."""
    rooms: dict[str, set[str]] = {room: set() for row in ROWS for room in row}
    for path in module_files():
        room = room_of(module_name(path))
        if room in rooms:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            rooms[room] |= set(map(room_of, imported_modules(tree))) & set(rooms) - {room}
    return rooms


def described(room: str) -> str:
    """The first sentence of a room's docstring."""
    tree = ast.parse(MODULES[f"routing_engine.{room}"].read_text(encoding="utf-8"))
    first = " ".join((ast.get_docstring(tree) or "").split("\n\n")[0].split())
    return first.split(". ")[0].rstrip(".").replace("``", "`")


def table() -> str:
    """The rooms, top row first, as Markdown."""
    imports = imports_of_rooms()
    order = [room for row in reversed(ROWS) for room in row]
    lines = ["| room | what it holds | imports |", "| --- | --- | --- |"]
    for room in order:
        where = f"`{room}.py`" if (PACKAGE / f"{room}.py").exists() else f"`{room}/`"
        used = ", ".join(sorted(imports[room], key=order.index)) or "nothing"
        lines.append(f"| {where} | {described(room)} | {used} |")
    return "\n".join(lines)


def reduced(imports: dict[str, set[str]]) -> dict[str, set[str]]:
    """The imports without those that follow from others: a longer way leads there."""

    def reached(room: str) -> set[str]:
        found = set(imports[room])
        for other in imports[room]:
            found |= reached(other)
        return found

    return {
        room: others - set().union(*(reached(other) for other in others))
        for room, others in imports.items()
    }


WIDTH, BOX_W, BOX_H, STEP_H = 880, 140, 32, 66
COLUMN = {
    "integrations": 0, "cli": 2, "training": 4, "store": 3.1, "engine": 1.6, "calls": 0.9,
    "quality": 2, "deciding": 0.9, "sheets": 2, "catalog": 2.6, "matching": 3, "encoders": 4,
    "model": 1, "text": 1,
}  # fmt: skip
"""Where a room stands in its row, 0 to 4, so that arrows pass beside the others; else the middle."""

_STYLE = (
    "text{font:14px 'DejaVu Sans',sans-serif;fill:#123}.s{font-size:11px;fill:#456}"
    ".r{fill:#e0f2f1;stroke:#00796b}.p{fill:#b2dfdb;stroke:#00796b;stroke-width:2}"
    ".a{fill:none;stroke:#607d8b;stroke-width:1.2}.b{fill:#fff}"
)


def _svg(height: int, title: str, body: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style>"
        '<defs><marker id="h" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 0 8 4 0 8z" fill="#607d8b"/></marker></defs>'
        f'<rect class="b" width="{WIDTH}" height="{height}"/>\n' + "\n".join(body) + "\n</svg>\n"
    )


def _aside(distance: float) -> float:
    """How far beside the middle of a box an arrow begins or ends, towards the other box."""
    return max(-40.0, min(40.0, distance / 6))


def rooms_svg() -> str:
    """The rooms in their rows, each above those that it uses."""
    drawn = reduced(imports_of_rooms())
    rows = list(reversed(ROWS))
    at = {
        room: (20 + BOX_W / 2 + COLUMN.get(room, 2) * (WIDTH - 40 - BOX_W) / 4, 20 + i * STEP_H)
        for i, row in enumerate(rows)
        for room in row
    }
    body = []
    for room, others in drawn.items():
        x, y = at[room]
        for other in sorted(others):
            to_x, to_y = at[other]
            start, end = x + _aside(to_x - x), to_x - _aside(to_x - x)
            height = to_y - y - BOX_H
            body.append(
                f'<path class="a" marker-end="url(#h)" d="M{start:.0f} {y + BOX_H}C{start:.0f} '
                f'{y + BOX_H + 0.9 * height:.0f} {end:.0f} {to_y - 0.35 * height:.0f} {end:.0f} {to_y - 1}"/>'
            )
    public = ("engine", "integrations", "sheets", "cli", "server")
    for room, (x, y) in at.items():
        body.append(
            f'<rect class="{"p" if room in public else "r"}" x="{x - BOX_W / 2:.0f}" y="{y}" '
            f'width="{BOX_W}" height="{BOX_H}" rx="6"/><text x="{x:.0f}" y="{y + 22}" '
            f'text-anchor="middle">{room}</text>'
        )
    return _svg(len(rows) * STEP_H, "The rooms of routing_engine", body)


def journeys_svg() -> str:
    """The four journeys, a row each."""
    body, height, step = [], 96, (WIDTH - 20) / max(len(j.steps) for j in JOURNEYS)
    wide = step - 22
    for i, journey in enumerate(JOURNEYS):
        top = 12 + i * (height + 24)
        body.append(f'<text x="12" y="{top + 14}" font-weight="600">{escape(journey.title)}</text>')
        for j, item in enumerate(journey.steps):
            x = 10 + j * step
            body.append(
                f'<rect class="r" x="{x:.0f}" y="{top + 24}" width="{wide:.0f}" height="28" rx="6"/>'
                f'<text x="{x + wide / 2:.0f}" y="{top + 43}" text-anchor="middle">{item.room}</text>'
            )
            for k, line in enumerate(wrap(item.does, 19)):
                body.append(
                    f'<text class="s" x="{x + 2:.0f}" y="{top + 67 + k * 14}">{escape(line)}</text>'
                )
            if j:
                body.append(
                    f'<path class="a" marker-end="url(#h)" d="M{x - 20:.0f} {top + 38}h17"/>'
                )
    return _svg(12 + len(JOURNEYS) * (height + 24) + 12, "Four journeys through the rooms", body)

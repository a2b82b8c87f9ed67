"""The table of ways to ask, each cell with the test that shows it."""

from __future__ import annotations

import ast
import tomllib
from functools import cache
from pathlib import Path

from tests.docs.pages import ROOT

DATA = Path(__file__).with_name("ways.toml")
COLUMNS = {
    "asked": "who asks whom",
    "sees": "they see of the caller",
    "why": "they know why",
    "chain": "the chain",
    "busy": "busy, or no answer",
    "hang_up": "the caller hangs up",
    "anonymous": "anonymous caller",
    "confirm": "confirmation",
    "verify": "verification",
}


def ways() -> list[dict]:
    """The rows: ``name``, and of each column what is so and the test that shows it."""
    return tomllib.loads(DATA.read_text(encoding="utf-8"))["way"]


@cache
def named_in(path: str) -> frozenset[str]:
    """Tests of a file, ``test`` or ``Class::test``."""
    found = set()
    for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            methods = [item.name for item in node.body if isinstance(item, ast.FunctionDef)]
            found |= {f"{node.name}::{name}" for name in methods if name.startswith("test_")}
    return frozenset(found)


def markdown() -> str:
    """The table, and below it the tests that its numbers stand for."""
    order: dict[str, int] = {}
    lines = ["| way | " + " | ".join(COLUMNS.values()) + " |", "| --- " * (len(COLUMNS) + 1) + "|"]
    for way in ways():
        cells = [way["name"]]
        for column in COLUMNS:
            what, test = way[column]
            number = order.setdefault(test, len(order) + 1)
            cells.append(f"{what} [{number}](#tests)")
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", "## Tests", ""]
    lines += [f"{number}. `{test}`" for test, number in order.items()]
    return "\n".join(lines)

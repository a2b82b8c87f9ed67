"""What of the documentation is written from the code: drawings, and tables between two marks.

``python -m tests.docs.generated`` writes all of it anew. Tables of the benchmarks are written by
``python -m benchmarks docs``.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import routing_engine.errors
from routing_engine.calls import endings
from routing_engine.integrations import ways
from routing_engine.sheets.aliases import ALIASES, SECOND_ALIASES
from tests.docs import rooms
from tests.docs import ways as ways_to_ask
from tests.docs.pages import ROOT, name_of

DOCS = ROOT / "docs"


def aliases() -> str:
    """The columns of a sheet and their other names, as Markdown."""
    lines = [
        "| column | also called | and, where no other column means it |",
        "| --- | --- | --- |",
    ]
    for column, names in ALIASES.items():
        others = [name for name in names if name.replace(" ", "_") != column]
        second = SECOND_ALIASES.get(column, ())
        lines.append(f"| `{column}` | {', '.join(others)} | {', '.join(second)} |")
    return "\n".join(lines)


def errors() -> str:
    """The tree of errors, as the module draws it."""
    drawn = inspect.cleandoc(routing_engine.errors.__doc__ or "").split("\n\n")[1]
    return f"```text\n{inspect.cleandoc(drawn)}\n```"


BLOCKS = {
    DOCS / "explanation" / "architecture.md": ("rooms", rooms.table),
    DOCS / "reference" / "sheet-columns.md": ("aliases", aliases),
    DOCS / "reference" / "errors.md": ("errors", errors),
    DOCS / "how-to" / "transfer.md": ("transfers", ways.markdown),
    DOCS / "reference" / "ways.md": ("ways", ways_to_ask.markdown),
    DOCS / "reference" / "transfer-endings.md": ("endings", endings.markdown),
}
DRAWINGS = {
    DOCS / "assets" / "rooms.svg": rooms.rooms_svg,
    DOCS / "assets" / "journeys.svg": rooms.journeys_svg,
}


def wanted() -> dict[Path, str]:
    """Each file with its generated part as it should be."""
    made = {path: draw() for path, draw in DRAWINGS.items()}
    for path, (name, block) in BLOCKS.items():
        marks = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        text = path.read_text(encoding="utf-8")
        assert marks.search(text), f"{path} has no marks for {name}"
        body = block()
        made[path] = marks.sub(lambda match, body=body: f"{match[1]}{body}\n{match[2]}", text)
    return made


def main() -> None:
    """Write everything anew."""
    for path, text in wanted().items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(f"written: {name_of(path)}")


if __name__ == "__main__":
    main()

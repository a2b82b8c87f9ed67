"""Tables of a README from committed results, and a check that they still agree.

A table stands between two marks, ``<!-- benchmark:NAME -->`` and ``<!-- /benchmark:NAME -->``.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

from benchmarks.registry import BLOCKS
from benchmarks.report import Document
from routing_engine import InvalidValueError

__all__ = ["Rendered", "render"]

_BLOCK = re.compile(
    r"(?P<open><!-- benchmark:(?P<name>[\w-]+) -->\n).*?(?P<close><!-- /benchmark:(?P=name) -->)",
    re.DOTALL,
)
_MARK = re.compile(r"<!-- /?benchmark:[\w-]+ -->")


@dataclass(frozen=True, slots=True)
class Rendered:
    """A README as the results want it.

    Attributes:
        path: of the README.
        found: its text.
        wanted: its text with the tables made anew.
        problems: blocks without a result, results without a block, and broken marks.
    """

    path: Path
    found: str
    wanted: str
    problems: tuple[str, ...]

    def diff(self) -> str:
        """What has to change, as a unified diff; empty where nothing has to."""
        lines = difflib.unified_diff(
            self.found.splitlines(),
            self.wanted.splitlines(),
            f"{self.path.name} as it is",
            f"{self.path.name} as the results are",
            lineterm="",
            n=1,
        )
        return "\n".join(lines)


def render(readme: Path, results: Path) -> Rendered:
    """Make the tables of a README anew.

    Args:
        readme: a text with marked blocks.
        results: folder of ``<benchmark>.json``.

    Raises:
        InvalidValueError: the README cannot be read, or a result is not one.
    """
    try:
        found = readme.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidValueError(f"{readme} cannot be read: {error.strerror}") from error
    documents = {path.stem: Document.read(path) for path in sorted(results.glob("*.json"))}
    problems: list[str] = []
    used: set[str] = set()

    def body(match: re.Match[str]) -> str:
        name = match["name"]
        if name not in BLOCKS:
            problems.append(f"block {name!r}: no benchmark makes it; known are {sorted(BLOCKS)}")
            return match[0]
        benchmark, table = BLOCKS[name]
        document = documents.get(benchmark)
        if document is None:
            problems.append(
                f"block {name!r}: there is no {benchmark}.json; "
                f"run python -m benchmarks {benchmark}"
            )
            return match[0]
        used.add(benchmark)
        if document.parameters.get("quick"):
            problems.append(f"block {name!r}: {benchmark}.json is of a --quick run")
        return f"{match['open']}{table(document).markdown()}\n{match['close']}"

    wanted = _BLOCK.sub(body, found)
    n_marks = len(_MARK.findall(found))
    n_blocks = len(_BLOCK.findall(found))
    if n_marks != 2 * n_blocks:
        problems.append(f"{n_marks} benchmark marks make {n_blocks} blocks: one is not closed")
    problems.extend(
        f"{name}.json: no block of {readme.name} shows it" for name in documents if name not in used
    )
    return Rendered(readme, found, wanted, tuple(problems))

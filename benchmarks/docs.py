"""Write tables of the documentation from committed results, and check that they agree.

A table stands between two marks, ``<!-- benchmark:NAME -->`` and ``<!-- /benchmark:NAME -->``. The
check fails where a table differs from its result, a result is shown nowhere, or a result is not of
the shipped encoder and of a clean commit.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import summary
from benchmarks.registry import BLOCKS
from benchmarks.report import ROOT, Document, Table
from routing_engine import InvalidValueError
from routing_engine.encoders.packaged import resource

__all__ = ["OTHER_ENCODERS", "PAGES", "STALE", "Page", "Rendered", "render", "shipped_fingerprint"]

PAGES = (ROOT / "README.md", ROOT / "docs" / "benchmarks.md")

OTHER_ENCODERS: dict[str, str] = {
    "compile": "compares ways to run the model that a graph is compiled from",
    "tuning": "tunes models of its own, and shows the shipped one beside them",
    "crash": "starts a server hundreds of times, with the encoder that needs no model",
    "endurance": "makes ten million decisions, with the encoder that needs no model",
    "failover": "loses a database again and again, with the encoder that needs no model",
    "siege": "measures what callers notice of everything but the encoder",
}
"""Benchmark -> why its result is not of the shipped encoder."""

_OF_AN_EARLIER_ENCODER = "of an earlier encoder; to be run again"
_NOT_MEASURED = "to be run on a quiet machine"
STALE: dict[str, str] = dict.fromkeys(
    (
        "peer", "publishing",
    ),
    _OF_AN_EARLIER_ENCODER,
) | dict.fromkeys(("endurance", "failover", "siege"), _NOT_MEASURED)  # fmt: skip
"""Benchmark -> why its result may be stale for now, or not be there. To be emptied: an entry that is
not needed any more is a problem, too."""

_BLOCK = re.compile(
    r"(?P<open><!-- benchmark:(?P<name>[\w-]+) -->\n).*?(?P<close><!-- /benchmark:(?P=name) -->)",
    re.DOTALL,
)
_MARK = re.compile(r"<!-- /?benchmark:[\w-]+ -->")
_CLEAN = re.compile(r"[0-9a-f]{40}")
_SUMMARY = "summary"


@dataclass(frozen=True, slots=True)
class Page:
    """A page with its tables rewritten from results.

    Attributes:
        path: of the page.
        found: its text.
        wanted: its text with the tables written anew.
    """

    path: Path
    found: str
    wanted: str

    def diff(self) -> str:
        """Return the needed changes as a unified diff; empty if there are none."""
        lines = difflib.unified_diff(
            self.found.splitlines(),
            self.wanted.splitlines(),
            f"{self.path.name} as it is",
            f"{self.path.name} as the results are",
            lineterm="",
            n=1,
        )
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Rendered:
    """All pages with their tables rewritten from results.

    Attributes:
        pages: each with its tables written anew.
        problems: blocks without a result, results without a block, broken marks, and results that
            may not be published.
    """

    pages: tuple[Page, ...]
    problems: tuple[str, ...]


def shipped_fingerprint() -> str:
    """Return the fingerprint of the encoder that ships, as the background that fits it names it."""
    with np.load(resource("background.npz"), allow_pickle=False) as arrays:
        return str(arrays["fingerprint"])


def render(pages: Sequence[Path], results: Path, *, stale: Mapping[str, str] = STALE) -> Rendered:
    """Write the tables of pages anew.

    Args:
        pages: texts with marked blocks.
        results: folder of ``<benchmark>.json``.
        stale: benchmark -> why its result may be stale, or not be there: its block stays as it is.

    Raises:
        InvalidValueError: a page cannot be read, or a result is not one.
    """
    documents = {path.stem: Document.read(path) for path in sorted(results.glob("*.json"))}
    problems: list[str] = []
    used: set[str] = set()
    rendered = tuple(_page(path, documents, problems, used, stale) for path in pages)
    shown_on = " or ".join(path.name for path in pages)
    for name, document in documents.items():
        if name not in used:
            problems.append(f"{name}.json: no block of {shown_on} shows it")
        problems.extend(_unpublishable(name, document, stale))
    problems.extend(
        f"{name}: is stale without a result"
        for name in stale
        if name not in documents and name not in used
    )
    return Rendered(rendered, tuple(dict.fromkeys(problems)))


def _page(
    path: Path,
    documents: Mapping[str, Document],
    problems: list[str],
    used: set[str],
    stale: Mapping[str, str],
) -> Page:
    try:
        found = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidValueError(f"{path} cannot be read: {error.strerror}") from error

    def body(match: re.Match[str]) -> str:
        name = match["name"]
        known = (*sorted(BLOCKS), _SUMMARY)
        if name not in known:
            problems.append(f"block {name!r}: no benchmark makes it; known are {list(known)}")
            return match[0]
        needed = summary.NEEDED if name == _SUMMARY else (BLOCKS[name][0],)
        missing = [benchmark for benchmark in needed if benchmark not in documents]
        if name in BLOCKS and missing and missing[0] in stale:
            used.add(missing[0])
            return match[0]
        problems.extend(
            f"block {name!r}: there is no {benchmark}.json; run python -m benchmarks {benchmark}"
            for benchmark in missing
        )
        if missing:
            return match[0]
        table: Table
        if name == _SUMMARY:
            table = summary.table(documents)
        else:
            table = BLOCKS[name][1](documents[needed[0]])
            used.add(needed[0])
        return f"{match['open']}{table.markdown()}\n{match['close']}"

    wanted = _BLOCK.sub(body, found)
    n_marks = len(_MARK.findall(found))
    n_blocks = len(_BLOCK.findall(found))
    if n_marks != 2 * n_blocks:
        problems.append(
            f"{path.name}: {n_marks} benchmark marks make {n_blocks} blocks: one is not closed"
        )
    return Page(path, found, wanted)


def _unpublishable(name: str, document: Document, stale: Mapping[str, str]) -> list[str]:
    """Return why a result may not be published, or why its exception is obsolete."""
    found = []
    again = f"run python -m benchmarks {name} on a clean commit"
    if document.parameters.get("quick"):
        found.append(f"{name}.json is of a --quick run; {again}")
    commit = document.meta.get("commit")
    if not _CLEAN.fullmatch(str(commit)):
        found.append(f"{name}.json is of commit {commit}, which is no clean one; {again}")
    encoder = document.meta.get("encoder")
    if encoder is not None and name not in OTHER_ENCODERS and encoder != shipped_fingerprint():
        found.append(
            f"{name}.json is of encoder {encoder}; the package ships {shipped_fingerprint()}; {again}"
        )
    if name not in stale:
        return found
    return (
        []
        if found
        else [f"{name}.json is not stale any more; take it out of benchmarks.docs.STALE"]
    )

"""The pages of the documentation, and how the blocks of one are run.

The blocks of a page run in order: Python in one namespace, commands in one temporary folder that
holds ``data/``. A fence's language says what happens to it:

- ``python`` is executed, ``sh`` is run by bash, and ``console`` holds ``$`` commands, each with
  the output that it prints;
- ``output`` is what the ``python`` block before it prints.

``...`` in an output stands for anything, on a line of its own for any lines; a decimal number
stands for one within :data:`TOLERANCE` of it. ``<!-- skip: next "why" -->`` before a block marks an illustration, which
is not run. ``<!-- needs: model -->`` marks a page that loads the model.

``python -m tests.docs.pages`` runs every page and writes the outputs anew.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from unittest import SkipTest

from sybil import Example, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser, SkipParser

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))
TOLERANCE = 0.05
"""Of a decimal number: absolute, or relative where that is more."""

_DECIMAL = re.compile(r"\d+\.\d+")
_NEEDS_MODEL = "<!-- needs: model -->"
_COMMAND = re.compile(
    r"^\$ (?P<command>(?:.*\\\n)*.*)\n?(?P<output>(?:(?!\$ ).*\n?)*)", re.MULTILINE
)


def name_of(page: Path) -> str:
    """The path of a page from the root of the repository."""
    return page.relative_to(ROOT).as_posix()


def needs_model(page: Path) -> bool:
    """Whether the blocks of a page load the sentence-embedding model."""
    return _NEEDS_MODEL in page.read_text(encoding="utf-8")


def agrees(shown: str, printed: str) -> bool:
    """Whether an output is the one that a page shows, but for last digits and what is elided."""
    pattern = ""
    for line in _lines(shown):
        if line.strip() == "...":
            pattern += r"(?:.*\n)*?"
            continue
        parts = [_DECIMAL.split(part) for part in line.split("...")]
        pattern += ".*".join(r"(\d+\.\d+)".join(map(re.escape, part)) for part in parts) + r"\n"
    match = re.fullmatch(pattern, "".join(f"{line}\n" for line in _lines(printed)))
    numbers = _DECIMAL.findall(shown)
    return match is not None and all(
        abs(float(a) - float(b)) <= TOLERANCE * max(1.0, float(a))
        for a, b in zip(numbers, match.groups(), strict=True)
    )


def merged(shown: str, printed: str) -> str:
    """What is printed, but for the lines that agree with one that the page shows already."""
    known = _lines(shown)
    lines = [
        next((old for old in known if old.strip() != "..." and agrees(old, line)), line)
        for line in _lines(printed)
    ]
    return "".join(f"{line}\n" for line in lines)


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip("\n").splitlines()]


@dataclass
class Run:
    """The blocks of one page being run.

    Attributes:
        folder: where its commands run.
        is_writing: take what is printed for what the page shows.
        n_run: blocks that were run.
        changes: (start, end, text): what to replace in the page.
    """

    folder: Path
    is_writing: bool = False
    n_run: int = 0
    changes: list[tuple[int, int, str]] = field(default_factory=list)
    _printed: str = ""

    def python(self, example: Example) -> None:
        """Execute a block and keep what it prints."""
        with contextlib.redirect_stdout(io.StringIO()) as out:
            PythonEvaluator()(example)
        self._printed = out.getvalue()

    def output(self, example: Example) -> None:
        """Compare a block with what the one before it printed."""
        shown = str(example.parsed)
        if agrees(shown, self._printed):
            return
        if not self.is_writing:
            raise AssertionError(f"the block prints\n{self._printed}\nand the page says\n{shown}")
        self._replace(example, shown, merged(shown, self._printed))

    def sh(self, example: Example) -> None:
        """Run a block as one script."""
        self._bash(str(example.parsed), must_succeed=True)

    def console(self, example: Example) -> None:
        """Run each command of a block and compare its output."""
        shown = str(example.parsed)
        made = ""
        for match in _COMMAND.finditer(shown):
            printed = self._bash(match["command"], must_succeed=False)
            agreed = agrees(match["output"], printed)
            if not agreed and not self.is_writing:
                raise AssertionError(
                    f"$ {match['command']}\nprints\n{printed}\nand the page says\n{match['output']}"
                )
            output = match["output"] if agreed else merged(match["output"], printed)
            made += f"$ {match['command']}\n{output}"
        if self.is_writing and made != shown:
            self._replace(example, shown, made)

    def _replace(self, example: Example, old: str, new: str) -> None:
        text = example.document.text
        start = text.index(old, text.index("\n", example.region.start) + 1)
        self.changes.append((start, start + len(old), new))

    def _bash(self, script: str, *, must_succeed: bool) -> str:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            env=os.environ
            | {
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                "PYTHONPATH": str(ROOT),
                "PYTHONWARNINGS": "ignore",
                "COLUMNS": "100",
            },
        )
        if must_succeed and done.returncode:
            raise AssertionError(f"{script}\nends with {done.returncode}:\n{done.stderr}")
        return done.stdout + done.stderr


def run(page: Path, folder: Path, *, is_writing: bool = False) -> Run:
    """Run every block of a page that is not an illustration.

    Args:
        page: a Markdown file.
        folder: an empty one, which becomes the working folder.
        is_writing: put what is printed into the page where it differs.
    """
    (folder / "data").symlink_to(ROOT / "data")
    done = Run(folder, is_writing)
    parsers = [
        CodeBlockParser(language, evaluator)
        for language, evaluator in (
            ("python", done.python), ("output", done.output), ("sh", done.sh),
            ("console", done.console),
        )
    ]  # fmt: skip
    document = Sybil([*parsers, SkipParser()]).parse(page)
    document.namespace["__name__"] = page.stem
    with contextlib.chdir(folder):
        for example in document.examples():
            with contextlib.suppress(SkipTest):
                example.evaluate()
                done.n_run += isinstance(example.parsed, str)
    if done.changes:
        text = page.read_text(encoding="utf-8")
        for start, end, new in sorted(done.changes, reverse=True):
            text = text[:start] + new + text[end:]
        page.write_text(text, encoding="utf-8")
    return done


def main() -> None:
    """Run the pages that are named, or all, and write their outputs anew."""
    named = [Path(name).resolve() for name in sys.argv[1:]] or PAGES
    for page in named:
        with tempfile.TemporaryDirectory() as folder:
            done = run(page, Path(folder), is_writing=True)
        print(f"{name_of(page)}: {done.n_run} blocks, {len(done.changes)} outputs written")


if __name__ == "__main__":
    main()

"""Results of benchmarks: a JSON document, and tables for terminals and Markdown."""

from __future__ import annotations

import json
import math
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from routing_engine import InvalidValueError, __version__

__all__ = ["ROOT", "Document", "Table", "machine", "number", "rounded", "setting"]

ROOT = Path(__file__).resolve().parent.parent

_DISTRIBUTIONS = (
    "faiss-cpu",
    "fastapi",
    "lingua-language-detector",
    "numpy",
    "onnxruntime",
    "pandas",
    "phonenumbers",
    "openvino",
    "psycopg",
    "pydantic",
    "semantic-router",
    "sentence-transformers",
    "schemathesis",
    "sipmessage",
    "sqlalchemy",
    "tokenizers",
    "torch",
    "transformers",
    "uvicorn",
)


@dataclass(frozen=True, slots=True)
class Document:
    """A committed result.

    Attributes:
        name: of the benchmark.
        meta: machine, versions, seed, commit, encoder.
        parameters: what was asked for; ``quick`` says whether it is only a trial.
        results: what was measured.
    """

    name: str
    meta: Mapping[str, Any]
    parameters: Mapping[str, Any]
    results: Mapping[str, Any]

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(rounded(asdict(self)), indent=1, ensure_ascii=False, allow_nan=False)
        path.write_text(text + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Document:
        """Read a committed result.

        Raises:
            InvalidValueError: the file is not one.
        """
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise InvalidValueError(f"{path} is not the result of a benchmark: {error}") from error


def rounded(value: Any) -> Any:
    """Return JSON-able values: floats to five significant digits, NaN as None."""
    if isinstance(value, float):
        return float(f"{value:.5g}") if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return value


def number(value: float | None, digits: int = 1) -> str:
    """Format a number for a table cell; a dash for None."""
    return "–" if value is None or math.isnan(value) else f"{value:,.{digits}f}"


@dataclass(frozen=True, slots=True)
class Table:
    """A table for people. The first column is text, the others are figures.

    Attributes:
        title: one line.
        columns: headings.
        rows: cells, as many a row as there are columns.
        note: what one has to know to read it.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    def markdown(self) -> str:
        """Return the table for a page, without its title."""

        def line(cells: Sequence[str]) -> str:
            return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

        rule = ["---", *("---:" for _ in self.columns[1:])]
        lines = [line(self.columns), line(rule), *(line(row) for row in self.rows)]
        return "\n".join([*lines, "", self.note] if self.note else lines)

    def show(self) -> None:
        """Print the table to the terminal."""
        from rich.console import Console
        from rich.table import Table as RichTable

        console = Console()
        if not console.is_terminal:  # a log has no width; nothing is to be cut off in it
            console = Console(width=140)
        table = RichTable(title=self.title, title_justify="left", caption_justify="left")
        table.caption = self.note or None
        for i, column in enumerate(self.columns):
            table.add_column(column, justify="right" if i else "left")
        for row in self.rows:
            table.add_row(*row)
        console.print(table)


def machine(*, seed: int, encoder: str | None = None) -> dict[str, Any]:
    """Return what a result depends on besides its parameters: machine and versions."""
    return {
        "cpu": _cpu(),
        "cores": _cores(),
        "ram_gb": _ram_gb(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {"routing-engine": __version__, **dict(_versions())},
        "commit": _commit(),
        "seed": seed,
        "encoder": encoder,
    }


def setting(meta: Mapping[str, Any]) -> str:
    """Return one line on where a result was measured, for the note under a table."""
    cores = f"{meta['cores']} core{'' if meta['cores'] == 1 else 's'}"
    place = f"{meta['cpu']}, {cores}, {meta['ram_gb']} GB, Python {meta['python']}"
    encoder = meta["encoder"]
    return place if encoder is None else f"Encoder {encoder}; {place}"


def _cpu() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    return platform.processor() or platform.machine()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _ram_gb() -> int | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9)
    except (AttributeError, ValueError, OSError):
        return None


def _versions() -> list[tuple[str, str]]:
    found = []
    for name in _DISTRIBUTIONS:
        try:
            found.append((name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            continue
    return found


def _commit() -> str | None:
    """Return the measured commit, with ``-dirty`` if files differ; None outside git."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(ROOT), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        commit = git("rev-parse", "HEAD")
        # Results and the pages made from them are written after the commit that they measure.
        changed = git("status", "--porcelain", "--", "routing_engine", "benchmarks/*.py")
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit + ("-dirty" if changed else "")

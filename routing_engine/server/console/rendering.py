"""Templates: everything that is not written in them is escaped."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, Undefined
from jinja2.utils import missing

__all__ = ["STATIC", "address", "cell", "render"]

FOLDER = Path(__file__).parent
STATIC = FOLDER / "static"


@cache
def address(name: str) -> str:
    """Return the URL of a static file, named by its content so that browsers cache it for ever."""
    mark = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/console/static/{mark}/{name}"


def _moment(value: str | datetime | None) -> str:
    """A moment to the minute, in UTC."""
    if value is None:
        return "—"
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _words(name: str) -> str:
    """A name of a program, as people write it: ``rule_matched`` -> ``rule matched``."""
    return name.replace("_", " ")


class _Absent(Undefined):
    """A field that a document does not have: empty. A name that no template was given: an error."""

    def _check(self) -> None:
        if self._undefined_obj is missing:
            self._fail_with_undefined_error()

    def __str__(self) -> str:
        self._check()
        return ""

    def __bool__(self) -> bool:
        self._check()
        return False

    def __iter__(self) -> Iterator[Any]:
        self._check()
        return iter(())


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=_Absent,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(moment=_moment, percent=_percent, words=_words)
    made.globals["static"] = address
    return made


def render(template: str, **context: Any) -> str:
    """A template, filled in."""
    return _environment().get_template(template).render(**context)


def cell(value: object) -> str:
    """A cell of a sheet that no spreadsheet takes for a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text

"""What all commands share: safe terminal output, errors and exit codes."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec

import typer

from routing_engine.errors import (
    BatchError,
    EncoderError,
    InvalidValueError,
    MissingExtraError,
    RoutingError,
    SheetError,
    SnapshotError,
    StoreError,
    SuggestionError,
    UnknownLocationError,
)

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

__all__ = [
    "ExitCode",
    "complain",
    "debugging",
    "emit_json",
    "fail",
    "guarded",
    "note",
    "plain",
    "printable",
    "show",
    "stderr",
    "stdout",
    "working",
]

P = ParamSpec("P")

debugging: ContextVar[bool] = ContextVar("debugging", default=False)
"""Whether errors are shown with their traceback."""


class ExitCode(IntEnum):
    """Exit codes; the package's docstring explains them."""

    OK = 0
    DIFFERS = 1
    USAGE = 2
    UNKNOWN_LOCATION = 3
    SNAPSHOT = 4
    ENCODER = 5
    INTERNAL = 70
    INTERRUPTED = 130
    BROKEN_PIPE = 141


_EXIT_CODES: tuple[tuple[type[RoutingError], ExitCode], ...] = (
    (SheetError, ExitCode.DIFFERS),
    (UnknownLocationError, ExitCode.UNKNOWN_LOCATION),
    (SnapshotError, ExitCode.SNAPSHOT),
    (EncoderError, ExitCode.ENCODER),
    (SuggestionError, ExitCode.ENCODER),
    (MissingExtraError, ExitCode.ENCODER),
    (BatchError, ExitCode.ENCODER),
    (InvalidValueError, ExitCode.USAGE),
    (StoreError, ExitCode.USAGE),
)

# Control characters, line separators, marks that reverse the reading direction, lone surrogates:
# all that can move the cursor, hide text or break the encoder of the terminal.
_UNPRINTABLE = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def plain(text: str) -> str:
    """Make text safe to print on one line: unprintable characters become ``\ufffd``."""
    return _UNPRINTABLE.sub("\ufffd", text).replace("\n", " ")


def printable(text: Text) -> Text:
    """Make styled text safe to print; line breaks stay."""
    safe = text.copy()
    # One character for one, so that styles stay where they are.
    safe.plain = _UNPRINTABLE.sub("\ufffd", safe.plain)
    return safe


def stdout() -> Console:
    """Return the console for results. Strings are printed as they are, never as markup."""
    from rich.console import Console

    return Console(markup=False, emoji=False, highlight=False)


def stderr() -> Console:
    """Return the console for errors, notes and progress."""
    from rich.console import Console

    return Console(stderr=True, markup=False, emoji=False, highlight=False)


def show(renderable: RenderableType, *, console: Console | None = None) -> None:
    """Print a report; lines are wrapped only on a terminal."""
    from rich.text import Text

    target = stdout() if console is None else console
    rich_form = getattr(renderable, "__rich__", None)
    if rich_form is not None:
        renderable = rich_form()
    if isinstance(renderable, Text):
        renderable = printable(renderable)
    target.print(renderable, soft_wrap=not target.is_terminal)


def emit_json(value: Any) -> None:
    """Print a value as one line of JSON, in ASCII."""
    typer.echo(json.dumps(value))


def note(message: str, *, style: str = "dim") -> None:
    """Print a note on stderr."""
    stderr().print(message, style=style, soft_wrap=True)


def fail(message: str, code: ExitCode) -> NoReturn:
    """End the command with one error message on stderr."""
    complain(message)
    raise typer.Exit(code)


def complain(message: str) -> None:
    """Print one error message on stderr."""
    from rich.text import Text

    text = printable(Text.assemble(("error: ", "bold red"), message))
    stderr().print(text, soft_wrap=True)


@contextlib.contextmanager
def working(what: str) -> Iterator[Callable[[str], None]]:
    """Show a spinner on stderr, if that is a terminal.

    Yields:
        A function that changes what is shown.
    """
    from rich.text import Text

    console = stderr()
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status(Text(plain(what))) as status:
        yield lambda text: status.update(Text(plain(text)))


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """Turn exceptions of a command into one message on stderr and an exit code."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
            sys.stdout.flush()
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except BrokenPipeError:
            _close_stdout()
            raise typer.Exit(ExitCode.BROKEN_PIPE) from None
        except KeyboardInterrupt:
            complain("interrupted")
            raise typer.Exit(ExitCode.INTERRUPTED) from None
        except RoutingError as error:
            _trace()
            fail(str(error), exit_code(error))
        except OSError as error:
            _trace()
            if error.filename is None:  # of no path that somebody gave
                _fail_as_bug(error)
            reason = error.strerror or type(error).__name__
            fail(f"cannot read or write {error.filename}: {reason}", ExitCode.USAGE)
        except Exception as error:  # noqa: BLE001  a bug is reported too, without a traceback
            _trace()
            _fail_as_bug(error)

    return run


def _fail_as_bug(error: Exception) -> NoReturn:
    hint = "" if debugging.get() else "; routing-engine --debug … shows where"
    fail(
        f"internal error, a bug in routing-engine: {type(error).__name__}: {error}{hint}",
        ExitCode.INTERNAL,
    )


def exit_code(error: RoutingError) -> ExitCode:
    """Return the exit code of an error."""
    for kind, code in _EXIT_CODES:
        if isinstance(error, kind):
            return code
    return ExitCode.INTERNAL


def _trace() -> None:
    if debugging.get():
        traceback.print_exc()


def _close_stdout() -> None:
    """Redirect a broken stdout to null, so that the flush at exit does not fail."""
    with contextlib.suppress(OSError, ValueError), Path(os.devnull).open("wb") as nothing:
        os.dup2(nothing.fileno(), sys.stdout.fileno())

"""The command line. Heavy modules are imported by the commands that need them."""

from __future__ import annotations

import contextlib
import sys
from typing import Annotated

import typer

# Each module adds its commands to the application, in the order that the help shows.
from routing_engine.cli import sheets, calls, bulk, quality, suggesting, gateways, running  # noqa: F401  isort: skip
from routing_engine.cli.options import app
from routing_engine.cli.terminal import ExitCode, debugging

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr, sys.stdin):
        # A terminal that cannot show a letter, or a file in another encoding, is no reason to fail.
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        app(prog_name="routing-engine")
    except KeyboardInterrupt:  # before a command began, or while it ended
        sys.exit(ExitCode.INTERRUPTED)


def _print_version(wanted: bool) -> None:
    if wanted:
        from routing_engine import __version__

        typer.echo(f"routing-engine {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    debug: Annotated[
        bool,
        typer.Option(
            "--debug", envvar="ROUTING_ENGINE_DEBUG", help="Show the traceback of an error."
        ),
    ] = False,
    version: Annotated[  # noqa: ARG001  its callback does the work
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Decide where a caller goes: a location's rules, matched by meaning."""
    debugging.set(debug)

"""Show decisions on the terminal; the sessions of ``repl`` and ``call``."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import typer

from routing_engine.cli.opening import no_location
from routing_engine.cli.terminal import complain, plain, stdout
from routing_engine.errors import InvalidValueError

if TYPE_CHECKING:
    from routing_engine.calls.call import Call
    from routing_engine.calls.handoff import Handoff
    from routing_engine.engine import RoutingEngine
    from routing_engine.model.decisions import Decision

__all__ = ["CallSession", "Session", "show_decision", "typed_lines"]


def show_decision(engine: RoutingEngine, decision: Decision, *, explain: bool) -> None:
    """Print a decision on one line; on request also its reason and the score of every rule."""
    rule = decision.rule
    fields = (
        decision.outcome.value,
        "-" if decision.destination is None else str(decision.destination),
        "-" if rule is None else rule.label,
        f"{decision.confidence:.2f}",
        decision.reason.value,
    )
    typer.echo("  ".join(map(plain, fields)))
    if explain:
        _explain(engine, decision)


def _explain(engine: RoutingEngine, decision: Decision) -> None:
    from rich import box
    from rich.table import Table

    typer.echo(plain(decision.explain()))
    if not decision.candidates:
        return
    destinations: dict[str, dict[str, None]] = {}
    for rule in engine.location(decision.location_id).rules:
        shown = "stays with the agent" if rule.destination is None else str(rule.destination)
        destinations.setdefault(rule.label, {})[shown] = None
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("")
    table.add_column("rule")
    table.add_column("confidence", justify="right")
    table.add_column("similarity", justify="right")
    table.add_column("destination")
    for rank, candidate in enumerate(decision.candidates):
        won = rank == 0 and decision.rule is not None
        table.add_row(
            ">" if won else "",
            plain(candidate.label),
            f"{candidate.confidence:.3f}",
            f"{candidate.similarity:.3f}",
            plain(", ".join(destinations[candidate.label])),
            style="bold" if won else None,
        )
    stdout().print(table)
    typer.echo(f"catalog version {decision.catalog_version}")


def typed_lines(prompt: Callable[[], str]) -> Iterator[str]:
    """Yield lines of stdin that are not blank, with a prompt on a terminal."""
    if not sys.stdin.isatty():
        yield from filter(None, map(str.strip, sys.stdin))
        return
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401  gives input() a history
    typer.echo("one sentence a line; :help lists the commands, :quit leaves")
    while True:
        try:
            line = input(f"{plain(prompt())}> ").strip()
        except EOFError:
            typer.echo()
            return
        if line:
            yield line


@dataclass(slots=True)
class Session:
    """State of a repl from line to line."""

    engine: RoutingEngine
    location: str
    explain: bool
    verified: bool
    confirmed: bool

    def route(self, said: str) -> None:
        decision = self.engine.route(
            self.location, said, verified=self.verified, confirmed=self.confirmed
        )
        show_decision(self.engine, decision, explain=self.explain)
        if decision.question is not None:
            typer.echo(f"  ask: {plain(decision.question)}")

    def obey(self, name: str = "", rest: str = "") -> bool:
        """Carry out one command; return whether to go on."""
        if name in ("quit", "q", "exit"):
            return False
        if name == "location" and rest:
            if rest in self.engine:
                self.location = rest
                typer.echo(f"location {plain(rest)}")
            else:
                complain(no_location(rest, self.engine.columns))
        elif name in ("explain", "verified", "confirmed"):
            wanted = not getattr(self, name)
            setattr(self, name, wanted)
            typer.echo(f"{name} {'on' if wanted else 'off'}")
        elif name == "help":
            typer.echo(":location ID  :explain  :verified  :confirmed  :help  :quit")
        else:
            complain(f"{':' + name!r} is no command, or lacks something; :help lists them")
        return True


CALL_COMMANDS = (
    ":agent WORDS  :partial WORDS  :silence  :stuck  :verified METHOD  :unverified METHOD  :yes  "
    ":no  :failed OUTCOME  :answered  :name WORDS  :note KEY=VALUE  :at TIME  :help  :quit"
)


@dataclass(slots=True)
class CallSession:
    """A call played in a terminal or from a script.

    Attributes:
        engine: that decides.
        call: what is played.
        explain: say why, after every decision.
        now: the moment it is in the call; None for the present one.
        silent: print nothing.
        decisions: all so far, provisional ones too.
        dialled: the last of them that dialled somebody.
    """

    engine: RoutingEngine
    call: Call
    explain: bool
    now: datetime | None = None
    silent: bool = False
    decisions: list[Decision] = field(default_factory=list)
    dialled: Decision | None = None

    @property
    def handoff(self) -> Handoff | None:
        """Return the handoff to the person who was dialled last."""
        return None if self.dialled is None else self.call.handoff(self.dialled)

    def play(self, line: str) -> bool:
        """Play one line: the caller's words, a command or a comment; return whether to go on.

        Raises:
            InvalidValueError: no such command, or not now.
        """
        if line.startswith("#"):
            return True
        if not line.startswith(":"):
            self._show(self.call.hear(line, now=self.now))
            return not self.call.is_over
        name, _, rest = line[1:].partition(" ")
        rest = rest.strip()
        call, now = self.call, self.now
        decides: dict[str, Callable[[], Decision]] = {
            "silence": lambda: call.no_response(now=now),
            "stuck": lambda: call.agent_failed(now=now),
            "yes": lambda: call.confirmed(now=now),
            "no": lambda: call.declined(now=now),
            "answered": lambda: call.transferred(now=now),
        }
        decides_on: dict[str, Callable[[], Decision]] = {
            "partial": lambda: call.hear(rest, final=False, now=now),
            "verified": lambda: call.verified(method=rest, now=now),
            "unverified": lambda: call.not_verified(method=rest, now=now),
            "failed": lambda: call.transfer_failed(rest, now=now),
        }
        keeps: dict[str, Callable[[], None]] = {
            "agent": lambda: call.agent_said(rest, now=now),
            "name": lambda: call.note(name=rest),
            "note": lambda: self._note(rest),
            "at": lambda: self._go_to(rest),
        }
        if name in ("quit", "q", "exit"):
            return False
        if name == "help":
            typer.echo(CALL_COMMANDS)
        elif name in decides and not rest:
            self._show(decides[name]())
        elif name in decides_on and rest:
            self._show(decides_on[name]())
        elif name in keeps and rest:
            keeps[name]()
        else:
            raise InvalidValueError(
                f"{':' + name!r} is no command, or has too little or too much; :help lists them"
            )
        return not self.call.is_over

    def _note(self, said: str) -> None:
        name, equals, text = said.partition("=")
        name = name.strip()
        if not equals or not name:
            raise InvalidValueError("a note is a name and a value: order number=1234")
        self.call.note(**{name: text.strip()})

    def _go_to(self, written: str) -> None:
        try:
            moment = datetime.fromisoformat(written)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            raise InvalidValueError(
                f"{written!r} is no moment with a time zone, such as 2026-03-08T22:00-05:00"
            )
        self.now = moment

    def _show(self, decision: Decision) -> None:
        self.decisions.append(decision)
        if decision.decision_id and decision.outcome.dials:
            self.dialled = decision
        if self.silent:
            return
        show_decision(self.engine, decision, explain=self.explain)
        if decision.question is not None:
            typer.echo(f"  ask: {plain(decision.question)}")
        if decision.missing:
            typer.echo(f"  ask for: {plain(', '.join(decision.missing))}")

    def show_handoff(self) -> None:
        """Print the handoff to the person who was dialled last, if anybody was."""
        handoff = self.handoff
        if handoff is not None:
            typer.echo("\nhandoff")
            for line in str(handoff).splitlines():
                typer.echo(f"  {plain(line)}")

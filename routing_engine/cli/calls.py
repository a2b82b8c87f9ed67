"""Commands that answer callers: route, repl and call."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from routing_engine.cli.answering import CallSession, Session, show_decision, typed_lines
from routing_engine.cli.opening import (
    open_engine,
)
from routing_engine.cli.options import (
    AtOption,
    ConfirmedOption,
    EncoderOption,
    ExplainOption,
    JsonOption,
    LocationArgument,
    ReembedOption,
    SnapshotArgument,
    VerifiedOption,
    app,
    examples,
)
from routing_engine.cli.terminal import (
    ExitCode,
    complain,
    emit_json,
    guarded,
)
from routing_engine.errors import (
    InvalidValueError,
)

if TYPE_CHECKING:
    pass

__all__ = ["call", "repl", "route"]


@app.command(
    epilog=examples(
        'route brand store-0042 "I was charged twice"',
        'route brand store-0042 "I was charged twice" --explain',
        'route brand store-0042 "are you hiring" --json',
        'route brand store-0042 "the boiler leaks" --at 2026-03-08T22:00-05:00 --explain',
    )
)
@guarded
def route(
    directory: SnapshotArgument,
    location: LocationArgument,
    words: Annotated[list[str], typer.Argument(metavar="WORDS", help="What the caller said.")],
    verified: VerifiedOption = False,
    confirmed: ConfirmedOption = False,
    at: AtOption = None,
    explain: ExplainOption = False,
    json_output: JsonOption = False,
    encoder: EncoderOption = "default",
    reembed: ReembedOption = False,
) -> None:
    """Say where a caller goes who needs a person.

    Prints outcome, destination, rule, confidence and reason, two spaces apart;
    - stands for none. --json has every candidate too, and with --explain the
    explanation. Exit code 5 if the encoder failed and the call went to the
    default for that reason.
    """
    engine = open_engine(directory, encoder, location, reembed=reembed)
    decision = engine.route(
        location, " ".join(words), verified=verified, confirmed=confirmed, now=at
    )
    if json_output:
        explanation = {"explanation": decision.explain()} if explain else {}
        emit_json(decision.to_dict() | explanation)
    else:
        show_decision(engine, decision, explain=explain)
    if decision.reason == "engine_degraded":
        raise typer.Exit(ExitCode.ENCODER)


@app.command(
    epilog=examples("repl brand store-0042", "repl brand store-0042 --explain < sentences.txt")
)
@guarded
def repl(
    directory: SnapshotArgument,
    location: LocationArgument,
    verified: VerifiedOption = False,
    confirmed: ConfirmedOption = False,
    explain: ExplainOption = False,
    encoder: EncoderOption = "default",
    reembed: ReembedOption = False,
) -> None:
    """Route one sentence a line, at a prompt or from a pipe.

    :location ID goes to another location; :explain, :verified and :confirmed
    switch those options on and off; :help lists these; :quit, or the end of the
    input, leaves.
    """
    session = Session(
        open_engine(directory, encoder, location, reembed=reembed),
        location,
        explain,
        verified,
        confirmed,
    )
    for line in typed_lines(lambda: session.location):
        if not line.startswith(":"):
            session.route(line)
        elif not session.obey(*line[1:].split(maxsplit=1)):
            return


@app.command(
    epilog=examples(
        "call brand store-0042",
        "call brand store-0042 --caller-id +12025550188 --script call.txt --json",
    )
)
@guarded
def call(
    directory: SnapshotArgument,
    location: LocationArgument,
    caller_id: Annotated[
        str | None,
        typer.Option(metavar="NUMBER", help="The caller's own number, or anonymous."),
    ] = None,
    called: Annotated[
        str | None,
        typer.Option(metavar="NUMBER", help="The line that was called; it is never dialled."),
    ] = None,
    script: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", exists=True, dir_okay=False, readable=True, help="Lines to play."
        ),
    ] = None,
    explain: ExplainOption = False,
    json_output: JsonOption = False,
    encoder: EncoderOption = "default",
    reembed: ReembedOption = False,
) -> None:
    """Play a call, one turn of the caller a line.

    :agent WORDS is what the agent says; :partial WORDS a transcript that may
    still change; :silence, :stuck (the agent failed), :verified METHOD,
    :unverified METHOD, :yes, :no, :answered (the transfer was) and :failed
    OUTCOME (busy, no_answer, declined, unreachable, voicemail, caller_hung_up,
    or what a platform says) are what else happens in a call;
    :name WORDS and :note KEY=VALUE what the agent finds out; :at TIME, such as
    2026-03-08T22:00-05:00, is the time from there on. A line that begins with #
    is a comment; :quit, or the end of the input, leaves.

    At the end comes the handoff: what the person who was dialled last gets.
    --json prints the decisions, the handoff and the whole call.
    """
    engine = open_engine(directory, encoder, location, reembed=reembed)
    played = CallSession(
        engine,
        engine.open_call(location, caller_id=caller_id, called=called),
        explain,
        silent=json_output,
    )
    lines = typed_lines(lambda: location)
    if script is not None:
        text = script.read_text(encoding="utf-8-sig", errors="replace")
        lines = map(str.strip, text.splitlines())
    for number, line in enumerate(lines, start=1):
        try:
            goes_on = not line or played.play(line)
        except InvalidValueError as error:
            if script is not None:
                raise InvalidValueError(f"{script.name}, line {number}: {error}") from error
            complain(str(error))
            continue
        if not goes_on:
            break
    if not json_output:
        played.show_handoff()
        return
    handoff = played.handoff
    emit_json(
        {
            "decisions": [decision.to_dict() for decision in played.decisions],
            "handoff": None if handoff is None else json.loads(handoff.to_json()),
            "call": json.loads(played.call.to_json()),
        }
    )

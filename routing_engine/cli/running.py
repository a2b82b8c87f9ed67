"""Commands that run the demo, the server, the compiler and the benchmarks."""

from __future__ import annotations

import importlib
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from routing_engine.cli.opening import (
    compiled_encoder,
    open_sheet,
    timed_encoder,
)
from routing_engine.cli.options import (
    EncoderOption,
    app,
    examples,
)
from routing_engine.cli.terminal import (
    ExitCode,
    fail,
    guarded,
    plain,
    show,
    stdout,
    working,
)
from routing_engine.errors import (
    MissingExtraError,
)

if TYPE_CHECKING:
    pass

__all__ = ["bench", "compile_", "demo", "keys", "serve"]


@app.command(epilog=examples("demo", "demo --sheet stores.csv"))
@guarded
def demo(
    sheet: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", exists=True, dir_okay=False, help="Another sheet than the sample."
        ),
    ] = None,
    encoder: EncoderOption = "default",
) -> None:
    """Load the sample franchise sheet and route a dozen callers."""
    from statistics import median

    from rich.text import Text

    from routing_engine.cli import demo as sample
    from routing_engine.engine import RoutingEngine

    path = sample.find_sheet() if sheet is None else sheet
    if path is None:
        fail(
            f"the sample sheet {sample.SAMPLE.as_posix()} is part of the source repository, which "
            "is neither here nor around this package; give a sheet of your own with --sheet FILE",
            ExitCode.USAGE,
        )
    console = stdout()
    read = open_sheet(path)
    console.print(Text("The sheet", style="bold underline"))
    show(read.report)
    model, load_s = timed_encoder(encoder)
    started_s = time.perf_counter()
    with working("embedding rules"):
        engine = RoutingEngine(read.columns, encoder=model)
    build_s = time.perf_counter() - started_s
    console.print()
    console.print(Text("The engine", style="bold underline"))
    console.print(
        f"encoder loaded in {load_s:.1f} s; rules embedded and indexed in {build_s:.1f} s"
    )
    with working("routing"):
        found = list(sample.answers(engine))
    console.print()
    console.print(Text("The calls", style="bold underline"))
    console.print(sample.table(found, width=console.width))
    if not found:
        return
    median_ms = median(answer.time_ms for answer in found)
    console.print()
    console.print(f"{len(found)} calls, median {median_ms:.1f} ms a decision.")
    if any(answer.decision.destination is None for answer in found):
        console.print(
            "verify caller, confirm first: the rule asks for that before it transfers.", style="dim"
        )
    console.print()
    console.print("Next:", style="dim")
    for line in (
        f"routing-engine import {shlex.quote(plain(str(path)))} --out brand",
        f'routing-engine route brand {found[0].location_id} "I was charged twice" --explain',
    ):
        console.print(f"  {line}", style="dim", soft_wrap=True)


@app.command(
    epilog=examples(
        "serve",
        "serve --host 0.0.0.0 --port 8000 --workers 4 --database postgresql://user@db/routing",
    ),
)
@guarded
def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="0 takes a free one.", show_default="8000")
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME.",
            show_default="sqlite:///routing.db",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, max=64, help="Processes that share the work.", show_default="1"),
    ] = None,
) -> None:
    """Run the control plane: drafts, publishing, routing and live calls over HTTP.

    On an empty database it makes an organisation, and prints its first key once.

    Every option is also an environment variable, as are the other settings: ROUTING_ENGINE_PORT,
    ROUTING_ENGINE_SECRET, and so on. They are listed in docs/reference/settings.md.
    """
    try:
        from routing_engine.server.serving import serve as run
        from routing_engine.server.settings import read_settings
    except ImportError as error:
        raise MissingExtraError("serve", "server") from error
    run(read_settings(host=host, port=port, database=database, workers=workers))


@app.command(
    epilog=examples(
        "keys", "keys --new operator", "keys --new calls --delete key_Zm9vYmFyYmF6cXV4"
    ),
)
@guarded
def keys(
    database: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="That of the server: sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME.",
            show_default="sqlite:///routing.db",
        ),
    ] = None,
    organisation: Annotated[
        str | None, typer.Option(metavar="ID", help="Whose keys; needed where there are several.")
    ] = None,
    new: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Make a key with all scopes, and print it, this once."),
    ] = None,
    delete: Annotated[
        str | None, typer.Option(metavar="KEY_ID", help="Delete a key, such as a lost one.")
    ] = None,
) -> None:
    """List the API keys of a server's database; make one, where the last was lost.

    For who runs the server: it asks for no key. What it changes is in the audit log, by "operator".
    """
    try:
        from routing_engine.server.security import SCOPES
        from routing_engine.server.settings import read_settings
        from routing_engine.store import Store
    except ImportError as error:
        raise MissingExtraError("keys", "server") from error
    with Store.open(read_settings(database=database).database, migrate=False) as store:
        known = store.organisations()
        chosen = [one for one, _ in known if organisation in (None, one)]
        if organisation is None and len(known) > 1:
            names = ", ".join(f"{one} ({name})" for one, name in known)
            fail(
                f"there are several organisations: {names}; name one by --organisation",
                ExitCode.USAGE,
            )
        if not chosen:
            fail("no such organisation; `routing-engine serve` makes the first", ExitCode.USAGE)
        if new is None and delete is None:
            with store.read(chosen[0]) as work:
                for key in work.keys.page(1000).items:
                    ends = "never" if key.expires_at is None else key.expires_at.isoformat()
                    scopes = " ".join(sorted(key.scopes))
                    typer.echo(plain(f"{key.id}  {key.prefix}…  {key.name}  ends {ends}  {scopes}"))
            return
        with store.work(chosen[0], actor="operator") as work:
            # Printed before it is kept: one that was kept and not shown would be lost.
            if new is not None:
                typer.echo(work.keys.create(new, SCOPES)[1])
            if delete is not None:
                work.keys.delete(delete)


@app.command(
    name="compile",
    epilog=examples("compile", "compile sentence-transformers/paraphrase-MiniLM-L3-v2"),
)
@guarded
def compile_(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="A model folder, a name on the Hugging Face hub, or default."
        ),
    ] = "default",
) -> None:
    """Compile a sentence-transformers model now, so that no first call has to wait for it.

    Kept under the user's cache folder, or under $ROUTING_ENGINE_CACHE. The default
    ships compiled: it is checked and loaded. Any other model needs the extra
    sentence-transformers.
    """
    started_s = time.perf_counter()
    encoder = compiled_encoder(model)
    taken_s = time.perf_counter() - started_s
    stdout().print(
        f"{encoder.name}: {encoder.fingerprint}, dimension {encoder.dimension}, "
        f"ready in {taken_s:.1f} s",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


@app.command(
    context_settings={"ignore_unknown_options": True},
    epilog=examples("bench", "bench latency --json", "bench -- --help"),
)
@guarded
def bench(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME", help="Which one, and options of its own."),
    ] = None,
) -> None:
    """Run the benchmarks of the source repository.

    They are no part of the installed package. Arguments are those of
    python -m benchmarks.
    """
    from routing_engine.cli.demo import source_folders

    folder = next(
        (path for path in source_folders() if (path / "benchmarks" / "__main__.py").is_file()), None
    )
    if folder is None:
        fail(
            "the benchmarks are part of the source repository, which is neither here nor around "
            "this package; clone it and run this there",
            ExitCode.USAGE,
        )
    sys.path.insert(0, str(folder))
    code: Any = importlib.import_module("benchmarks.__main__").main(arguments or [])
    raise typer.Exit(int(code or 0))

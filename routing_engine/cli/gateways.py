"""Commands that serve phone systems and agents: agi, sip-redirect, twilio and mcp."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from routing_engine.cli.opening import open_engine
from routing_engine.cli.options import (
    EncoderOption,
    ReembedOption,
    RegionOption,
    SnapshotArgument,
    app,
    examples,
)
from routing_engine.cli.terminal import ExitCode, fail, guarded, note, stdout
from routing_engine.errors import InvalidValueError, MissingExtraError

if TYPE_CHECKING:
    from routing_engine.gateways.agi import AgiServer
    from routing_engine.gateways.redirect import RedirectServer
    from routing_engine.gateways.switchboard import Switchboard

__all__ = ["agi", "mcp", "sip_redirect", "twilio"]

AUTH_TOKEN = "TWILIO_AUTH_TOKEN"  # noqa: S105  likewise
SECRET = "ROUTING_ENGINE_SECRET"  # noqa: S105  the name of a variable

HostOption = Annotated[
    str,
    typer.Option(help="Address to listen on. Nobody is authenticated: let only your own ask."),
]
DeadlineOption = Annotated[
    float,
    typer.Option(
        "--deadline",
        metavar="SECONDS",
        min=0.01,
        max=60.0,
        help="After which the default is the better answer.",
    ),
]


@app.command(
    epilog=examples("agi brand", "agi brand --host 0.0.0.0 --port 4573 --region GB"),
)
@guarded
def agi(
    directory: SnapshotArgument,
    host: HostOption = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 4573,
    region: RegionOption = "US",
    deadline_s: DeadlineOption = 1.0,
    encoder: EncoderOption = "default",
    reembed: ReembedOption = False,
) -> None:
    """Answer the AGI() of an Asterisk dialplan: FastAGI.

    Script argument 1 is the location, by its id or by one of its lines; without
    it the extension that was called is. Argument 2, or the channel variable
    ROUTING_WORDS, is what the caller said.

    Sets ROUTING_OUTCOME, ROUTING_REASON, ROUTING_RULE, ROUTING_DESTINATION (what to
    dial next, empty for none), ROUTING_EXTENSION (digits to send once it answers),
    ROUTING_RING (seconds) and ROUTING_DECISION. Asked again on the same channel
    after Dial, it gives the next in line.
    """
    from routing_engine.gateways.agi import AgiServer

    switchboard = _switchboard(directory, encoder, region, deadline_s, reembed=reembed)
    _serve(AgiServer(switchboard), host, port, "agi")


@app.command(
    name="sip-redirect",
    epilog=examples(
        "sip-redirect brand --port 5070", "sip-redirect brand --port 5070 --domain sip.example"
    ),
)
@guarded
def sip_redirect(
    directory: SnapshotArgument,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Of UDP and TCP; 0 takes a free one.")
    ] = 5060,
    host: HostOption = "127.0.0.1",
    domain: Annotated[
        str,
        typer.Option(
            metavar="HOST",
            help="Host of the URIs of phone numbers.",
            show_default="that of the request URI",
        ),
    ] = "",
    region: RegionOption = "US",
    deadline_s: DeadlineOption = 1.0,
    encoder: EncoderOption = "default",
    reembed: ReembedOption = False,
) -> None:
    """Answer INVITEs with 302 and whom to try, by q-value, over UDP and TCP.

    The user of the request URI is the location, by its id or by one of its lines;
    the header X-Words is what the caller said. 404 for a location that is unknown,
    480 where it is closed, 603 where nobody may be dialled; Reason says why.
    """
    from routing_engine.gateways.redirect import RedirectServer
    from routing_engine.integrations.sip import Peer

    try:
        domain = domain and Peer(domain).domain
    except InvalidValueError:
        fail(f"--domain {domain}: not a host, or host:port", ExitCode.USAGE)
    switchboard = _switchboard(directory, encoder, region, deadline_s, reembed=reembed)
    _serve(RedirectServer(switchboard, domain=domain), host, port, "sip")


@app.command(
    epilog=examples(
        "twilio brand --public-url https://voice.example.com",
        'twilio brand --public-url https://voice.example.com --greeting "Fernwick, hello!"',
    ),
)
@guarded
def twilio(
    directory: SnapshotArgument,
    public_url: Annotated[
        str,
        typer.Option(
            metavar="URL", help="At which Twilio reaches this server, behind a proxy too."
        ),
    ],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8080,
    greeting: Annotated[
        str, typer.Option(metavar="TEXT", help="Said first.", show_default="a plain one")
    ] = "",
    language: Annotated[
        str, typer.Option(metavar="TAG", help="Of what is said and heard, BCP 47.")
    ] = "en-US",
    screen: Annotated[
        bool,
        typer.Option(help="Whether the person who picks up presses 1 to accept the call."),
    ] = True,
    deadline_s: DeadlineOption = 1.0,
    encoder: EncoderOption = "default",
    reembed: ReembedOption = False,
) -> None:
    """Answer the webhooks of Twilio: hear the caller, ask back, dial, go on.

    A called number finds its location by its lines. Set the number's voice URL to
    URL/voice and its status callback to URL/status. Every request is checked with
    the account's auth token, from the environment variable TWILIO_AUTH_TOKEN.
    Needs the extra twilio.
    """
    import uvicorn
    from fastapi import FastAPI

    from routing_engine.gateways.twilio import Texts, twilio_router

    auth_token = os.environ.get(AUTH_TOKEN, "")
    if not auth_token:
        fail(f"{AUTH_TOKEN} is not set: it is the auth token of the account", ExitCode.USAGE)
    engine = open_engine(directory, encoder, reembed=reembed)
    try:
        router = twilio_router(
            engine,
            auth_token=auth_token,
            public_url=public_url,
            texts=Texts(greeting=greeting) if greeting else None,
            language=language,
            screen=screen,
            deadline_s=deadline_s,
        )
    except InvalidValueError as error:
        fail(str(error), ExitCode.USAGE)
    web = FastAPI(openapi_url=None)
    web.include_router(router)
    config = uvicorn.Config(
        web, host=host, port=port, log_level="warning", access_log=False, server_header=False
    )
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        fail(f"cannot listen on {host}:{port}: {error.strerror or error}", ExitCode.USAGE)
    _say_where("http://", host, listening.getsockname()[1])
    uvicorn.Server(config).run(sockets=[listening])


@app.command(epilog=examples("mcp brand --location store-0042"))
@guarded
def mcp(
    directory: SnapshotArgument,
    location: Annotated[
        str, typer.Option("--location", metavar="ID", help="The location that is asked about.")
    ],
    encoder: EncoderOption = "default",
    reembed: ReembedOption = False,
) -> None:
    """Serve the tool of a language model over stdin and stdout: MCP.

    Its one tool answers what to do with a caller, and whom to dial as an opaque id.
    Ids are signed with the environment variable ROUTING_ENGINE_SECRET, at least 16
    bytes, which whoever resolves them needs as well. Needs the extra mcp.
    """
    try:
        from routing_engine.gateways.mcp import serve_stdio
    except ImportError as error:
        raise MissingExtraError("mcp", "mcp") from error
    from routing_engine import __version__

    secret = os.environ.get(SECRET, "").encode() or None
    if secret is None:
        note(f"{SECRET} is not set: ids cannot be resolved by another process")
    engine = open_engine(directory, encoder, location, reembed=reembed)
    asyncio.run(serve_stdio(engine.skill(location, secret=secret), version=__version__))


def _switchboard(
    directory: Path, encoder: str, region: str, deadline_s: float, *, reembed: bool
) -> Switchboard:
    import phonenumbers

    from routing_engine.gateways.switchboard import Switchboard

    code = None if region.casefold() == "none" else region.upper()
    if code is not None and code not in phonenumbers.SUPPORTED_REGIONS:
        fail(f"--region {region}: not a country code such as US, or none", ExitCode.USAGE)
    engine = open_engine(directory, encoder, reembed=reembed)
    return Switchboard(engine, region=code, deadline_s=deadline_s)


def _serve(server: AgiServer | RedirectServer, host: str, port: int, scheme: str) -> None:
    """Serve until interrupted; says where, once it listens."""

    async def run() -> None:
        try:
            found = await server.start(host, port)
        except OSError as error:
            fail(f"cannot listen on {host}:{port}: {error.strerror or error}", ExitCode.USAGE)
        _say_where("agi://" if scheme == "agi" else f"{scheme}:", host, found)
        await server.serve()

    asyncio.run(run())


def _say_where(scheme: str, host: str, port: int) -> None:
    shown = f"[{host}]" if ":" in host else host
    stdout().print(
        f"listening on {scheme}{shown}:{port}", markup=False, highlight=False, soft_wrap=True
    )

"""The router: Twilio's webhooks as endpoints, each checked before anything is read of it."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, Response

from routing_engine.errors import InvalidValueError, RoutingError
from routing_engine.gateways.twilio.keeping import Calls, MemoryCalls
from routing_engine.gateways.twilio.signing import Step, Urls, is_signed
from routing_engine.gateways.twilio.talking import ENDED, Reply, Talk, Texts, Verify, hung_up
from routing_engine.integrations import twilio
from routing_engine.model.caller import Caller

if TYPE_CHECKING:
    from routing_engine.calls.call import Call
    from routing_engine.calls.policy import CallPolicy
    from routing_engine.engine import RoutingEngine

__all__ = ["twilio_router"]

MAX_BODY = 64 * 1024
MAX_FIELDS = 200
MIN_TOKEN = 16

_FORM = "application/x-www-form-urlencoded"
_SID = re.compile(r"[A-Za-z0-9]{2,64}", re.ASCII)
_ATTESTATION = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
_VOUCHED_FOR = "TN-Validation-Passed-A"
"""``StirVerstat`` of a number that its carrier vouches for: STIR/SHAKEN, attestation A."""

_REFUSED = (
    "Not signed by Twilio for this address. Check that the auth token is the account's, and that "
    "the public URL is the one that Twilio asks."
)

_logger = logging.getLogger(__name__)

Form = Mapping[str, str]


class _RefusedError(RoutingError):
    """A request that is answered with an error of HTTP."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def twilio_router(
    engine: RoutingEngine,
    *,
    auth_token: str,
    public_url: str,
    reply: Reply | None = None,
    verify: Verify | None = None,
    texts: Texts | None = None,
    language: str = "en-US",
    screen: bool = True,
    policy: CallPolicy | None = None,
    deadline_s: float | None = 1.0,
    calls: Calls | None = None,
) -> APIRouter:
    """Build a router to mount in a FastAPI application.

    Set a number's voice URL to ``{public_url}/voice`` and its status callback to
    ``{public_url}/status``, both ``POST``.

    Args:
        engine: what decides; a called number finds its location by its ``lines``.
        auth_token: of the Twilio account, by which every request is checked.
        public_url: of this router, as Twilio reaches it: scheme, host and the path under which it
            is mounted. Behind a proxy too, only this counts.
        reply: says what the caller hears about a decision, so also the agent's own answers; None
            for the library's sentences.
        verify: judges digits that a caller keys in where a rule wants them verified; None where
            nobody can, so that they go to the default.
        texts: what is said beside decisions.
        language: of what is said and heard, BCP 47.
        screen: whether the person who picks up presses 1 to accept the call, or 2 to decline it.
            Without, whoever picks up is connected: also a machine, and a queue.
        policy: when a call that no rule takes goes to a person.
        deadline_s: seconds after which the default is the better answer; None to wait.
        calls: keeps the calls between two webhooks; None for the memory of this process.

    Raises:
        InvalidValueError: no auth token, or no such URL.
    """
    if not isinstance(auth_token, str) or len(auth_token) < MIN_TOKEN:
        raise InvalidValueError(
            "auth_token is that of the Twilio account, of 32 characters; without it anybody could "
            "send webhooks"
        )
    urls = Urls(public_url, auth_token)
    talk = Talk(
        engine.location, urls, texts=Texts() if texts is None else texts, language=language,
        reply=reply, verify=verify, screen=screen, deadline_s=deadline_s,
    )  # fmt: skip
    kept = MemoryCalls(engine, policy=policy, over=talk.over) if calls is None else calls
    endpoints = _Endpoints(auth_token, urls, talk, kept)
    made = APIRouter(include_in_schema=False)
    for name, endpoint in endpoints.named().items():
        made.add_api_route(f"/{name}", _webhook(endpoint), methods=["POST"], name=f"twilio {name}")
    return made


def _webhook(
    endpoint: Callable[[Request], Awaitable[str]],
) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            made = await endpoint(request)
        except _RefusedError as error:
            return PlainTextResponse(str(error), error.status)
        return Response(made, media_type="text/xml")

    return answer


class _Endpoints:
    """One endpoint for each kind of webhook."""

    def __init__(self, auth_token: str, urls: Urls, talk: Talk, calls: Calls) -> None:
        self._auth_token = auth_token
        self._urls = urls
        self._talk = talk
        self._calls = calls

    def named(self) -> dict[str, Callable[[Request], Awaitable[str]]]:
        """Return the endpoints by the last part of their path."""
        return {
            "voice": self._voice,
            "status": self._status,
            "heard": self._of_the_caller("heard", self._talk.heard),
            "told": self._of_the_caller("told", self._told),
            "keyed": self._of_the_caller("keyed", self._talk.keyed),
            "dialled": self._of_the_caller("dialled", self._talk.dialled),
            "whisper": self._of_the_callee("whisper", self._whisper),
            "pressed": self._of_the_callee("pressed", self._talk.pressed),
        }

    async def _voice(self, request: Request) -> str:
        form = await self._form(request, "voice")
        return await self._begin(form, _call_sid(form))

    async def _status(self, request: Request) -> str:
        form = await self._form(request, "status")
        if form.get("CallStatus", "") in ENDED:
            await self._ended(_call_sid(form))
        return twilio.hang_up()

    async def _begin(self, form: Form, call_sid: str) -> str:
        """Open a call, or answer again for one that is there."""

        async def greet(call: Call) -> str:
            attestation = form.get("StirVerstat", "")
            if call.decision is None and _ATTESTATION.fullmatch(attestation):
                call.note(attestation=attestation)
            return self._talk.present(call, call_sid)

        made = await self._calls.begin(call_sid, form.get("To", ""), _caller(form), greet)
        return self._talk.unknown_line if made is None else made

    async def _ended(self, call_sid: str) -> None:
        async def leave(call: Call) -> str:
            hung_up(call)
            return ""

        await self._calls.go_on(call_sid, leave)
        await self._calls.end(call_sid)

    def _of_the_caller(
        self, name: str, play: Callable[[Call, Step, Form], Awaitable[str]]
    ) -> Callable[[Request], Awaitable[str]]:
        """Return the endpoint of a webhook about the caller's own leg."""

        async def endpoint(request: Request) -> str:
            form = await self._form(request, name)
            step = self._step(request, name)
            if _call_sid(form) != step.call_sid:
                raise _RefusedError(403, "This address was made for another call.")
            made: str | None = self._talk.over
            has_ended = form.get("CallStatus", "") in ENDED
            if name == "dialled" or not has_ended:
                made = await self._calls.go_on(step.call_sid, lambda call: play(call, step, form))
            if has_ended:
                await self._ended(step.call_sid)
                return self._talk.over
            if made is None:
                # Another process, or one that was started anew: the caller is asked once more.
                is_done = form.get("DialCallStatus") in ("completed", "answered")
                return self._talk.over if is_done else await self._begin(form, step.call_sid)
            return made

        return endpoint

    def _of_the_callee(
        self, name: str, play: Callable[[Call, Step, Form], Awaitable[str]]
    ) -> Callable[[Request], Awaitable[str]]:
        """Return the endpoint of a webhook about the leg of the person who picks up."""

        async def endpoint(request: Request) -> str:
            form = await self._form(request, name)
            step = self._step(request, name)
            made = await self._calls.go_on(step.call_sid, lambda call: play(call, step, form))
            return self._talk.over if made is None else made

        return endpoint

    async def _told(self, call: Call, step: Step, form: Form) -> str:
        return self._talk.told(call, step, form)

    async def _whisper(self, call: Call, step: Step, _: Form) -> str:
        return await self._talk.whisper(call, step)

    # ---------------------------------------------------------------- checks

    async def _form(self, request: Request, name: str) -> Form:
        """Return the fields of a request that Twilio signed.

        Raises:
            _RefusedError: it did not, or this is no form.
        """
        if request.headers.get("content-type", "").partition(";")[0].strip() != _FORM:
            raise _RefusedError(415, f"A webhook is a POST of {_FORM}.")
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY:
                raise _RefusedError(413, f"More than {MAX_BODY} bytes.")
        try:
            fields = parse_qsl(
                body.decode("ascii"), keep_blank_values=True, errors="strict",
                max_num_fields=MAX_FIELDS,
            )  # fmt: skip
        except ValueError:
            raise _RefusedError(400, f"Not a form of at most {MAX_FIELDS} fields.") from None
        query = request.scope.get("query_string", b"").decode("latin-1")
        url = f"{self._urls.root}/{name}" + (f"?{query}" if query else "")
        given = request.headers.get("x-twilio-signature", "")
        if not is_signed(url, fields, self._auth_token, given):
            _logger.warning("a webhook is refused: it is not signed by Twilio for /%s", name)
            raise _RefusedError(403, _REFUSED)
        return dict(fields)

    def _step(self, request: Request, name: str) -> Step:
        step = self._urls.read(name, request.scope.get("query_string", b"").decode("latin-1"))
        if step is None:
            raise _RefusedError(403, "This address was not made here, or was altered.")
        return step


def _call_sid(form: Form) -> str:
    call_sid = form.get("CallSid", "")
    if not _SID.fullmatch(call_sid):
        raise _RefusedError(400, "CallSid is missing.")
    return call_sid


def _caller(form: Form) -> Caller:
    """Read the caller of a webhook."""
    return Caller.reported(
        form.get("From", ""),
        name=form.get("CallerName", ""),
        verified=form.get("StirVerstat") == _VOUCHED_FOR,
    )

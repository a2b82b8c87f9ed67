"""Signatures of Twilio's requests, and of the URLs that it is given.

https://www.twilio.com/docs/usage/webhooks/webhooks-security
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

from routing_engine.errors import InvalidValueError

__all__ = ["Step", "Urls", "is_signed", "signature"]

_PURPOSE = b"routing-engine twilio urls, 1"
_SID = re.compile(r"[A-Za-z0-9]{2,64}", re.ASCII)
_COUNT = re.compile(r"[0-9]{1,6}", re.ASCII)
_DEFAULT_PORTS = {"http": 80, "https": 443}


def signature(url: str, parameters: Sequence[tuple[str, str]], auth_token: str) -> str:
    """Return the signature that Twilio makes of a ``POST``, in base64.

    Args:
        url: that was asked, with its query.
        parameters: of the body, decoded; of those that are equal, one counts.
        auth_token: of the account.
    """
    text = url + "".join(name + value for name, value in sorted(set(parameters)))
    return base64.b64encode(hmac.digest(auth_token.encode(), text.encode(), "sha1")).decode()


def is_signed(url: str, parameters: Sequence[tuple[str, str]], auth_token: str, given: str) -> bool:
    """Whether a request is signed by Twilio. It may have signed with or without the port."""
    found = False
    for form in _forms(url):
        made = signature(form, parameters, auth_token)
        found |= hmac.compare_digest(made.encode(), given.encode())
    return found


def _forms(url: str) -> tuple[str, ...]:
    """Return a URL with its port, and without it."""
    parts = urlsplit(url)
    host = parts.netloc
    bare = re.sub(r":[0-9]+$", "", host)
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 443)
    rest = url[len(parts.scheme) + 3 + len(host) :]
    return tuple(f"{parts.scheme}://{name}{rest}" for name in (bare, f"{bare}:{port}"))


class Step(NamedTuple):
    """Where in a call a webhook belongs.

    Attributes:
        call_sid: of the caller's call.
        n: decisions of the call when Twilio was given the URL.
        detail: position of the detail that was asked for.
    """

    call_sid: str
    n: int
    detail: int = 0


class Urls:
    """URLs that Twilio is given: each names the step of a call, and is signed.

    Twilio's own signature says that the account asked. This one says that the URL was made here,
    for this call: also where what Twilio asks for comes from another leg, as a whisper does.

    Args:
        public_url: of the router, as Twilio reaches it.
        auth_token: of the account; every process that has it makes, and reads, the same URLs.

    Raises:
        InvalidValueError: not an http or https URL of a host and a path.
    """

    def __init__(self, public_url: str, auth_token: str) -> None:
        try:
            parts = urlsplit(public_url)
            _ = parts.port
        except (ValueError, AttributeError, TypeError):
            parts = None
        if (
            parts is None
            or not isinstance(public_url, str)
            or parts.scheme not in _DEFAULT_PORTS
            or not parts.hostname
            or parts.query
            or parts.fragment
            or parts.username is not None
            or not all("!" <= c <= "~" for c in public_url)
        ):
            raise InvalidValueError(
                f"public_url {public_url!r} is not the address at which Twilio reaches the router, "
                "such as https://voice.example.com/twilio"
            )
        self.root = public_url.rstrip("/")
        self._key = hmac.digest(auth_token.encode(), _PURPOSE, "sha256")

    def made(self, name: str, step: Step) -> str:
        """Return the URL of a webhook for a step of a call."""
        query = urlencode({"call": step.call_sid, "n": step.n, "d": step.detail})
        return f"{self.root}/{name}?{query}&t={self._tag(name, step)}"

    def read(self, name: str, query: str) -> Step | None:
        """Return the step of a query that was made here; None for any other."""
        given = dict(parse_qsl(query, keep_blank_values=True))
        call_sid, n, detail = given.get("call", ""), given.get("n", ""), given.get("d", "")
        if not (_SID.fullmatch(call_sid) and _COUNT.fullmatch(n) and _COUNT.fullmatch(detail)):
            return None
        step = Step(call_sid, int(n), int(detail))
        tag = self._tag(name, step)
        return step if hmac.compare_digest(tag.encode(), given.get("t", "").encode()) else None

    def _tag(self, name: str, step: Step) -> str:
        text = "\0".join((name, *map(str, step))).encode()
        return hmac.digest(self._key, text, "sha256").hex()[:32]

"""Ask a language model behind an OpenAI-compatible endpoint for example sentences.

What is sent: the labels, ``when`` and examples of the rules of one table. Callers' words, phone
numbers and names of locations never are. What comes back is checked like any other proposal.
"""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from email.message import Message
from typing import IO, Any
from urllib.parse import urlsplit

from routing_engine.errors import InvalidValueError, SuggestionError
from routing_engine.model.rules import RuleText
from routing_engine.quality.suggesting import PER_RULE, Proposal

__all__ = ["ModelEndpoint"]

TIMEOUT_S = 60.0
MAX_ANSWER_BYTES = 1_000_000
MAX_RULES = 64
"""Most rules of one table that are asked about; each costs one request."""
MAX_TEXT = 300
"""Most characters of one proposed sentence."""
MAX_SHOWN = 200

_TASK = (
    "You write what callers say on the phone to a business. You get one situation and the other "
    "situations of the same business. Write {n} sentences that callers in the one situation say, "
    "differently worded, as people talk: short, indirect, upset, unsure. None may fit another "
    "situation. No names, no numbers. Answer with a JSON array of strings and nothing else."
)


class ModelEndpoint:
    """Ask a language model for what callers of a rule say.

    Args:
        url: base of the API, ``"http://localhost:8000/v1"``; ``/chat/completions`` is added.
        name: of the model there.
        key: sent as a bearer token; None for none.
        per_rule: sentences that are wanted for a rule; twice as many are asked for.
        timeout_s: longest wait for one answer, seconds.

    Raises:
        InvalidValueError: the address is not http or https, or holds a user or a query.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str = "default",
        key: str | None = None,
        per_rule: int = PER_RULE,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise InvalidValueError(
                "the model's address is http:// or https:// with a host and no user, such as "
                "http://localhost:8000/v1"
            )
        if parts.query or parts.fragment:
            raise InvalidValueError("the model's address has no query and no fragment")
        base = url.rstrip("/")
        suffix = "/chat/completions"
        self.url = base if base.endswith(suffix) else base + suffix
        self._name = name
        self._key = key
        self._n = 2 * per_rule
        self._timeout_s = timeout_s
        # A redirect would carry the rules, and the key, to where nobody sent them.
        self._opener = urllib.request.build_opener(_NoRedirect)

    def __call__(self, rules: Sequence[RuleText]) -> list[list[Proposal]]:
        """Ask for sentences of each rule.

        Raises:
            InvalidValueError: more rules than are asked about.
            SuggestionError: the endpoint does not answer, refuses, or answers something else.
        """
        if len(rules) > MAX_RULES:
            raise InvalidValueError(
                f"a model is asked about at most {MAX_RULES} rules of one location, "
                f"not {len(rules)}"
            )
        source = urlsplit(self.url).hostname or self.url
        return [
            [Proposal(text, source) for text in self._sentences(rules, i)]
            for i in range(len(rules))
        ]

    def _sentences(self, rules: Sequence[RuleText], number: int) -> list[str]:
        told = [
            {"label": rule.label, "when": rule.when, "examples": list(rule.examples)}
            for rule in rules
        ]
        wanted = {"situation": told.pop(number), "other situations": told}
        content = self._answer(
            {
                "model": self._name,
                "messages": [
                    {"role": "system", "content": _TASK.format(n=self._n)},
                    {"role": "user", "content": json.dumps(wanted, ensure_ascii=False)},
                ],
            }
        )
        # Models like to wrap JSON in a fence or a word of introduction.
        start, end = content.find("["), content.rfind("]")
        try:
            found = json.loads(content[start : end + 1])
        except ValueError as error:
            raise self._failed("answers with something else than a JSON array") from error
        if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
            raise self._failed("answers with something else than a JSON array of strings")
        lines = (" ".join(item.split()) for item in found[: self._n])
        return [line for line in lines if line.isprintable() and 0 < len(line) <= MAX_TEXT]

    def _answer(self, body: dict[str, Any]) -> str:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        request = urllib.request.Request(  # noqa: S310  the scheme was checked
            self.url, json.dumps(body).encode(), headers, method="POST"
        )
        try:
            with self._opener.open(request, timeout=self._timeout_s) as response:
                raw = _read(response, time.monotonic() + self._timeout_s)
        except urllib.error.HTTPError as error:
            with error:
                raise self._failed(f"answers {error.code} {error.reason}"[:MAX_SHOWN]) from error
        except TimeoutError as error:
            raise self._failed(f"does not answer within {self._timeout_s:g} s") from error
        except (urllib.error.URLError, OSError, http.client.HTTPException) as error:
            if isinstance(getattr(error, "reason", None), TimeoutError):
                raise self._failed(f"does not answer within {self._timeout_s:g} s") from error
            raise self._failed(f"cannot be reached: {error}"[:MAX_SHOWN]) from error
        if len(raw) > MAX_ANSWER_BYTES:
            raise self._failed(f"answers more than {MAX_ANSWER_BYTES:,} bytes")
        try:
            content = json.loads(raw)["choices"][0]["message"]["content"]
        except (ValueError, LookupError, TypeError) as error:
            raise self._failed("answers no chat completion") from error
        if not isinstance(content, str):
            raise self._failed("answers no chat completion")
        return content

    def _failed(self, what: str) -> SuggestionError:
        return SuggestionError(
            f"the model at {self.url} {what}; check the address, the model's name and its key, or "
            "leave the model out"
        )


def _read(response: http.client.HTTPResponse, until_s: float) -> bytes:
    """Read a response, at most one byte above the limit.

    A socket's timeout counts for one read alone; this one counts for all of them.

    Raises:
        TimeoutError: it is not complete in time.
    """
    parts, n_bytes = [], 0
    while part := response.read1(MAX_ANSWER_BYTES + 1 - n_bytes):
        parts.append(part)
        n_bytes += len(part)
        if time.monotonic() > until_s:
            raise TimeoutError
    return b"".join(parts)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Treat a redirect as an error."""

    def redirect_request(
        self,
        req: urllib.request.Request,  # noqa: ARG002
        fp: IO[bytes],  # noqa: ARG002
        code: int,  # noqa: ARG002
        msg: str,  # noqa: ARG002
        headers: Message,  # noqa: ARG002
        newurl: str,  # noqa: ARG002
    ) -> None:
        return None

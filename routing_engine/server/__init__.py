"""The control plane: edit, check, publish, route and measure over HTTP.

``routing-engine serve`` runs it; ``docs/reference/http.md`` is the client's page. The parts,
each of which knows only those before it:

    wire/          what goes over the wire: pydantic models in camelCase, unknown fields refused
    merging        RFC 7396 merge of a PATCH into a draft
    drafts         a draft to a ``Location``
    problems       every error as RFC 9457
    plane          the store, the engine that follows it, and what they share
    agents …       the endpoints
    app, serving   all of it as an ASGI application, and as a process

Its HTTP interface is public; its modules are internal and may change in any release.
"""

from __future__ import annotations

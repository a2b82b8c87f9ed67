"""How long the server takes for each page of the console, with many locations and decisions."""

from __future__ import annotations

import random
import re
import statistics
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from starlette.testclient import TestClient

from benchmarks.benchmark import Benchmark, new_plot, save_plot
from benchmarks.encoders import make_encoder
from benchmarks.report import Document, Table, machine, number, setting
from benchmarks.store import add_scratch_option, decision, drawn_outcome, in_batches
from routing_engine.encoders import Encoder
from routing_engine.server.app import create_app
from routing_engine.server.console import tokens
from routing_engine.server.console.visits import COOKIE
from routing_engine.server.drafts import compile_draft
from routing_engine.server.plane import ControlPlane
from routing_engine.server.security import SCOPES
from routing_engine.server.settings import Settings
from routing_engine.store import DecisionRow, ImportedDraft, Store

__all__ = ["BENCHMARK", "measure"]

DAYS = 30
AT_ONCE = 1_000
MAIN = "+14155550100"
RULES = [
    ("Billing", "caller asks about an invoice, charge, or refund", "I was charged twice"),
    ("Cancel", "caller wants to end the membership", "cancel my membership"),
    ("Book", "caller wants to make an appointment", "I need an appointment"),
    ("Hours", "caller asks when it is open", "are you open on sunday"),
]
SAID = ("statement looks funny", "I was charged twice", "where do I park", "is the lift mended")


def _config(i: int) -> dict[str, Any]:
    rules = [
        {
            "label": label,
            "when": when,
            "examples": [example],
            "destination": f"+1415555{(i + n) % 100 + 100:04}",
        }
        for n, (label, when, example) in enumerate(RULES)
    ]
    return {"handoffConfig": {"transferDestination": MAIN, "transferRules": rules}}


def _fill(store: Store, organisation_id: str, n_agents: int, n_decisions: int, seed: int) -> str:
    """Publish locations and store decisions of them, the busy ones' more; return one's agent."""
    ids: list[str] = []
    for first in range(0, n_agents, AT_ONCE):
        drafts = []
        for i in range(first, min(first + AT_ONCE, n_agents)):
            name, config = f"store-{i:05}", _config(i)
            draft = {
                "name": f"Store {i:05}", "locationId": name, "config": config, "skills": [],
                "guardrails": {}, "callerVerification": {},
            }  # fmt: skip
            location = compile_draft(draft).location.model_dump_json()
            drafts.append(
                ImportedDraft(
                    location_id=name, name=f"Store {i:05}", config=config, snapshot=draft,
                    location=location,
                )
            )  # fmt: skip
        with store.work(organisation_id, patient=True) as work:
            ids += [agent.id for agent in work.imports.apply(drafts)]
    made = _decisions(n_decisions, organisation_id, ids, seed)
    for some in in_batches(made):
        store.add_decisions(some)
    return ids[0]


def _decisions(n: int, organisation_id: str, ids: list[str], seed: int) -> Iterator[DecisionRow]:
    chance = random.Random(f"console {seed}")
    until = datetime.now(UTC)
    for i in range(n):
        outcome = drawn_outcome(chance)
        # Half of the calls are of a tenth of the locations.
        agent_id = ids[int(len(ids) * chance.random() ** 3)]
        rule = chance.choice(RULES)[0] if outcome == "transfer" else ""
        decided_at = until - timedelta(days=DAYS * (1 - i / n))
        yield decision(i, organisation_id, agent_id, decided_at, outcome, rule)


class _Visitor:
    """Somebody who is signed in."""

    def __init__(self, client: TestClient, key: str) -> None:
        self.client = client
        client.post("/console/sign-in", data={"key": key}, follow_redirects=False)
        self.session = client.cookies[COOKIE]

    def timed(self, method: str, path: str, data: dict[str, str] | None = None) -> float:
        """Milliseconds that a page takes."""
        headers = {"X-CSRF-Token": tokens.masked(self.session)}
        if data is not None or method == "POST":
            headers["HX-Request"] = "true"
        began = time.perf_counter()
        response = self.client.request(method, f"/console{path}", data=data, headers=headers)
        took_ms = (time.perf_counter() - began) * 1e3
        if response.status_code != 200:
            raise RuntimeError(f"{path} answers {response.status_code}")
        return took_ms

    def first_load(self) -> int:
        """Bytes over the wire of the list of locations and of what it loads, compressed."""
        zipped = {"Accept-Encoding": "gzip"}
        page = self.client.get("/console/locations", headers=zipped)
        paths = re.findall(r'(?:src|href)="(/console/static/[^"]+)"', page.text)
        found = [page, *(self.client.get(path, headers=zipped) for path in paths)]
        return sum(int(one.headers["content-length"]) for one in found)


def _pages(agent_id: str, call_id: str) -> dict[str, tuple[str, str, dict[str, str] | None]]:
    here = f"/locations/{agent_id}"
    return {
        "locations": ("GET", "/locations", None),
        "locations, searched": ("GET", "/locations?q=store-09", None),
        "locations, changed": ("GET", "/locations?state=changed", None),
        "a location": ("GET", here, None),
        "a rule": ("GET", f"{here}/rules/0", None),
        "a sentence tried": ("POST", f"{here}/try", {"said": "where is my money"}),
        "versions": ("GET", f"{here}/versions", None),
        "import": ("GET", "/import", None),
        "calls": ("GET", "/calls", None),
        "calls of a location": ("GET", f"/calls?agent={agent_id}", None),
        "a call": ("GET", f"/calls/{call_id}", None),
        "review": ("GET", "/review", None),
        "review of a location": ("GET", f"/review?agent={agent_id}", None),
        "keys": ("GET", "/keys", None),
        "audit": ("GET", "/audit", None),
        "settings": ("GET", "/settings", None),
    }


def measure(
    n_agents: int,
    n_decisions: int,
    *,
    n_asked: int,
    n_kept: int = 200,
    encoder: Encoder,
    seed: int,
    folder: Path | None,
) -> dict[str, Any]:
    """Fill a database of SQLite, and ask for every page.

    Args:
        n_agents: locations, all published.
        n_decisions: of them, in the last 30 days.
        n_asked: times that each page is asked for.
        n_kept: calls whose words are kept, for the pages that show them.
        encoder: what embeds.
        seed: of the decisions.
        folder: where the database goes meanwhile; None for the system's temporary folder.
    """
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=folder) as temporary:
        url = f"sqlite:///{Path(temporary, 'routing.db')}"
        settings = Settings(
            database=url, store_transcripts=True, rate_per_s=1e6, rate_burst=10_000_000,
            encoder="hashing",
        )  # fmt: skip
        store = Store.open(url, secret=settings.secret_bytes)
        organisation_id = store.create_organisation("Acme")
        with store.work(organisation_id) as work:
            _, key = work.keys.create("desk", SCOPES)
        agent_id = _fill(store, organisation_id, n_agents, n_decisions, seed)
        plane = ControlPlane(settings, store, encoder=encoder)
        with TestClient(create_app(plane)) as client:
            call_id = _kept(client, key, agent_id, n_kept)
            visitor = _Visitor(client, key)
            asked = []
            for page, (method, path, data) in _pages(agent_id, call_id).items():
                visitor.timed(method, path, data)  # what is read for the first time
                taken = [visitor.timed(method, path, data) for _ in range(n_asked)]
                asked.append(
                    {
                        "page": page,
                        "p50_ms": statistics.median(taken),
                        "p95_ms": float(np.quantile(taken, 0.95)),
                    }
                )
            return {"asked": asked, "first_load_bytes": visitor.first_load()}


def _kept(client: TestClient, key: str, agent_id: str, n: int) -> str:
    """Have calls whose words are kept; return one."""
    headers = {"Authorization": f"Bearer {key}"}
    api = "/api/v1"
    call_id = ""
    for i in range(n):
        opened = client.post(f"{api}/agents/{agent_id}/calls", headers=headers).json()
        call_id = opened["data"]["callId"]
        said = {"text": f"{SAID[i % len(SAID)]} {i % 30}"}
        client.post(f"{api}/calls/{call_id}/turns", json=said, headers=headers)
        ended = {"outcome": "transferred"}
        client.post(f"{api}/calls/{call_id}/outcome", json=ended, headers=headers)
    return call_id


def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--agents", type=int, help="locations (10,000)")
    parser.add_argument("--decisions", type=int, help="decisions stored (1,000,000)")
    parser.add_argument("--asked", type=int, help="times that each page is asked for (40)")
    add_scratch_option(parser)


def _run(options: Namespace) -> Document:
    quick: bool = options.quick
    n_agents = options.agents or (20 if quick else 10_000)
    n_decisions = options.decisions or (500 if quick else 1_000_000)
    n_asked = options.asked or (2 if quick else 40)
    n_kept = 10 if quick else 200
    encoder = make_encoder(options.encoder)
    results = measure(
        n_agents, n_decisions, n_asked=n_asked, n_kept=n_kept, encoder=encoder, seed=options.seed,
        folder=options.scratch,
    )  # fmt: skip
    parameters = {
        "quick": quick, "agents": n_agents, "decisions": n_decisions, "asked": n_asked,
        "kept": n_kept,
    }  # fmt: skip
    meta = machine(seed=options.seed, encoder=encoder.fingerprint)
    return Document("console", meta, parameters, results)


def _table(document: Document) -> Table:
    results, parameters = document.results, document.parameters
    rows = [
        [asked["page"], number(asked["p50_ms"]), number(asked["p95_ms"])]
        for asked in results["asked"]
    ]
    note = (
        f"{parameters['agents']:,} locations and {parameters['decisions']:,} decisions of the last "
        f"{DAYS} days in SQLite; each page {parameters['asked']} times, in the server's own process. "
        f"The first load is {results['first_load_bytes'] / 1e3:.0f} kB over the wire. "
        f"{setting(document.meta)}."
    )
    return Table("Console", ("page", "p50, ms", "p95, ms"), rows, note)


def _plot(document: Document, path: Path) -> None:
    asked = document.results["asked"]
    figure, (ax,) = new_plot()
    ax.barh([item["page"] for item in asked], [item["p95_ms"] for item in asked])
    ax.set(title="Pages of the console", xlabel="ms, 95th percentile")
    ax.invert_yaxis()
    save_plot(figure, path)


BENCHMARK = Benchmark(
    name="console",
    summary="every page of the console with 10,000 locations and a million decisions",
    add_options=_add_options,
    run=_run,
    tables={"console": _table},
    plot=_plot,
)

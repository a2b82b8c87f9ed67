"""Whether a large import reaches running engines in time, without delaying callers."""

from __future__ import annotations

import json
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from http import HTTPStatus
from pathlib import Path
from typing import Any

from benchmarks.benchmark import Benchmark, ClaimError, new_plot, save_plot
from benchmarks.generate import franchise_columns, write_franchise_csv
from benchmarks.processes import BenchmarkProcessError, run_fresh
from benchmarks.publishing_child import generation_of, known_numbers
from benchmarks.report import Document, Table, machine, number, setting
from benchmarks.served import (
    DATABASES,
    Client,
    Server,
    agents_in_order,
    databases,
    import_sheet,
    scratch_database,
    version_of,
    why_no_postgres,
)
from benchmarks.serving_child import VISIBLE_S, wrong

__all__ = ["BENCHMARK", "broken", "measure", "renumbered"]

N_RULES = 10
N_WATCHED = 5
LONGEST_WAIT_S = 1.0
"""Longest acceptable wait of a caller on the phone."""

LATEST_S = 4.0
"""Deadline for an import to be live under full load: twice that of a publish."""

LOOK_EVERY_S = 0.02
SEEN_TIMEOUT_S = 60.0


def measure(
    kind: str,
    *,
    encoder: str,
    n_agents: int,
    n_clients: int,
    n_imports: int,
    quiet_s: float,
    seed: int,
) -> dict[str, Any]:
    """Publish agents by one import, then give all of them other numbers while callers ask.

    Args:
        kind: of the database, ``sqlite`` or ``postgresql``.
        encoder: as :func:`benchmarks.encoders.make_encoder` takes it.
        n_agents: of the sheet.
        n_clients: that ask at a time; each again as soon as it has its answer.
        n_imports: after the first; their numbers take turns.
        quiet_s: in which clients ask before the first of them, and half of it after each.
        seed: of agents and callers.
    """
    sheets = _sheets(n_agents, seed)
    imports = []
    with (
        scratch_database(kind) as url,
        Server(url, {"encoder": encoder}) as server,
        tempfile.TemporaryDirectory(prefix="benchmark-") as folder,
    ):
        server.start()
        common = {"seed": seed, "encoder": encoder}
        follow = {**common, "who": "engine", "url": url, "n_agents": n_agents}
        with _beside(Path(folder, "engine"), follow) as engine_ends:
            imports.append(_imported(server, sheets[0], 1))
            with Client(server.port, server.token) as client:
                agents = agents_in_order(client)
            ask = {
                **common, "who": "clients", "port": server.port, "token": server.token,
                "agents": agents, "clients": n_clients,
            }  # fmt: skip
            with _beside(Path(folder, "clients"), ask) as clients_end:
                time.sleep(quiet_s)
                for version in range(2, n_imports + 2):
                    sheet = sheets[generation_of(version) - 1]
                    imports.append(_imported(server, sheet, version))
                    time.sleep(quiet_s / 2)
                followed = engine_ends(len(imports))
                for (at_s, _), item in zip(followed["catalogs"], imports, strict=False):
                    item["engine_s"] = at_s - item["uncommitted_s"]
                    item["visible_s"] = max(at_s, item["visible_s"])
                served = clients_end(imports[1:])
            n_right = _count_right(server, agents, len(imports), seed)
        code = server.stop()
        database = version_of(url)
    if code != 0:
        raise BenchmarkProcessError(f"the server ended with {code}:\n{server.said()}")
    del served["peak_tree_mb"]
    return {
        "database": database,
        "encoder": followed["encoder"],
        "served": served,
        "catalogs": [which for _, which in followed["catalogs"]],
        "unanswered": n_agents - n_right,
        "imports": [
            {
                "import_s": item["done_s"] - item["started_s"],
                "http_s": item["http_s"],
                "engine_s": item.get("engine_s"),
            }
            for item in imports
        ],
        "marks": [
            [item[name] - imports[1]["started_s"] for name in _MARKS] for item in imports[1:]
        ],
    }


_MARKS = ("started_s", "uncommitted_s", "visible_s")


def renumbered(lines: Sequence[bytes], others: Sequence[bytes]) -> Iterator[bytes]:
    """Return rows of a sheet with numbers swapped for those of other rows."""
    for line, other in zip(lines, others, strict=True):
        location_id, name, timezone, _, text = line.split(b",", 4)
        default, end = other.split(b",", 4)[3:]
        text = text.rpartition(b",")[0]
        yield b",".join([location_id, name, timezone, default, text, end.rpartition(b",")[2]])


def _sheets(n_agents: int, seed: int) -> tuple[bytes, bytes]:
    """Write two sheets of the agents: with their own numbers, and with other locations'."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        path = Path(folder, "sheet.csv")
        write_franchise_csv(path, 2 * n_agents, n_rules=N_RULES, seed=seed)
        head, *lines = path.read_bytes().splitlines(keepends=True)
    own, others = lines[: n_agents * N_RULES], lines[n_agents * N_RULES :]
    return b"".join([head, *own]), b"".join([head, *renumbered(own, others)])


@contextmanager
def _beside(folder: Path, request: Mapping[str, Any]) -> Iterator[Callable[[Any], dict[str, Any]]]:
    """Run a process of ``publishing_child`` within the block."""
    folder.mkdir()
    ready, over = folder / "ready", folder / "over"

    def end(told: Any) -> dict[str, Any]:
        (folder / "told").write_text(json.dumps(told), encoding="utf-8")
        (folder / "told").rename(over)
        return answer.result()

    asked = {**request, "ready": str(ready), "over": str(over)}
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(run_fresh, "benchmarks.publishing_child", asked, watch_memory=False)
        try:
            while not ready.exists() and not answer.done():
                time.sleep(LOOK_EVERY_S)
            yield end
        finally:
            over.touch()


def _imported(server: Server, sheet: bytes, version: int) -> dict[str, float]:
    """Import a sheet, and wait until agents all over it answer by that version."""
    with Client(server.port, server.token) as client:
        made = import_sheet(client, sheet)
        # In no order: their ids are random.
        watched = [item["id"] for item in client.ask("GET", f"/agents?limit={N_WATCHED}")["items"]]

    def seen(agent_id: str) -> float:
        said = json.dumps({"utterance": "is it there yet?"}).encode()
        with Client(server.port, server.token) as own:
            while time.perf_counter() - made.done_s < SEEN_TIMEOUT_S:
                status, body = own.send("POST", f"/agents/{agent_id}/route", said)
                at_s = time.perf_counter()
                if status == HTTPStatus.OK and json.loads(body)["data"]["version"] == version:
                    return at_s
                time.sleep(LOOK_EVERY_S)
        raise BenchmarkProcessError(f"version {version} is not to be seen")

    with ThreadPoolExecutor(len(watched)) as pool:
        visible_s = max(pool.map(seen, watched))
    return {**asdict(made), "visible_s": visible_s, "http_s": visible_s - made.uncommitted_s}


def _count_right(server: Server, agents: Sequence[str], version: int, seed: int) -> int:
    """Ask every agent; count those that answer by a version with its numbers."""
    franchise = franchise_columns(2 * len(agents), seed=seed)
    said = json.dumps({"utterance": "I have a question"}).encode()
    n_right = 0
    with Client(server.port, server.token) as client:
        for i, agent_id in enumerate(agents):
            status, body = client.send("POST", f"/agents/{agent_id}/route", said)
            decision = json.loads(body)["data"] if status == HTTPStatus.OK else {"version": None}
            n_right += decision["version"] == version and not wrong(
                decision, known_numbers(franchise, i, version)
            )
    return n_right


def broken(run: Mapping[str, Any], *, with_speed: bool) -> list[str]:
    """Return which claims do not hold on one database.

    Args:
        with_speed: also what depends on the machine having nothing else to do.
    """
    served, imports = run["served"], run["imports"]
    found = []
    if served["errors"]:
        found.append(f"{served['errors']:,} errors, the first {served['first_errors']}")
    if served["wrong"]:
        found.append(f"{served['wrong']:,} answers with a number that is not the agent's there")
    if run["unanswered"]:
        found.append(f"{run['unanswered']:,} agents do not answer by the last import")
    expected = [generation_of(version) for version in range(1, len(imports) + 1)]
    if run["catalogs"] != expected:
        found.append(f"another engine had catalogs of {run['catalogs']}, not of {expected}")
    if not with_speed:
        return found
    if served["not_routed"]:
        found.append(f"{served['not_routed']:,} answers not by the rules")
    for name, where in (("http_s", "over HTTP"), ("engine_s", "by another engine")):
        most_s = max(item[name] or float("inf") for item in imports)
        if most_s > LATEST_S:
            found.append(f"an import was answered {where} only after {most_s:.1f} s")
    most_s = max(served["waits"][name]["most_us"] for name in ("importing", "loading")) / 1e6
    if most_s > LONGEST_WAIT_S:
        found.append(f"an answer took {most_s:.1f} s during an import")
    return found


def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--agents", type=int, help="of the sheet (10,000)")
    parser.add_argument("--clients", type=int, default=16, help="concurrent clients (16)")
    parser.add_argument("--imports", type=int, help="while they ask (3)")


def _run(options: Namespace) -> Document:
    quick: bool = options.quick
    n_agents = options.agents or (100 if quick else 10_000)
    n_imports = options.imports or (1 if quick else 3)
    left_out = why_no_postgres()
    runs = {
        kind: measure(
            kind,
            encoder=options.encoder,
            n_agents=n_agents,
            n_clients=options.clients,
            n_imports=n_imports,
            quiet_s=1.0 if quick else 10.0,
            seed=options.seed,
        )
        for kind in databases()
    }
    problems = [
        f"{run['database']}: {problem}"
        for run in runs.values()
        for problem in broken(run, with_speed=not quick)
    ]
    if problems:
        raise ClaimError("; ".join(problems))
    (encoder,) = {run.pop("encoder") for run in runs.values()}
    parameters = {
        "quick": quick,
        "agents": n_agents,
        "rules": N_RULES,
        "clients": options.clients,
        "imports": n_imports,
    }
    meta = machine(seed=options.seed, encoder=encoder)
    return Document("publishing", meta, parameters, {"runs": runs, "left_out": left_out})


_TIMES = {"quiet": "before", "importing": "while importing", "loading": "while loading"}


def _table(document: Document) -> Table:
    runs, parameters = document.results["runs"], document.parameters

    def row(label: str, of: Callable[[dict[str, Any]], str]) -> list[str]:
        return [label, *(of(run) for run in runs.values())]

    def slowest(name: str, label: str) -> list[str]:
        return row(label, lambda run: number(max(item[name] for item in run["imports"]), 2))

    def waits(when: str, label: str) -> list[str]:
        def of(run: dict[str, Any]) -> str:
            found = run["served"]["waits"][when]
            return " / ".join(
                number(None if found[name] is None else found[name] / 1000, 0)
                for name in ("p50_us", "p99_us", "most_us")
            )

        return row(f"wait {label}, ms: p50 / p99 / longest", of)

    def silence(run: dict[str, Any]) -> str:
        found = run["served"]["waits"]
        return " / ".join(number(1000 * found[name]["silence_s"], 0) for name in _TIMES)

    rows = [
        slowest("http_s", "from commit to answers over HTTP, s, at most"),
        slowest("engine_s", "to those of an engine in another process, s, at most"),
        *(waits(name, label) for name, label in _TIMES.items()),
        row(f"without an answer to anybody, ms, at most: {' / '.join(_TIMES.values())}", silence),
        row("answers to clients", lambda run: f"{run['served']['answers']:,}"),
        *(
            row(label, lambda run, name=name: f"{run['served'][name]:,}")  # type: ignore[misc]
            for name, label in (
                ("errors", "errors"),
                ("wrong", "with the number of another agent, rule or version"),
                ("outdated", f"by a version replaced {VISIBLE_S:g} s before"),
            )
        ),
    ]
    import_s = [item["import_s"] for run in runs.values() for item in run["imports"]]
    shortest, longest = min(import_s), max(import_s)
    databases = " and ".join(run["database"] for run in runs.values())
    note = (
        f"{parameters['agents']:,} agents x {parameters['rules']} rules published by one import on "
        f"{databases}, then given other numbers by {parameters['imports']} more while "
        f"{parameters['clients']} callers ask all the time, all on the same machine. Loading is "
        "from the commit, which is taken to be when the import was last seen unfinished, until "
        f"both engines answer by it. The imports took {shortest:.0f} to {longest:.0f} s. "
        f"{setting(document.meta)}."
    )
    if document.results["left_out"]:
        note += f" Left out: {document.results['left_out']}."
    columns = ("what", *(DATABASES[kind] for kind in runs))
    return Table("Large imports under load", columns, rows, note)


def _plot(document: Document, path: Path) -> None:
    runs = document.results["runs"]
    figure, axes = new_plot(len(runs))
    for ax, (kind, run) in zip(axes, runs.items(), strict=True):
        seconds, p50, most = zip(*run["served"]["course"], strict=True)
        ax.plot(seconds, most, label="longest")
        ax.plot(seconds, p50, label="median")
        for k, (started_s, _, visible_s) in enumerate(run["marks"]):
            label = "import, until it is answered" if k == 0 else None
            ax.axvspan(started_s, visible_s, alpha=0.15, label=label)
        title = f"Waits while all agents change, {DATABASES[kind]}"
        ax.set(title=title, xlabel="s", ylabel="ms", ylim=(0, None))
        ax.grid(alpha=0.3)
        ax.legend()
    save_plot(figure, path)


BENCHMARK = Benchmark(
    name="publishing",
    summary="10,000 agents published by one import: in time everywhere, and no pause in routing",
    add_options=_add_options,
    run=_run,
    tables={"publishing": _table},
    plot=_plot,
)

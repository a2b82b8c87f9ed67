"""What HTTP adds to a decision, with many clients of one server during publishing."""

from __future__ import annotations

import json
import tempfile
import time
from argparse import ArgumentParser, Namespace
from http import HTTPStatus
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.benchmark import Benchmark, ClaimError, new_plot, save_plot
from benchmarks.generate import write_franchise_csv
from benchmarks.processes import run_fresh
from benchmarks.report import Document, Table, machine, number, setting
from benchmarks.served import Client, Server, agents_in_order, import_sheet, scratch_database
from benchmarks.serving_child import VISIBLE_S
from benchmarks.timing import percentiles_us

__all__ = ["BENCHMARK", "broken", "measure"]

N_RULES = 10
MOST_TIMES = 5.0
LOOK_EVERY_S = 0.1


def measure(
    *, encoder: str, n_agents: int, n_clients: int, n_publishes: int, seconds: float, seed: int
) -> dict[str, Any]:
    """Measure the latency of ``/route`` and of the engine alone, in turns.

    Args:
        encoder: as :func:`benchmarks.encoders.make_encoder` takes it.
        n_agents: each with eleven numbers that no other has.
        n_clients: that ask at a time; each again as soon as it has its answer.
        n_publishes: evenly over the time, each of another agent.
        seconds: of the server; the engine alone has a quarter before and a quarter after.
        seed: of agents, callers and publishes.
    """
    engine = {
        "who": "engine", "encoder": encoder, "n_locations": n_agents, "clients": n_clients,
        "seconds": seconds / 4, "seed": seed,
    }  # fmt: skip
    alone = [run_fresh("benchmarks.serving_child", {**engine, "part": 0}, watch_memory=False)]
    with (
        scratch_database("sqlite") as url,
        Server(url, {"encoder": encoder}) as server,
    ):
        server.start()
        agents = _import(server, n_agents, n_publishes, seed)
        clients = {
            "who": "clients", "port": server.port, "token": server.token, "agents": agents,
            "clients": n_clients, "publishes": n_publishes, "seconds": seconds, "seed": seed,
        }  # fmt: skip
        served = run_fresh("benchmarks.serving_child", clients, watch_memory=False)
        code = server.stop()
    if code != 0:
        raise ClaimError(f"the server ended with {code}:\n{server.said()}")
    alone.append(run_fresh("benchmarks.serving_child", {**engine, "part": 1}, watch_memory=False))
    own = np.concatenate([np.array(part["taken_ns"], np.int64) for part in alone])
    found = percentiles_us(own)
    del served["peak_tree_mb"]
    return {
        "encoder": alone[0]["encoder"],
        "served": served,
        "engine": {
            **found,
            "answers_per_s": sum(part["answers"] for part in alone) / (seconds / 2),
        },
        "times": served["p99_us"] / found["p99_us"],
    }


def _import(server: Server, n_agents: int, n_publishes: int, seed: int) -> list[str]:
    """Publish the agents by one sheet; return their ids in order."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        path = Path(folder, "sheet.csv")
        # Numbers of the locations behind the last agent are what publishes change to.
        write_franchise_csv(path, n_agents + n_publishes, n_rules=N_RULES, seed=seed)
        lines = path.read_bytes().splitlines(keepends=True)[: 1 + n_agents * N_RULES]
    with Client(server.port, server.token) as client:
        import_sheet(client, b"".join(lines))
        ids = agents_in_order(client)
        said = json.dumps({"utterance": "is it there yet?"}).encode()
        while client.send("POST", f"/agents/{ids[-1]}/route", said)[0] != HTTPStatus.OK:
            time.sleep(LOOK_EVERY_S)
    return ids


def broken(results: dict[str, Any], *, with_speed: bool) -> list[str]:
    """Return which claims do not hold.

    Args:
        with_speed: also what depends on the machine having nothing else to do.
    """
    served = results["served"]
    found = []
    if served["errors"]:
        found.append(f"{served['errors']:,} errors, the first {served['first_errors']}")
    if served["wrong"]:
        found.append(f"{served['wrong']:,} answers with a number that is not the agent's there")
    if not with_speed:
        return found
    if served["outdated"]:
        found.append(f"{served['outdated']:,} answers by a version replaced {VISIBLE_S:g} s before")
    if max(served["visible_s"], default=0.0) > VISIBLE_S:
        found.append(f"a version was seen only after {max(served['visible_s']):.1f} s")
    if results["times"] > MOST_TIMES:
        found.append(f"p99 is {results['times']:.1f} times that of the engine alone")
    return found


def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, help="how long (60)")
    parser.add_argument("--agents", type=int, help="how many (3,000)")
    parser.add_argument("--publishes", type=int, help="evenly over the time (100)")
    parser.add_argument("--clients", type=int, default=64, help="concurrent clients (64)")


def _run(options: Namespace) -> Document:
    quick: bool = options.quick
    seconds = options.seconds or (3.0 if quick else 60.0)
    n_agents = options.agents or (100 if quick else 3_000)
    n_publishes = options.publishes or (5 if quick else 100)
    results = measure(
        encoder=options.encoder,
        n_agents=n_agents,
        n_clients=options.clients,
        n_publishes=n_publishes,
        seconds=seconds,
        seed=options.seed,
    )
    problems = broken(results, with_speed=not quick)
    if problems:
        raise ClaimError("; ".join(problems))
    meta = machine(seed=options.seed, encoder=results.pop("encoder"))
    parameters = {
        "quick": quick,
        "seconds": seconds,
        "agents": n_agents,
        "rules": N_RULES,
        "clients": options.clients,
    }
    return Document("serving", meta, parameters, results)


def _table(document: Document) -> Table:
    results, parameters = document.results, document.parameters
    served, engine = results["served"], results["engine"]

    def line(name: str, run: dict[str, Any]) -> list[str]:
        return [
            name,
            number(run["answers_per_s"], 0),
            *(number(run[f"{p}_us"] / 1000, 1) for p in ("p50", "p95", "p99")),
        ]

    rows = [line("`POST …/route` over HTTP", served), line("`aroute`, no HTTP", engine)]
    visible = sorted(served["visible_s"])
    note = (
        f"{parameters['clients']} concurrent callers each, {parameters['agents']:,} agents x "
        f"{parameters['rules']} rules, one worker, its clients on the same machine. p99 over HTTP "
        f"is {results['times']:.1f} times that of the engine alone. Of {served['answers']:,} "
        f"answers in {parameters['seconds']:g} s, errors: {served['errors']}; with a number that "
        f"is not the agent's, for that rule and version: {served['wrong']}. Meanwhile "
        f"{served['publishes']} publishes, each answered by "
        f"{number(1000 * visible[len(visible) // 2], 0)} ms later (at most "
        f"{number(1000 * visible[-1], 0)} ms). {setting(document.meta)}."
    )
    columns = ("way", "answers/s", "p50, ms", "p95, ms", "p99, ms")
    return Table("The server under load", columns, rows, note)


def _plot(document: Document, path: Path) -> None:
    figure, (ax,) = new_plot()
    for name, label in (("served", "POST /route over HTTP"), ("engine", "aroute, no HTTP")):
        curve = document.results[name]["curve_us"]
        ax.plot([float(p) for p in curve], [us / 1000 for us in curve.values()], label=label)
    ax.set(title="Latency", xlabel="percentile", ylabel="ms", ylim=(0, None))
    ax.grid(alpha=0.3)
    ax.legend()
    save_plot(figure, path)


BENCHMARK = Benchmark(
    name="serving",
    summary="64 clients of the server while agents are published, beside the engine alone",
    add_options=_add_options,
    run=_run,
    tables={"serving": _table},
    plot=_plot,
)

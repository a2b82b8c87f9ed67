"""A plain install at work: ``python smoke.py franchise.csv``, far from the sources.

Says what it checked, and fails at the first thing that is wrong.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import routing_engine
from routing_engine import Outcome, RoutingEngine

NEED_AN_EXTRA = (
    *("routing_engine.store", "routing_engine.server", "routing_engine.training"),
    *("routing_engine.gateways.mcp", "routing_engine.gateways.twilio"),
)
NOT_IN_A_PLAIN_INSTALL = (
    *("torch", "transformers", "sentence_transformers", "onnx", "matplotlib"),
    *("fastapi", "sqlalchemy", "lingua", "pytest"),
)


def check(what: str, *, holds: bool) -> None:
    """Say that something holds, or stop."""
    if not holds:
        sys.exit(f"FAILED: {what}")
    print(f"ok: {what}")


def command(*arguments: str) -> str:
    """What the installed command prints."""
    program = Path(sys.executable).with_name("routing-engine")
    done = subprocess.run(
        [program, *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode:
        sys.exit(f"FAILED: routing-engine {' '.join(arguments)}\n{done.stderr}")
    return done.stdout


def import_everything() -> None:
    """Import each module that no extra is needed for: what it needs must be declared."""
    for found in pkgutil.walk_packages(
        routing_engine.__path__,
        "routing_engine.",
        onerror=lambda name: None if name in NEED_AN_EXTRA else sys.exit(f"FAILED: {name}"),
    ):
        if not found.name.startswith(NEED_AN_EXTRA) and not found.name.endswith("__main__"):
            importlib.import_module(found.name)


def main(sheet: str) -> None:
    """Check the installed package with a routing sheet."""
    package = Path(routing_engine.__file__).resolve()
    check(
        f"the package is the installed one ({package.parent})",
        holds="site-packages" in package.parts,
    )
    there = [name for name in NOT_IN_A_PLAIN_INSTALL if importlib.util.find_spec(name)]
    check(f"no extra is installed {there or ''}", holds=not there)
    check(
        "each public name can be imported",
        holds=all(hasattr(routing_engine, name) for name in routing_engine.__all__),
    )
    import_everything()
    check("each module without an extra can be imported", holds=True)

    started_s = time.monotonic()
    engine = RoutingEngine.from_csv(sheet)
    decision = engine.route(
        "store-0042", "hi, there's a charge here I don't recognise", verified=True
    )
    check(
        f"a caller is routed, {time.monotonic() - started_s:.1f} s after opening the sheet: "
        f"{decision.outcome.value} to {decision.rule and decision.rule.label}",
        holds=decision.outcome is Outcome.TRANSFER
        and decision.rule is not None
        and decision.rule.label == "Billing",
    )
    check(
        "the version is that of the package",
        holds=version("routing-engine") in command("--version"),
    )
    check("the demo runs", holds="Billing" in command("demo", "--sheet", sheet))


if __name__ == "__main__":
    main(sys.argv[1])

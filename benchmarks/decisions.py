"""Print every decision on labelled cases and conversations, to compare two versions.

``python -m benchmarks.decisions --out before.txt CASES…`` before a change,
``python -m benchmarks.decisions --out after.txt --against before.txt CASES…`` after it: exit
code 1 where a decision differs. Works on the public names alone, so that it runs on any version.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from routing_engine import ContextRule, Decision, Location, RoutingEngine

__all__ = ["main"]

N_DIFFERENCES_SHOWN = 20


def _locations(cases: Sequence[dict[str, Any]], *, with_examples: bool) -> list[Location]:
    """Build the locations of a case file; each rule and each default has its own destination."""
    users = iter(range(10**9))

    def rule(given: dict[str, Any]) -> ContextRule:
        examples = given.get("examples", ()) if with_examples else ()
        return ContextRule(
            **{key: given[key] for key in ("label", "when")},
            examples=tuple(examples),
            destination=f"sip:{next(users)}@cases.example",
        )

    return [
        Location(
            location_id=case["location_id"],
            default_destination=f"sip:{next(users)}@cases.example",
            rules=[rule(given) for given in case["rules"]],
        )
        for case in cases
    ]


def _line(where: str, decision: Decision) -> str:
    rule = None if decision.rule is None else decision.rule.label
    ranked = " ".join(
        f"{c.label}={c.confidence:.6f}/{c.similarity:.6f}" for c in decision.candidates
    )
    return (
        f"{where}\t{decision.outcome}\t{decision.reason}\t{rule}\t{decision.destination}"
        f"\t{decision.confidence:.6f}\t{decision.threshold}\t{decision.question}\t{ranked}"
    )


def _lines(path: Path) -> Iterator[str]:
    cases = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
    for with_examples in (False, True):
        engine = RoutingEngine(_locations(cases, with_examples=with_examples))
        name = f"{path.stem}{'+examples' if with_examples else ''}"
        queries = [
            (case["location_id"], query["text"]) for case in cases for query in case["queries"]
        ]
        for number, decision in enumerate(engine.route_many(queries)):
            yield _line(f"{name} query {number}", decision)
        for case in cases:
            for number, conversation in enumerate(case.get("conversations", ())):
                call = engine.open_call(case["location_id"])
                for turn in conversation["turns"]:
                    if turn["speaker"] == "agent":
                        call.agent_said(turn["text"])
                    else:
                        yield _line(
                            f"{name} {case['location_id']} conversation {number}",
                            call.hear(turn["text"]),
                        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
        0; 1 where a decision differs from the file compared against.
    """
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.decisions",
        description=__doc__.partition("\n")[0] if __doc__ else "",
    )
    parser.add_argument("cases", nargs="+", type=Path, help="files of labelled cases")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    parser.add_argument("--against", type=Path, metavar="FILE", help="lines of an earlier version")
    options = parser.parse_args(arguments)
    lines = [line for path in options.cases for line in _lines(path)]
    options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    if options.against is None:
        print(f"{len(lines):,} decisions written to {options.out}")
        return 0
    before = options.against.read_text(encoding="utf-8").splitlines()
    differ = [pair for pair in zip(before, lines, strict=False) if pair[0] != pair[1]]
    for old, new in differ[:N_DIFFERENCES_SHOWN]:
        print(f"- {old}\n+ {new}")
    print(
        f"{len(lines):,} decisions, {len(differ):,} differ"
        + (f"; {len(before):,} before" if len(before) != len(lines) else "")
    )
    return int(bool(differ) or len(before) != len(lines))


if __name__ == "__main__":
    sys.exit(main())

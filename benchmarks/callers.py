"""The corpus of callers as labelled cases, for every benchmark that reads such files.

``python -m benchmarks.callers data/callers --split dev --out dev.jsonl``
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from routing_engine.training.corpus import Business, read_corpus

__all__ = ["case_of", "main"]

STYLES = ("terse", "full", "keywords", "clumsy")
"""How a description is worded, in the order of the corpus."""
N_EXAMPLES = 5


def case_of(business: Business, style: int, *, seed: int = 0) -> dict[str, Any]:
    """One business as a labelled case.

    Five utterances of each situation, drawn by the seed, are the rule's examples; the others are
    queries. What no rule covers is ``near``, routine is ``oos``.

    Args:
        business: of the corpus.
        style: which wording of the descriptions, an index of :data:`STYLES`.
        seed: of the draw.
    """
    rng = random.Random(f"{seed}:{business.name}")
    rules: list[dict[str, Any]] = []
    queries: list[dict[str, Any]] = []
    for situation in business.situations:
        drawn = rng.sample(situation.utterances, len(situation.utterances))
        rules.append(
            {
                "label": situation.label,
                "when": situation.whens[min(style, len(situation.whens) - 1)],
                "examples": drawn[:N_EXAMPLES],
            }
        )
        queries += [
            {"text": text, "label": situation.label, "kind": "in"} for text in drawn[N_EXAMPLES:]
        ]
    queries += [{"text": text, "label": None, "kind": "near"} for text in business.uncovered]
    queries += [{"text": text, "label": None, "kind": "oos"} for text in business.routine]
    return {"location_id": f"{business.name}/{STYLES[style]}", "rules": rules, "queries": queries}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.callers")
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--split", choices=("train", "dev", "test"), required=True)
    parser.add_argument("--style", choices=STYLES, help="one wording of the descriptions (all)")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    options = parser.parse_args(arguments)
    styles = range(len(STYLES)) if options.style is None else [STYLES.index(options.style)]
    cases = [
        case_of(business, style)
        for business in read_corpus(options.corpus, options.split)
        for style in styles
    ]
    options.out.write_text(
        "".join(json.dumps(case, ensure_ascii=False) + "\n" for case in cases), encoding="utf-8"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Load the language models in a fresh process, and report the cost."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.processes import rss_mb
from routing_engine import RuleText
from routing_engine.matching.identification import identifier_for


def main() -> None:
    before_mb, before_s = rss_mb(), time.perf_counter()
    identifier_for([RuleText(label="Speakers", when="caller prefers it", languages=("es",))])
    answer: dict[str, Any] = {"load_s": time.perf_counter() - before_s, "load_mb": None}
    after_mb = rss_mb()
    if before_mb is not None and after_mb is not None:
        answer["load_mb"] = after_mb - before_mb
    Path(sys.argv[2]).write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    main()

"""The process whose memory ``scale`` measures: it loads a snapshot and routes."""

from __future__ import annotations

import json
import random
import sys
import time
from pathlib import Path
from typing import Any

__all__: list[str] = []


def _serve(request: dict[str, Any]) -> dict[str, Any]:
    from benchmarks.generate import utterances
    from benchmarks.processes import peak_rss_mb, rss_mb
    from routing_engine import RoutingEngine
    from routing_engine.encoders import default_encoder

    n_routes: int = request["n_routes"]
    if request["encoder"] == "default":
        encoder = default_encoder()
    else:
        from benchmarks.encoders import make_encoder

        encoder = make_encoder(request["encoder"])
    before_s = time.perf_counter()
    engine = RoutingEngine.load(request["snapshot"], encoder=encoder)
    load_s = time.perf_counter() - before_s
    loaded_mb = rss_mb()
    chance = random.Random(f"scale {request['seed']}")
    said = utterances(min(n_routes, 10_000), seed=request["seed"])
    ids = engine.columns.ids
    for k in range(n_routes):
        engine.route(ids[chance.randrange(len(engine))], said[k % len(said)])
    return {
        "load_s": load_s,
        "loaded_mb": loaded_mb,
        "resident_mb": rss_mb(),
        "serving_peak_mb": peak_rss_mb(),
    }


def _main(asked: str, answered: str) -> None:
    answer = _serve(json.loads(Path(asked).read_text(encoding="utf-8")))
    Path(answered).write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2])

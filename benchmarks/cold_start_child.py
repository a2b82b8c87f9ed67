"""The process that ``cold-start`` measures, from start to first decision."""

from __future__ import annotations

import time

_STARTED_S = time.time()  # the clock of the process that started this one, too

import json  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

__all__: list[str] = []


def _first_decision(request: dict[str, Any]) -> dict[str, Any]:
    """Time each part up to the first decision, in seconds."""
    at_s = [request["started_s"], _STARTED_S]
    import routing_engine

    at_s.append(time.time())
    if request["encoder"] == "default":
        import onnxruntime  # noqa: F401
        import tokenizers  # noqa: F401

        at_s.append(time.time())
        from routing_engine.encoders import default_encoder

        encoder = default_encoder()
    else:
        at_s.append(time.time())
        from benchmarks.encoders import make_encoder

        encoder = make_encoder(request["encoder"])
    at_s.append(time.time())
    engine = routing_engine.RoutingEngine.load(request["snapshot"], encoder=encoder)
    at_s.append(time.time())
    decision = engine.route(request["location_id"], request["utterance"])
    at_s.append(time.time())
    return {
        "at_s": at_s,
        "reason": decision.reason.value,
        "heavy": [name for name in request["heavy"] if name in sys.modules],
    }


def _main(asked: str, answered: str) -> None:
    answer = _first_decision(json.loads(Path(asked).read_text(encoding="utf-8")))
    Path(answered).write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2])

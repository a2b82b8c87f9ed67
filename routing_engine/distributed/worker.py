"""Route blocks for another process: ``python -m routing_engine.distributed.worker``.

The first line of stdin is the job, as JSON. Each further line is the number of a block, and is
answered by a line of JSON on stdout: ``{"rows": …}``, or ``{"error": …, "message": …}``.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from routing_engine.distributed.blocks import BlockRouter, Job

__all__: list[str] = []


def main() -> None:
    """Answer requests until stdin ends."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)  # what libraries print must not get between the answers
        router: BlockRouter | None = None
        job = Job.of(json.loads(sys.stdin.readline()))
        for line in sys.stdin:
            try:
                if router is None:
                    router = BlockRouter(job)
                answer: dict[str, Any] = {"rows": router.route(int(line))}
            except Exception as error:  # noqa: BLE001  told to the process that asked
                answer = {"error": type(error).__name__, "message": str(error)}
            answers.write(json.dumps(answer) + "\n")
            answers.flush()


if __name__ == "__main__":
    main()

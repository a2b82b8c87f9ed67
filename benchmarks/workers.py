"""Long-running processes that answer requests, so that contenders can take turns.

A worker's module calls :func:`serve`. Requests and answers are a line of JSON each; whatever else
the worker prints goes to its stderr.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import IO, Any, Self

from benchmarks.processes import BenchmarkProcessError
from benchmarks.report import ROOT

__all__ = ["Worker", "serve"]


class Worker:
    """A process that runs a module and answers :meth:`ask`. A context manager.

    Args:
        module: calls :func:`serve`.
    """

    def __init__(self, module: str) -> None:
        self._module = module
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  closed by close()
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            encoding="utf-8",
        )

    def ask(self, step: str, **request: Any) -> dict[str, Any]:
        """Send a request; return the answer.

        Raises:
            BenchmarkProcessError: it died; the message holds the end of its stderr.
        """
        pipes = self._process.stdin, self._process.stdout
        assert pipes[0] is not None
        assert pipes[1] is not None
        try:
            pipes[0].write(json.dumps({"step": step, **request}) + "\n")
            pipes[0].flush()
            line = pipes[1].readline()
        except BrokenPipeError:
            line = ""
        if not line:
            code = self._process.wait()
            self._errors.seek(0)
            tail = self._errors.read().decode("utf-8", "replace")[-2000:]
            raise BenchmarkProcessError(f"python -m {self._module} exited with {code}:\n{tail}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """Stop the process."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def serve(steps: Mapping[str, Callable[..., dict[str, Any]]]) -> None:
    """Answer requests from stdin until it ends.

    Args:
        steps: name -> what answers requests of that name, given the rest of the request.
    """
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)  # what libraries print must not get between the answers
        for line in sys.stdin:
            request = json.loads(line)
            answer = steps[request.pop("step")](**request)
            answers.write(json.dumps(answer) + "\n")
            answers.flush()

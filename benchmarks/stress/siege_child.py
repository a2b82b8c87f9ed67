"""Callers that are routed again and again while something goes wrong, for :mod:`.siege`."""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks.served import Client, LostError

__all__: list[str] = []

TIMEOUT_S = 30.0
TURNS = 5
"""Of a live call."""


def _call(request: dict[str, Any], agent: dict[str, str], answers: list[Any], until: Path) -> None:
    """One caller: asks, waits for the answer, pauses; connects again where that was lost."""
    body = json.dumps({"utterance": "I was charged twice"}).encode()
    headers = {
        "Authorization": f"Bearer {request['token']}",
        "Content-Type": "application/json",
    }
    path = f"/api/v1/agents/{agent['id']}/route"
    connection = None
    while not until.exists():
        began_s = time.perf_counter()
        status, right = 0, True
        try:
            if connection is None:
                connection = http.client.HTTPConnection(
                    "127.0.0.1", request["port"], timeout=TIMEOUT_S
                )
            connection.request("POST", path, body, headers)
            response = connection.getresponse()
            status, text = response.status, response.read()
            if status == http.HTTPStatus.OK:
                right = json.loads(text)["data"]["destination"] == agent["destination"]
        except (OSError, http.client.HTTPException):
            if connection is not None:
                connection.close()
            connection = None
        answers.append((time.perf_counter() - began_s, status, right))
        time.sleep(request["pause_s"])


def _talk(request: dict[str, Any], agent: dict[str, str], answers: list[Any], until: Path) -> None:
    """One live call after the other, turn by turn: each of them is written."""
    said = {"text": "I was charged twice"}
    with Client(request["port"], request["token"]) as client:
        while not until.exists():
            path = f"/agents/{agent['id']}/calls"
            for _ in range(TURNS + 1):
                began_s = time.perf_counter()
                try:
                    sent = said if path.endswith("/turns") else {}
                    status, body = client.send("POST", path, json.dumps(sent).encode())
                except LostError:
                    status, body = 0, b""
                answers.append((time.perf_counter() - began_s, status))
                if status == http.HTTPStatus.CREATED:
                    path = f"/calls/{json.loads(body)['data']['callId']}/turns"
                time.sleep(request["pause_s"])
                if status not in (http.HTTPStatus.CREATED, http.HTTPStatus.OK):
                    break


def main() -> None:
    """Call until the file ``until`` is there; then say how it went."""
    request = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    until = Path(request["until"])
    answers: list[list[Any]] = [[] for _ in range(request["callers"])]
    threads = [
        threading.Thread(
            target=_call,
            args=(request, request["agents"][i % len(request["agents"])], found, until),
        )
        for i, found in enumerate(answers)
    ]
    talks: list[list[Any]] = [[] for _ in range(request["talks"])]
    threads += [
        threading.Thread(target=_talk, args=(request, request["agents"][i], found, until))
        for i, found in enumerate(talks)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    every = [answer for found in answers for answer in found]
    turns = [answer for found in talks for answer in found]
    took_s = sorted(seconds for seconds, _, _ in every)
    answer = {
        "asked": len(every),
        "answered": sum(status == http.HTTPStatus.OK for _, status, _ in every),
        "in_time": sum(
            status == http.HTTPStatus.OK and seconds <= request["in_time_s"]
            for seconds, status, _ in every
        ),
        "wrong": sum(not right for _, _, right in every),
        "statuses": {
            str(kind): sum(status == kind for _, status, _ in every)
            for kind in sorted({status for _, status, _ in every})
        },
        "longest_s": took_s[-1],
        "p99_s": took_s[int(0.99 * (len(took_s) - 1))],
        "turns": len(turns),
        "turns_refused": sum(status >= http.HTTPStatus.BAD_REQUEST for _, status in turns),
        "turn_longest_s": max((seconds for seconds, _ in turns), default=0.0),
    }
    Path(sys.argv[2]).write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    main()

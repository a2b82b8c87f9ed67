"""Parse phone numbers for another process: ``python -m routing_engine.sheets.phone_worker``."""

from __future__ import annotations

import sys

from routing_engine.sheets.phones import answer_request

__all__: list[str] = []


def main() -> None:
    """Answer one request, from standard input to standard output."""
    sys.stdout.buffer.write(answer_request(iter(sys.stdin.buffer)))


if __name__ == "__main__":
    main()

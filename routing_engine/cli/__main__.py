"""``python -m routing_engine.cli``."""

from __future__ import annotations

from routing_engine.cli.commands import main

if __name__ == "__main__":
    main()

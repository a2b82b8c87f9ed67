"""Programs that break things: kills, hostile requests, long runs."""

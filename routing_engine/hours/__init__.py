"""Business hours: how they are written, and when a location is open."""

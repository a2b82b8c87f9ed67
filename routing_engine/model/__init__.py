"""The domain's values: rules, locations, destinations, callers, decisions."""

"""Fit the packaged scoring parameters."""

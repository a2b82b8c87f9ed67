"""Fits the shipped scoring parameters."""

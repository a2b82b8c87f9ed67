"""The wire format: JSON in camelCase, unknown fields refused, numbers normalised to E.164."""

from __future__ import annotations

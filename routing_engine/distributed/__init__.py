"""Bulk: route whole files or Ray data sets of calls, in processes of this machine or on a cluster."""

from __future__ import annotations

from routing_engine.distributed.batch import route_files
from routing_engine.distributed.cluster import route
from routing_engine.distributed.output import BatchSummary
from routing_engine.distributed.progress import Progress

__all__ = ["BatchSummary", "Progress", "route", "route_files"]

"""Dagster on one machine: its processes, and what its records have to be told from outside of runs."""

from vbn_assets.serving.server import DagsterServer, require_startable

__all__ = ["DagsterServer", "require_startable"]

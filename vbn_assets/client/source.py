"""What a session object reads from: the lake's tables of one file, and what only the release knows about the session.

The project caches make it, the session objects use it. How a file comes into the lake is for `project_cache`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from vbn_assets.releases.manifest import Release
from vbn_assets.warehouse.lake import Lake, Record


@dataclass(frozen=True)
class ProbeFacts:
    """What a release's probes.csv says of a probe's LFP, and its session file does not."""

    has_lfp_data: bool
    lfp_sampling_rate: float
    """Hz; before release 0.5.0 that of the raw LFP band."""


def _no_probes() -> Mapping[int, ProbeFacts]:
    return {}


def _no_lfp(probe_id: int) -> Record:
    raise KeyError(probe_id)


@dataclass(frozen=True)
class SessionSource:
    """One session file in the lake, whose tables are all there and sound."""

    lake: Lake
    record: Record
    """Of the session's file; for the behaviour half of an ecephys session, of the ecephys session's file."""
    release: Release | None
    """None for a file that no known release has."""
    probe_facts: Callable[[], Mapping[int, ProbeFacts]] = field(default=_no_probes, repr=False)
    """The probes of the session for which the release publishes LFP, by id."""
    lfp_record: Callable[[int], Record] = field(default=_no_lfp, repr=False)
    """The record of a probe's LFP file, fetched and read into the lake if it is not there.

    `KeyError` for a probe without LFP, i.e. one that is not in `probe_facts`.
    """

"""AllenSDK's `VisualBehaviorNeuropixelsProjectCache`: the five tables of a release, and its two kinds of session."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from vbn_assets.client.lookup import row_of
from vbn_assets.client.metadata_frames import metadata_frame
from vbn_assets.client.project_cache import ProjectCache, data_file
from vbn_assets.client.source import ProbeFacts, SessionSource
from vbn_assets.projects import VBN
from vbn_assets.releases.manifest import ReleaseFile
from vbn_assets.warehouse.lake import Record

if TYPE_CHECKING:
    import pandas as pd

    from vbn_assets.client.ecephys_session import BehaviorEcephysSession

_INTEGERS = frozenset(
    {"prior_exposures_to_image_set", "ecephys_session_id", "unit_count", "probe_count", "channel_count"}
)
"""What AllenSDK casts to Int64 in its two tables of sessions, and in no other."""


class VisualBehaviorNeuropixelsProjectCache(ProjectCache):
    """The Visual Behavior Neuropixels releases in one folder; see `ProjectCache` for what differs from AllenSDK.

    Tables have the CSV's columns, in its order, for every row of the release; sessions are read from the lake.
    """

    PROJECT = VBN
    PROJECT_NAME = VBN.s3_name
    BUCKET_NAME = VBN.bucket

    def get_ecephys_session_table(self, filter_abnormalities: bool = True) -> pd.DataFrame:
        """Every ecephys session by `ecephys_session_id`, from ecephys_sessions.csv; text and lists as they stand there.

        Without those whose `abnormal_histology` or `abnormal_activity` is not null, unless `filter_abnormalities` is
        false. A release without these columns, for which AllenSDK raises AttributeError, has no abnormal ones.
        """
        sessions = self._frame("ecephys_sessions", "ecephys_session_id", _INTEGERS)
        if filter_abnormalities:
            abnormal = sessions.reindex(columns=["abnormal_histology", "abnormal_activity"])
            sessions = sessions[abnormal.isna().all(axis=1)]
        return sessions

    def get_behavior_session_table(self) -> pd.DataFrame:
        """Every behavior session by `behavior_session_id`, training included, from behavior_sessions.csv."""
        return self._frame("behavior_sessions", "behavior_session_id", _INTEGERS)

    def get_probe_table(self) -> pd.DataFrame:
        """Every probe by `ecephys_probe_id`, from probes.csv."""
        return self._frame("probes", "ecephys_probe_id")

    def get_channel_table(self) -> pd.DataFrame:
        """Every channel by `ecephys_channel_id`, from channels.csv. Positions in µm."""
        return self._frame("channels", "ecephys_channel_id")

    def get_unit_table(self) -> pd.DataFrame:
        """Every unit by `unit_id`, with its quality metrics and its channel's place, from units.csv."""
        return self._frame("units", "unit_id")

    def get_ecephys_session(self, ecephys_session_id: int) -> BehaviorEcephysSession:
        """One ecephys session, abnormal ones too; its file is fetched and read if it is not held, which takes a while.

        Raises `RuntimeError` for an id that is not in the table, and the errors of `Mirror.fetch` and `extract_file`.
        """
        from vbn_assets.client.ecephys_session import BehaviorEcephysSession

        return BehaviorEcephysSession(self._with_probes(self._source(self._ecephys_file(ecephys_session_id))))

    def get_ecephys_session_url(self, ecephys_session_id: int) -> str:
        """Where the file of an ecephys session can be downloaded."""
        return self._url(self._ecephys_file(ecephys_session_id))

    def get_probe_lfp_url(self, ecephys_probe_id: int) -> str:
        """Where the LFP file of a probe can be downloaded. `ValueError` if it has none."""
        probe = row_of(self._table(self._release, "probes"), "ecephys_probe_id", ecephys_probe_id, "probe_table")
        return self._url(data_file(self._release, probe.get("file_id"), f"probe {ecephys_probe_id}"))

    def _frame(self, table: str, index: str, integers: frozenset[str] = frozenset()) -> pd.DataFrame:
        return metadata_frame(self._table(self._release, table), index, integers)

    def _ecephys_file(self, id: object) -> ReleaseFile:
        session = row_of(
            self._table(self._release, "ecephys_sessions"), "ecephys_session_id", id, "ecephys_session_table"
        )
        return data_file(self._release, session["file_id"], f"ecephys session {id}")

    def _behavior_file(self, id: object) -> ReleaseFile:
        """Its own, or its ecephys session's; before 0.4.0 only that, where AllenSDK raises KeyError."""
        sessions = self._table(self._release, "behavior_sessions")
        session = row_of(sessions, "behavior_session_id", id, "behavior_session_table")
        file_id = session.get("file_id")
        if file_id is None or file_id < 0:
            return self._ecephys_file(session["ecephys_session_id"])
        return data_file(self._release, file_id, f"behavior session {id}")

    def _with_probes(self, source: SessionSource) -> SessionSource:
        """What probes.csv says of the session's probes, and their LFP when it is asked for."""
        release, session = self._release, source.record.source.ids["ecephys_session_id"]

        def probes() -> dict[int, Mapping[str, Any]]:
            table = self._table(release, "probes")
            rows = table.filter(pc.equal(table["ecephys_session_id"], session)).to_pylist()
            return {row["ecephys_probe_id"]: row for row in rows if _has_lfp(row)}

        def facts() -> dict[int, ProbeFacts]:
            return {id: _facts(probe) for id, probe in probes().items()}

        def lfp(probe_id: int) -> Record:
            return self._held(data_file(release, probes()[probe_id]["file_id"], f"probe {probe_id}"))

        return replace(source, probe_facts=facts, lfp_record=lfp)


def _has_lfp(probe: Mapping[str, Any]) -> bool:
    """Whether the release has the probe's LFP; before 0.4.0 there was no column for its file, and no file."""
    return bool(probe["has_lfp_data"]) and probe.get("file_id") is not None


def _facts(probe: Mapping[str, Any]) -> ProbeFacts:
    rate = probe["lfp_sampling_rate"]
    return ProbeFacts(has_lfp_data=True, lfp_sampling_rate=math.nan if rate is None else rate)

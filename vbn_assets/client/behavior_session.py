"""AllenSDK's `BehaviorSession` over the lake: what a mouse saw and did. The same for every project."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from typing import Any, ClassVar, Self
from uuid import UUID

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from vbn_assets.client.caller import warn
from vbn_assets.client.frames import in_file_order, read_rows, to_frame, with_truth_values
from vbn_assets.client.rig_geometry import Coordinates
from vbn_assets.client.source import SessionSource
from vbn_assets.client.stimulus_templates import read_stimulus_templates
from vbn_assets.errors import NwbError
from vbn_assets.tables import Entity
from vbn_assets.tables.task import PERFORMANCE_METRICS

_FIRST_COLUMNS = (
    "stimulus_block",
    "stimulus_block_name",
    "image_index",
    "image_name",
    "movie_frame_index",
    "duration",
    "start_time",
    "end_time",
    "start_frame",
    "end_frame",
    "is_change",
    "is_image_novel",
    "omitted",
    "movie_repeat",
    "flashes_since_change",
    "trials_id",
)
"""Of the presentations, in AllenSDK's order. It leaves the order of the others to chance; here it is the file's."""

_AS_IN_FILE = frozenset({"trials", "optotagging_table"})
"""Tables that AllenSDK leaves in the order of the file's columns."""
_COMPUTED = "_in_behavior_session"
"""Ends the names of columns that a behavior session shows in place of those without it."""


class BehaviorSession:
    """One behavior session, or the behavior half of an ecephys or ophys session, as AllenSDK 2.16.2 shows it.

    Everything is read from the lake when it is first asked for, and kept. Frames are copies: changing one changes
    nothing here. Arrays inside frames are read-only. Times are seconds on the session's clock.
    """

    _CHANGES_AS_STORED: ClassVar = False
    """Whether presentations have the file's `is_change` and `flashes_since_change`, and not the computed ones."""
    _NO_DATA: ClassVar = frozenset({"from_nwb_path", "list_data_attributes_and_methods"})
    _NEEDED_TABLE: ClassVar = "trials"
    """What only files have that such an object can be about."""
    _PROJECT: ClassVar = "vbn"
    """What a file is of, if nobody says."""
    _ENTITY: ClassVar = Entity.BEHAVIOR_SESSION
    """Whose id the object is called by."""

    def __init__(self, source: SessionSource) -> None:
        """The session of a file in the lake; use the project caches, or `from_nwb_path`."""
        self._source = source
        self._frames: dict[str, pd.DataFrame] = {}

    @classmethod
    def from_nwb_path(cls, nwb_path: str | Path, *, project: str | None = None) -> Self:
        """The session of an NWB file on disk, wherever it is from; nothing is known of LFP then, as in AllenSDK.

        Its tables are made in the lake of `VBN_DATA_DIR`; of a file whose tables are there it is hashed only, about a
        second a GB. `project` says whose behavior session it is: `vbo`, or else `vbn`. Raises `NwbError` for a file
        that cannot be read, or not as a session of this class.
        """
        from vbn_assets.pipeline import Workspace, extract_unreleased, require_sound
        from vbn_assets.projects import project_named
        from vbn_assets.settings import Settings

        workspace = Workspace(Settings.from_environment(), project_named(project or cls._PROJECT))
        record = require_sound(extract_unreleased(workspace, Path(nwb_path)))
        if cls._NEEDED_TABLE not in record.tables:
            raise NwbError(
                f"is no file for {cls.__name__}",
                file=Path(nwb_path).name,
                expected=f"a file with {cls._NEEDED_TABLE}",
                found=f"a {record.source.kind} file",
            )
        return cls(SessionSource(workspace.lake, record, None))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._source.record.source.ids[self._ENTITY]})"

    def list_data_attributes_and_methods(self) -> list[str]:
        """The names of what gives data."""
        return [name for name in dir(self) if not name.startswith("_") and name not in self._NO_DATA]

    @property
    def behavior_session_id(self) -> int:
        """The behavior session. Source: /general/metadata@behavior_session_id."""
        return self._source.record.source.ids[Entity.BEHAVIOR_SESSION]

    @property
    def metadata(self) -> dict[str, Any]:
        """14 facts about session and mouse: `date_of_acquisition` is an aware datetime, `behavior_session_uuid` a UUID.

        `driver_line` is a list of names; it, `reporter_line` and `cre_line` are None in wild types. Source:
        /general/metadata, /general/subject, /session_start_time.
        """
        (row,) = self._rows("session_metadata").to_pylist()
        if row["cre_line"] is None:
            warn("Unable to parse cre_line from full_genotype")
        row["date_of_acquisition"] = row["date_of_acquisition"].astimezone(UTC)
        row["behavior_session_uuid"] = row["behavior_session_uuid"] and UUID(row["behavior_session_uuid"])
        return {**row, "behavior_session_id": self.behavior_session_id}

    @property
    def task_parameters(self) -> dict[str, Any]:
        """13 parameters of the change detection task; times in s, volumes in mL. Source: /general/task_parameters.

        `omitted_flash_fraction` and `stimulus_duration_sec` are NaN where they mean nothing.
        """
        rows = self._rows("task_parameters")
        (row,) = rows.to_pylist()
        unknown = {field.name for field in rows.schema if pa.types.is_floating(field.type) and row[field.name] is None}
        return {**row, **dict.fromkeys(unknown, np.nan)}

    @property
    def stimulus_timestamps(self) -> NDArray[np.float64]:
        """When each frame of the monitor was drawn, s, float64. Source: /processing/stimulus/timestamps."""
        times: NDArray[np.float64] = self._rows("stimulus_timestamps")["timestamps"].to_numpy().copy()
        return times

    @property
    def licks(self) -> pd.DataFrame:
        """`timestamps` (s, float64) and `frame` (int64) of each lick; without rows where the file has no licks.

        Source: /processing/licking/licks.
        """
        return _floats_if_empty(self._frame("licks"))

    @property
    def rewards(self) -> pd.DataFrame:
        """`volume` (mL), `timestamps` (s) and `auto_rewarded` (bool) of each reward. Source: /processing/rewards."""
        return _floats_if_empty(self._frame("rewards"))

    @property
    def running_speed(self) -> pd.DataFrame:
        """`timestamps` (s) and `speed` (cm/s, float64), low-pass filtered. Source: /processing/running/speed.

        Negated where the mean is below -1 cm/s, as AllenSDK does.
        """
        return self._frame("running_speed")

    @property
    def raw_running_speed(self) -> pd.DataFrame:
        """`timestamps` (s) and `speed` (cm/s, float64), not filtered. Source: /processing/running/speed_unfiltered."""
        return self._frame("raw_running_speed")

    @property
    def eye_tracking(self) -> pd.DataFrame:
        """23 columns by camera `frame`, in camera pixels; no rows where the file, as of a training session, has none.

        Source: /acquisition/EyeTracking; `likely_blink` and the areas are computed as AllenSDK does on reading.
        """
        frame = self._frame("eye_tracking", index="frame")
        return frame if len(frame) else frame.astype("float64").set_axis(frame.index.astype(object))

    @property
    def eye_tracking_rig_geometry(self) -> dict[str, Any]:
        """`equipment`, and `Coordinates` in mm or degrees of camera, monitor and light; empty without eye tracking.

        Source: /processing/eye_tracking_rig_metadata.
        """
        rows = self._rows("eye_tracking_rig_geometry").to_pylist()
        places = rows[0] if rows else {}
        return {
            name: Coordinates(**place) if isinstance(place, dict) else place for name, place in sorted(places.items())
        }

    @property
    def trials(self) -> pd.DataFrame:
        """Every trial of the change detection task, by `trials_id`. Source: /intervals/trials.

        Times are s, volumes mL; `lick_times` holds an array a trial; `change_frame` is -99 where nothing changed.
        """
        return self._frame("trials", index="trials_id")

    @property
    def stimulus_presentations(self) -> pd.DataFrame:
        """Everything shown, in order of start, by `stimulus_presentations_id`. Source: /intervals/*_presentations.

        `is_change` and `flashes_since_change` are computed from the images shown, as AllenSDK does in a behavior
        session. Unlike there, the order of columns is always the same: AllenSDK's known ones, then the file's.
        """
        if "stimulus_presentations" not in self._frames:
            self._frames["stimulus_presentations"] = self._read_presentations()
        return self._frames["stimulus_presentations"].copy(deep=False)

    @property
    def stimulus_templates(self) -> pd.DataFrame | None:
        """`unwarped` (float64, NaN where unseen) and `warped` (uint8) by `image_name`: arrays of rows by columns.

        None where the file has no images. Source: /stimulus/templates.
        """
        if "stimulus_templates" not in self._frames:
            templates = read_stimulus_templates(self._source)
            if templates is None:
                return None
            self._frames["stimulus_templates"] = templates
        return self._frames["stimulus_templates"].copy(deep=False)

    def get_reward_rate(self) -> NDArray[np.float64]:
        """Rewards earned a minute around each trial, from 25 trials either side; NaN in the first ten."""
        return self.get_rolling_performance_df()["reward_rate"].to_numpy(copy=True)

    def get_rolling_performance_df(self) -> pd.DataFrame:
        """Reward rate, hit and false alarm rates and d' around each trial, by `trials_id`; NaN in aborted trials."""
        return self._frame("rolling_performance", index="trials_id")

    def get_performance_metrics(self, engaged_trial_reward_rate_threshold: float = 2.0) -> dict[str, Any]:
        """23 counts, volumes (mL) and rates of the whole session.

        The mouse is engaged in trials at which it earns more than the threshold, in rewards a minute.
        """
        total = self._frame("performance_metrics")
        rolling = self.get_rolling_performance_df()
        engaged = rolling[rolling["reward_rate"] > engaged_trial_reward_rate_threshold]
        metrics = {name: total[name].iloc[0] for name in PERFORMANCE_METRICS.column_names if name in total}
        return metrics | {
            "trial_count": int(metrics["trial_count"]),
            "total_reward_count": int(metrics["total_reward_count"]),
            "engaged_trial_count": np.int64(len(engaged)),
            "mean_hit_rate_engaged": engaged["hit_rate"].mean(),
            "mean_false_alarm_rate_engaged": engaged["false_alarm_rate"].mean(),
            "mean_dprime_engaged": engaged["rolling_dprime"].mean(),
            "max_dprime_engaged": engaged["rolling_dprime"].max(),
        }

    def _rows(self, table: str) -> pa.Table:
        return read_rows(self._source, table)

    def _frame(self, table: str, *, index: str | None = None) -> pd.DataFrame:
        """A table that AllenSDK shows as it is, as a copy that shares its values until one of them is changed."""
        if table not in self._frames:
            self._frames[table] = self._read_frame(table, index)
        return self._frames[table].copy(deep=False)

    def _read_frame(self, table: str, index: str | None) -> pd.DataFrame:
        rows = self._rows(table)
        return to_frame(in_file_order(rows) if table in _AS_IN_FILE else rows, index=index)

    def _read_presentations(self) -> pd.DataFrame:
        rows = in_file_order(self._rows("stimulus_presentations"))
        computed = {name.removesuffix(_COMPUTED): name for name in rows.column_names if name.endswith(_COMPUTED)}
        hidden = computed.values() if self._CHANGES_AS_STORED else computed
        rows = rows.drop_columns([name for name in hidden if name in rows.column_names])
        rows = rows.rename_columns([name.removesuffix(_COMPUTED) for name in rows.column_names])
        frame = with_truth_values(to_frame(rows, index="stimulus_presentations_id"))
        first = [name for name in _FIRST_COLUMNS if name in frame]
        return frame[first + [name for name in frame if name not in first]]


def _floats_if_empty(frame: pd.DataFrame) -> pd.DataFrame:
    """What AllenSDK makes of a series that the file does not have: columns of floats without rows."""
    return frame if len(frame) else frame.astype("float64")

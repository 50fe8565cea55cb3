"""AllenSDK's `VisualBehaviorOphysProjectCache`: the four tables of a release, and its two kinds of session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vbn_assets.client.caller import warn
from vbn_assets.client.exceptions import UpdatedStimulusPresentationTableWarning
from vbn_assets.client.folder import CacheWorkspace
from vbn_assets.client.lookup import row_of
from vbn_assets.client.metadata_frames import metadata_frame
from vbn_assets.client.project_cache import ProjectCache, data_file
from vbn_assets.projects import VBO
from vbn_assets.releases.manifest import ReleaseFile

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from vbn_assets.client.ophys_experiment import BehaviorOphysExperiment

_INTEGERS = frozenset(
    {
        "session_number",
        "age_in_days",
        "prior_exposures_to_image_set",
        "prior_exposures_to_session_type",
        "prior_exposures_to_omissions",
        "ophys_session_id",
        "imaging_plane_group_count",
        "imaging_plane_group",
        "targeted_areas",
        "num_depths_per_area",
        "num_targeted_structures",
        "cell_specimen_id",
    }
)
"""What AllenSDK casts to Int64 in its tables."""

_SINCE_1_1_0 = (
    "\n\tAs of AllenSDK version 2.16.0, the latest Visual Behavior Ophys data has been significantly updated from "
    "previous releases. Specifically the user will need to update all processing of the stimulus_presentations tables. "
    "These tables now include multiple stimulus types delineated by the columns `stimulus_block` and "
    "`stimulus_block_name`.\n\nThe data that was available in previous releases are stored in the block name "
    "containing 'change_detection' and can be accessed in the pandas table by using: \n\t`stimulus_presentations["
    "stimulus_presentations.stimulus_block_name.str.contains('change_detection')]`"
)


class VisualBehaviorOphysProjectCache(ProjectCache):
    """The Visual Behavior Ophys releases in one folder; see `ProjectCache` for what differs from AllenSDK.

    Tables have AllenSDK's columns in AllenSDK's order, followed by the CSV's others in its order, which AllenSDK leaves
    to chance; sessions are read from the lake. A behavior session without a file of its own is that of the first plane
    of its ophys session; a file whose number is 0 is a file here, where AllenSDK takes the plane's and fails.
    AllenSDK's further arguments (`suppress`, `as_df`, …) are taken and without effect, as they are there.
    """

    PROJECT = VBO
    PROJECT_NAME = VBO.s3_name
    BUCKET_NAME = VBO.bucket

    def __init__(self, workspace: CacheWorkspace, manifest_name: str | None = None) -> None:
        super().__init__(workspace, manifest_name)
        warn(_SINCE_1_1_0, UpdatedStimulusPresentationTableWarning)

    def get_ophys_session_table(
        self,
        suppress: list[str] | None = None,
        index_column: str = "ophys_session_id",
        as_df: bool = True,
        include_behavior_data: bool = True,
    ) -> pd.DataFrame:
        """Every ophys session by `ophys_session_id`; lists are lists, `date_of_acquisition` is in UTC."""
        return self._frame("ophys_session_table", "ophys_session_id")

    def get_ophys_experiment_table(self, suppress: list[str] | None = None, as_df: bool = True) -> pd.DataFrame:
        """Every imaging plane by `ophys_experiment_id`."""
        return self._frame("ophys_experiment_table", "ophys_experiment_id")

    def get_ophys_cells_table(self) -> pd.DataFrame:
        """Every cell of every plane by `cell_roi_id`; `cell_specimen_id` is null where it was not matched."""
        return self._frame("ophys_cells_table", "cell_roi_id")

    def get_behavior_session_table(
        self,
        suppress: list[str] | None = None,
        as_df: bool = True,
        include_ophys_data: bool = True,
        include_trial_metrics: bool = False,
    ) -> pd.DataFrame:
        """Every behavior session by `behavior_session_id`, training included."""
        return self._frame("behavior_session_table", "behavior_session_id")

    def get_behavior_ophys_experiment(self, ophys_experiment_id: int) -> BehaviorOphysExperiment:
        """One imaging plane with its session's behavior; its file is fetched and read if it is not held.

        Raises `RuntimeError` for an id that is not in the table, and the errors of `Mirror.fetch` and `extract_file`.
        """
        from vbn_assets.client.ophys_experiment import BehaviorOphysExperiment

        return BehaviorOphysExperiment(self._source(self._experiment_file(ophys_experiment_id)))

    def get_raw_natural_movie(self) -> NDArray[np.uint8]:
        """The natural movie as it was before it was put on the monitor: (frame, row, column), uint8.

        It is fetched and verified once, and kept in the folder's `resources`.
        """
        from vbn_assets.client.natural_movie import read_natural_movie

        return read_natural_movie(self._workspace)

    def get_natural_movie_template(self, n_workers: int | None = None) -> pd.DataFrame:
        """The movie's frames by `movie_frame_index`, as in `stimulus_presentations`: arrays of 1200 by 1920 pixels.

        `unwarped` (float64, NaN where unseen) is what the mouse saw, `warped` (uint8) what the monitor showed to have
        it seen so. All 900 frames take 19 GB and some minutes, as they do in AllenSDK; `n_workers` is the number of
        threads.
        """
        from vbn_assets.client.natural_movie import movie_template

        return movie_template(self.get_raw_natural_movie(), n_workers)

    def get_behavior_ophys_experiment_url(self, ophys_experiment_id: int) -> str:
        """Where the file of an imaging plane can be downloaded."""
        return self._url(self._experiment_file(ophys_experiment_id))

    def _frame(self, table: str, index: str) -> pd.DataFrame:
        return metadata_frame(self._table(self._release, table), index, _INTEGERS, as_described=True)

    def _row(self, table: str, index: str, id: object) -> dict[str, Any]:
        return row_of(self._table(self._release, table), index, id, table)

    def _experiment_file(self, id: object) -> ReleaseFile:
        experiment = self._row("ophys_experiment_table", "ophys_experiment_id", id)
        return data_file(self._release, experiment.get("file_id"), f"ophys experiment {id}")

    def _behavior_file(self, id: object) -> ReleaseFile:
        session = self._row("behavior_session_table", "behavior_session_id", id)
        file_id, experiments = session.get("file_id"), session.get("ophys_experiment_id")
        if experiments and (file_id is None or file_id < 0):
            return self._experiment_file(experiments[0])
        return data_file(self._release, file_id, f"behavior session {id}")

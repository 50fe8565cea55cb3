"""The whole job on the packaged samples: releases are found and made, the next come, what they changed is made again.

This tells Dagster nothing: it publishes releases on a local S3 and watches the warehouse, as a user would. How
Dagster is started belongs to `serving`, the S3 to `sample`.
"""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from vbn_assets.errors import SettingsError, VbnError
from vbn_assets.sample.process import SampleProcess
from vbn_assets.serving import DagsterServer, require_startable
from vbn_assets.settings import Settings
from vbn_assets.warehouse.database import open_warehouse

FIRST = {"vbn": "0.4.0", "vbo": "1.0.1"}
SECOND = {"vbn": "0.5.0", "vbo": "1.1.0"}
MADE_SECONDS = 600
"""A release of each project takes two minutes on two idle cores; a machine that needs ten has another problem."""
POLL_SECONDS = 5
"""The release sensor looks as often as this: nobody wants to watch a demo wait."""
LOOK_SECONDS = 1
MARK = ".vbn-demo"
"""A folder with this file was made by a demo and may be replaced by the next one."""

FILES = """
    SELECT published.kind, published.name, max(file.release), max(file.made_at), coalesce(bool_and(file.in_step), FALSE)
    FROM {project}.releases AS release
    JOIN {project}.release_files AS published
        ON published.release = release.release AND published.kind NOT IN ('metadata', 'probe_lfp')
    LEFT JOIN {project}.warehouse_files AS file ON file.kind = published.kind AND file.id = published.name
    WHERE release.is_current AND release.release = $release
    GROUP BY ALL ORDER BY ALL
"""

QUERIES = {
    "How well the mice of both projects see the change": """
        SELECT project, session_type, count(DISTINCT behavior_session_id) AS sessions,
               count(*) FILTER (go) AS go_trials,
               round(avg(hit::INT) FILTER (go), 2) AS hit_rate,
               round(avg(false_alarm::INT) FILTER (catch), 2) AS false_alarm_rate
        FROM vb.trials JOIN vb.behavior_sessions USING (project, behavior_session_id)
        GROUP BY ALL ORDER BY ALL
    """,
    "Mean change of fluorescence in the half second before and after an image change": """
        WITH changes AS (
            SELECT ophys_session_id, start_time FROM vbo.stimulus_presentations
            WHERE is_change AND active AND ophys_session_id IS NOT NULL
        )
        SELECT ophys_experiment_id, targeted_structure, imaging_depth, count(DISTINCT cell_roi_id) AS cells,
               round(avg(dff) FILTER (timestamps < start_time), 3) AS before,
               round(avg(dff) FILTER (timestamps >= start_time), 3) AS after
        FROM vbo.dff_samples AS sample
        JOIN changes ON sample.ophys_session_id = changes.ophys_session_id
            AND timestamps >= start_time - 0.5 AND timestamps < start_time + 0.5
        JOIN vbo.ophys_experiment_table USING (ophys_experiment_id)
        GROUP BY ALL ORDER BY ALL
    """,
    "Which structures the units are in, and how fast they fire": """
        SELECT structure_acronym, count(*) AS units, round(median(firing_rate), 2) AS median_rate_hz,
               round(median(snr), 2) AS median_snr
        FROM vbn.units
        GROUP BY ALL ORDER BY units DESC, structure_acronym LIMIT 6
    """,
    "Spikes per second and unit in the quarter second before and after an image change": """
        WITH changes AS (
            SELECT ecephys_session_id, start_time, count(*) OVER (PARTITION BY ecephys_session_id) AS changes
            FROM vbn.stimulus_presentations WHERE is_change AND active
        ),
        counts AS (
            SELECT unit_id, any_value(changes) * 0.25 AS seconds,
                   count(*) FILTER (spike_time < start_time) / seconds AS before,
                   count(*) FILTER (spike_time >= start_time) / seconds AS after
            FROM vbn.spike_times AS spike JOIN changes
                ON spike.ecephys_session_id = changes.ecephys_session_id
                AND spike_time >= start_time - 0.25 AND spike_time < start_time + 0.25
            GROUP BY unit_id
        )
        SELECT structure_acronym, count(*) AS units, round(avg(coalesce(before, 0)), 2) AS hz_before,
               round(avg(coalesce(after, 0)), 2) AS hz_after
        FROM vbn.units LEFT JOIN counts USING (unit_id)
        WHERE ecephys_session_id IN (SELECT ecephys_session_id FROM changes)
        GROUP BY ALL ORDER BY units DESC, structure_acronym LIMIT 6
    """,
}


@dataclass(frozen=True)
class File:
    """One data file of a release as the warehouse shows it."""

    project: str
    kind: str
    id: str
    release: str | None
    made_at: datetime | None
    in_step: bool


@dataclass
class Demo:
    """A demo that is under way: what it serves, where it keeps it, and how it tells."""

    settings: Settings
    s3: SampleProcess
    dagster: DagsterServer
    say: Callable[[str], None]
    started: float = field(default_factory=time.monotonic)

    def run(self) -> None:
        """From an empty folder to a warehouse of each project's second release."""
        self.say(f"{_named(FIRST)} are published on {self.s3.endpoint}; Dagster's sensors will find them.")
        first = self.wait_for(FIRST)
        self.show_tables()
        self.s3.publish_next()
        self.say(f"\nNow {_named(SECOND)} are published.")
        second = self.wait_for(SECOND)
        self.show_changes(first, second)
        self.show_queries()

    def wait_for(self, releases: Mapping[str, str]) -> list[File]:
        """The data files, once the warehouse shows every one of them as these releases have it."""
        asked = time.monotonic()
        said = ""
        while True:
            self.dagster.require_running()
            files = {project: self.files(project, release) for project, release in releases.items()}
            state = f"{', '.join(_state(project, found) for project, found in files.items())}; runs: {self.runs()}"
            if state != said:
                self.say(f"{time.monotonic() - self.started:6.0f} s  {state}")
                said = state
            if all(found and all(file.in_step for file in found) for found in files.values()):
                waited = time.monotonic() - asked
                self.say(f"{_named(releases)} were in the warehouse {waited:.0f} s after they were asked for.")
                return [file for found in files.values() for file in found]
            if time.monotonic() - asked > MADE_SECONDS:
                raise VbnError(
                    f"{_named(releases)} were not made within {MADE_SECONDS} s",
                    found=state,
                    remedy=f"Dagster's processes write to {self.dagster.logs}.",
                )
            time.sleep(LOOK_SECONDS)

    def files(self, project: str, release: str) -> list[File]:
        """The data files of a release; none until the warehouse shows it as its project's current one."""
        if not self.settings.warehouse_path.exists():
            return []
        with open_warehouse(self.settings.warehouse_path) as con:
            rows = con.execute(FILES.format(project=project), {"release": release}).fetchall()
        return [File(project, *row) for row in rows]

    def runs(self) -> str:
        """How Dagster's runs are doing, e.g. `2 started, 9 success`."""
        answer = self.dagster.ask("{ runsOrError(limit: 1000) { ... on Runs { results { status } } } }")
        counts = Counter(run["status"].lower().replace("_", " ") for run in answer["runsOrError"]["results"])
        return ", ".join(f"{count} {status}" for status, count in sorted(counts.items())) or "none"

    def show_tables(self) -> None:
        with open_warehouse(self.settings.warehouse_path) as con:
            made = con.sql(
                "SELECT project, kind, count(DISTINCT table_name) AS tables, count(DISTINCT id) AS files, "
                "sum(row_count)::BIGINT AS rows, sum(bytes)::BIGINT AS bytes "
                "FROM vb.warehouse_files GROUP BY ALL ORDER BY ALL"
            )
            self.say(f"\nWhat {self.settings.warehouse_path} shows:\n{made}")

    def show_changes(self, before: list[File], after: list[File]) -> None:
        made_at = {(file.project, file.kind, file.id): file.made_at for file in before}
        self.say(f"\nWhat {_named(SECOND)} made again:")
        for file in after:
            again = file.made_at != made_at.get((file.project, file.kind, file.id))
            what = f"made at {file.made_at:%H:%M:%S}" if again else "not touched: its file is the same"
            self.say(f"  {file.project} {file.kind} {file.id}  {what}")

    def show_queries(self) -> None:
        with open_warehouse(self.settings.warehouse_path) as con:
            for title, query in QUERIES.items():
                self.say(f"\n{title}:\n{con.sql(query)}")


def _named(releases: Mapping[str, str]) -> str:
    return " and ".join(f"{project} {release}" for project, release in releases.items())


def _state(project: str, files: Sequence[File]) -> str:
    if not files:
        return f"{project}: not in the warehouse yet"
    return f"{project}: {sum(file.in_step for file in files)} of {len(files)} files in step"


def run_demo(folder: Path, *, port: int, stay: bool, say: Callable[[str], None]) -> None:
    """Run the demo in `folder`, which is emptied first; with `stay`, leave it running until interrupted.

    Raises `SettingsError` where the folder has something else in it, `VbnError` where the job does not get done.
    """
    home = folder / "dagster"
    require_startable(home, "127.0.0.1", port)
    _empty(folder)
    settings = Settings(
        data_dir=folder, projects=tuple(FIRST), hold="all", hold_behavior="all", poll_seconds=POLL_SECONDS
    )
    with SampleProcess().start(*FIRST.values()) as s3:
        environment = {
            "VBN_DATA_DIR": str(folder),
            "VBN_PROJECTS": ",".join(settings.projects),
            "VBN_HOLD": settings.hold,
            "VBN_HOLD_BEHAVIOR": settings.hold_behavior,
            "VBN_POLL_SECONDS": str(POLL_SECONDS),
            **{f"VBN_{what}_{name.upper()}": "" for name in FIRST for what in ("RELEASE", "HOLD", "HOLD_BEHAVIOR")},
            "AWS_ENDPOINT_URL": s3.endpoint,
        }
        say(f"Starting Dagster in {folder} (half a minute)")
        with DagsterServer(home, port=port, environment=environment, logs=home / "logs") as dagster:
            demo = Demo(settings, s3, dagster, say)
            demo.run()
            say(f"\nDone in {time.monotonic() - demo.started:.0f} s. To ask more: export VBN_DATA_DIR={folder}")
            if stay:
                say(f"Dagster is at {dagster.url}. Ctrl-C ends it.")
                with suppress(KeyboardInterrupt):
                    dagster.follow()


def _empty(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).exists():
        raise SettingsError(
            "is not empty and was not made by a demo", file=str(folder), remedy="Choose another folder with --data."
        )
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / MARK).touch()

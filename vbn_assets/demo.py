"""The whole job on the packaged sample: a release is found and made, a second one comes, what changed is made again.

This tells Dagster nothing: it publishes releases on a local S3 and watches the warehouse, as a user would. How
Dagster is started belongs to `serving`, the S3 to `sample`.
"""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from vbn_assets.errors import SettingsError, VbnError
from vbn_assets.projects import VBN
from vbn_assets.sample.process import SampleProcess
from vbn_assets.serving import DagsterServer
from vbn_assets.settings import Settings
from vbn_assets.warehouse.database import open_warehouse

FIRST, SECOND = "0.4.0", "0.5.0"
MADE_SECONDS = 600
"""A release of three sessions takes a minute on two idle cores; a machine that needs ten has another problem."""
POLL_SECONDS = 5
"""The release sensor looks as often as this: nobody wants to watch a demo wait."""
LOOK_SECONDS = 1
MARK = ".vbn-demo"
"""A folder with this file was made by a demo and may be replaced by the next one."""

SESSIONS = """
    SELECT published.id, max(file.release), max(file.made_at), coalesce(bool_and(file.in_step), FALSE)
    FROM vbn.releases AS release
    JOIN vbn.release_files AS published
        ON published.release = release.release AND published.kind = 'ecephys_session'
    LEFT JOIN vbn.warehouse_files AS file ON file.kind = 'ecephys_session' AND file.id = published.name
    WHERE release.is_current AND release.release = $release
    GROUP BY ALL ORDER BY ALL
"""

QUERIES = {
    "Which structures the units are in, and how fast they fire": """
        SELECT structure_acronym, count(*) AS units, round(median(firing_rate), 2) AS median_rate_hz,
               round(median(snr), 2) AS median_snr
        FROM vbn.units
        GROUP BY ALL ORDER BY units DESC, structure_acronym LIMIT 6
    """,
    "How well each mouse sees the change": """
        SELECT ecephys_session_id, experience_level, count(*) FILTER (go) AS go_trials,
               round(avg(hit::INT) FILTER (go), 2) AS hit_rate,
               round(avg(false_alarm::INT) FILTER (catch), 2) AS false_alarm_rate
        FROM vbn.trials JOIN vbn.ecephys_sessions USING (ecephys_session_id)
        GROUP BY ALL ORDER BY ALL
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
class Session:
    """One session of a release as the warehouse shows it."""

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
        """From an empty folder to a warehouse of the second release."""
        self.say(f"Release {FIRST} is published on {self.s3.endpoint}; Dagster's sensor will find it.")
        first = self.wait_for(FIRST)
        self.show_tables()
        self.s3.publish_next()
        self.say(f"\nNow release {SECOND} is published.")
        second = self.wait_for(SECOND)
        self.show_changes(first, second)
        self.show_queries()

    def wait_for(self, release: str) -> list[Session]:
        """The sessions, once the warehouse shows every one of them as `release` has it."""
        asked = time.monotonic()
        said = ""
        while True:
            self.dagster.require_running()
            sessions = self.sessions(release)
            ready = sum(session.in_step for session in sessions)
            found = f"{ready} of {len(sessions)} sessions are in step" if sessions else "not in the warehouse yet"
            state = f"release {release}: {found}; runs: {self.runs()}"
            if state != said:
                self.say(f"{time.monotonic() - self.started:6.0f} s  {state}")
                said = state
            if sessions and ready == len(sessions):
                self.say(f"Release {release} was in the warehouse {time.monotonic() - asked:.0f} s after it was asked.")
                return sessions
            if time.monotonic() - asked > MADE_SECONDS:
                raise VbnError(
                    f"release {release} was not made within {MADE_SECONDS} s",
                    found=state,
                    remedy=f"Dagster's processes write to {self.dagster.logs}.",
                )
            time.sleep(LOOK_SECONDS)

    def sessions(self, release: str) -> list[Session]:
        """The sessions of a release; empty until the warehouse shows it as the current one."""
        if not self.settings.warehouse_path.exists():
            return []
        with open_warehouse(self.settings.warehouse_path) as con:
            return [Session(*row) for row in con.execute(SESSIONS, {"release": release}).fetchall()]

    def runs(self) -> str:
        """How Dagster's runs are doing, e.g. `2 started, 9 success`."""
        answer = self.dagster.ask("{ runsOrError(limit: 1000) { ... on Runs { results { status } } } }")
        counts = Counter(run["status"].lower().replace("_", " ") for run in answer["runsOrError"]["results"])
        return ", ".join(f"{count} {status}" for status, count in sorted(counts.items())) or "none"

    def show_tables(self) -> None:
        with open_warehouse(self.settings.warehouse_path) as con:
            made = con.sql(
                "SELECT table_name, count(*) AS files, sum(row_count)::BIGINT AS rows, sum(bytes)::BIGINT AS bytes "
                "FROM vbn.warehouse_files GROUP BY ALL ORDER BY ALL"
            )
            self.say(f"\nThe tables of {self.settings.warehouse_path}:\n{made}")

    def show_changes(self, before: list[Session], after: list[Session]) -> None:
        made_at = {session.id: session.made_at for session in before}
        self.say(f"\nWhat {SECOND} made again:")
        for session in after:
            again = session.made_at != made_at.get(session.id)
            what = f"made again at {session.made_at:%H:%M:%S}" if again else "not touched: its file is the same"
            self.say(f"  session {session.id}  {what}")

    def show_queries(self) -> None:
        with open_warehouse(self.settings.warehouse_path) as con:
            for title, query in QUERIES.items():
                self.say(f"\n{title}:\n{con.sql(query)}")


def run_demo(folder: Path, *, port: int, stay: bool, say: Callable[[str], None]) -> None:
    """Run the demo in `folder`, which is emptied first; with `stay`, leave it running until interrupted.

    Raises `SettingsError` where the folder has something else in it, `VbnError` where the job does not get done.
    """
    _empty(folder)
    settings = Settings(data_dir=folder, projects=(VBN.name,), hold="all", poll_seconds=POLL_SECONDS)
    with SampleProcess().start(through=FIRST) as s3:
        environment = {
            "VBN_DATA_DIR": str(folder),
            "VBN_PROJECTS": VBN.name,
            "VBN_HOLD": settings.hold,
            "VBN_POLL_SECONDS": str(POLL_SECONDS),
            "VBN_RELEASE_VBN": "",
            "AWS_ENDPOINT_URL": s3.endpoint,
        }
        home = folder / "dagster"
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

"""The Visual Behavior projects as data: the only facts that differ between them.

A third project would be one more `Project` here, a module of `tables/` that puts its tables together as `vbn` and `vbo`
do and, where its files are of a new kind, a reader in `nwb/`. No code belongs here beyond lookups.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from semver import Version

from vbn_assets.errors import SettingsError
from vbn_assets.tables import Macro, Table, View, vbn, vbo


@dataclass(frozen=True, eq=False)
class FileKind:
    """One kind of data file in a manifest.

    `key` matches the S3 key below the project's prefix; its groups, joined by `/`, are the id by which a
    file is recognised in every release, whatever its key or file_id is there; a number is one that int64 holds.
    `table` is the metadata table whose `file_id` column points at these files and whose `id_column` names what they
    are about. `asset` is the word for it in the names of assets, `plural` the one in the names of jobs, `partitions`
    the one in the names of partition sets. `tables` are those that are read from one file.
    """

    name: str
    key: re.Pattern[str]
    table: str
    id_column: str
    asset: str
    plural: str
    partitions: str
    tables: tuple[Table, ...]
    batch: int = 1
    """Files made in one run: starting one takes seconds, which small files are not worth."""

    def has(self, table: str) -> bool:
        """Whether a table of that name is read from these files."""
        return any(described.name == table for described in self.tables)

    @property
    def is_part(self) -> bool:
        """Whether a file goes with a session that its key names too, and is not asked for by itself."""
        return self.key.groups > 1


@dataclass(frozen=True, eq=False)
class Project:
    """One data set: where it is published and what its releases hold."""

    name: str
    title: str
    s3_name: str
    """Project name in manifests, and first part of every key."""
    bucket: str
    region: str
    tables: Mapping[str, Table]
    """Every table of its schema, by name."""
    views: Mapping[str, View]
    macros: Mapping[str, Macro]
    metadata_tables: tuple[str, ...]
    """Those made from the CSVs of a release, which bear the same names."""
    later_tables: frozenset[str]
    """Those of them that the first releases lack."""
    recording_id: str
    """The column that names a recording, of which a behavior session is the other half."""
    kinds: tuple[FileKind, ...]
    session_kind: str
    """The kind of file that `VBN_HOLD` is about."""
    mirror_folder: str
    """AllenSDK allows one project a cache folder, so each has its own below the data folder."""
    client_versions: tuple[str, str]
    """The first release that AllenSDK's project cache reads, and the first that it does not read any more."""

    def bucket_url(self, endpoint_url: str | None) -> str:
        """Where the bucket's keys are, on AWS or on another S3."""
        if endpoint_url:
            return f"{endpoint_url.rstrip('/')}/{self.bucket}"
        return f"https://{self.bucket}.s3.{self.region}.amazonaws.com"

    @property
    def sync(self) -> str:
        """The command that fetches it: without a name, the first project is meant."""
        return "vbn sync" if self.name == "vbn" else f"vbn sync --project {self.name}"

    def client_reads(self, version: str) -> bool:
        """Whether AllenSDK's project cache, and so ours, reads a release."""
        first, end = map(Version.parse, self.client_versions)
        return first <= Version.parse(version) < end

    @property
    def session_ids(self) -> tuple[str, str]:
        """The columns that name a recording and a behavior session."""
        return self.recording_id, "behavior_session_id"

    @property
    def sessions(self) -> FileKind:
        return self.kind(self.session_kind)

    def kind(self, name: str) -> FileKind:
        return next(kind for kind in self.kinds if kind.name == name)

    def manifest_prefix(self) -> str:
        return f"{self.s3_name}/manifests/"

    def manifest_name(self, version: str) -> str:
        return f"{self.s3_name}_project_manifest_v{version}.json"


VBN = Project(
    name="vbn",
    title="Visual Behavior Neuropixels",
    s3_name="visual-behavior-neuropixels",
    bucket="visual-behavior-neuropixels-data",
    region="us-west-2",
    tables=vbn.TABLES,
    views=vbn.VIEWS,
    macros=vbn.MACROS,
    metadata_tables=tuple(table.name for table in vbn.METADATA),
    later_tables=frozenset(),
    recording_id=vbn.RECORDING.name,
    kinds=(
        FileKind(
            name="ecephys_session",
            key=re.compile(r"(?:behavior_ecephys_sessions/\d+|ecephys_sessions)/ecephys_session_(\d{1,18})\.nwb"),
            table="ecephys_sessions",
            id_column="ecephys_session_id",
            asset="session",
            plural="sessions",
            partitions="ecephys_sessions",
            tables=vbn.ECEPHYS_SESSION,
        ),
        FileKind(
            name="behavior_session",
            key=re.compile(r"behavior_only_sessions/\d+/behavior_session_(\d{1,18})\.nwb"),
            table="behavior_sessions",
            id_column="behavior_session_id",
            asset="behavior_session",
            plural="behavior_sessions",
            partitions="behavior_sessions",
            tables=vbn.BEHAVIOR_SESSION,
            batch=50,
        ),
        FileKind(
            name="probe_lfp",
            key=re.compile(r"behavior_ecephys_sessions/(\d{1,18})/probe_(\w+)_lfp\.nwb"),
            table="probes",
            id_column="ecephys_probe_id",
            asset="probe_lfp",
            plural="probes",
            partitions="probes",
            tables=vbn.PROBE_LFP,
        ),
    ),
    session_kind="ecephys_session",
    mirror_folder="mirror",
    client_versions=("0.1.0", "10.0.0"),
)

VBO = Project(
    name="vbo",
    title="Visual Behavior Ophys",
    s3_name="visual-behavior-ophys",
    bucket="visual-behavior-ophys-data",
    region="us-west-2",
    tables=vbo.TABLES,
    views=vbo.VIEWS,
    macros=vbo.MACROS,
    metadata_tables=tuple(table.name for table in vbo.METADATA),
    later_tables=frozenset({"ophys_cells_table"}),
    recording_id=vbo.RECORDING.name,
    kinds=(
        FileKind(
            name="behavior_session",
            key=re.compile(r"behavior_sessions/(?:\d+/)?behavior_session_(\d{1,18})\.nwb"),
            table="behavior_session_table",
            id_column="behavior_session_id",
            asset="behavior_session",
            plural="behavior_sessions",
            partitions="behavior_sessions",
            tables=vbo.BEHAVIOR_SESSION,
            batch=50,
        ),
        FileKind(
            name="ophys_experiment",
            key=re.compile(r"behavior_ophys_experiments/(?:\d+/)?behavior_ophys_experiment_(\d{1,18})\.nwb"),
            table="ophys_experiment_table",
            id_column="ophys_experiment_id",
            asset="ophys_experiment",
            plural="ophys_experiments",
            partitions="ophys_experiments",
            tables=vbo.OPHYS_EXPERIMENT,
            batch=10,
        ),
    ),
    session_kind="ophys_experiment",
    mirror_folder="mirror_vbo",
    client_versions=("1.0.0", "2.0.0"),
)

PROJECTS: dict[str, Project] = {project.name: project for project in (VBN, VBO)}


def project_named(name: str) -> Project:
    """The project of that name; `SettingsError` names the ones there are."""
    if name not in PROJECTS:
        raise SettingsError(f"there is no project {name!r}", expected=_listed(PROJECTS), found=repr(name))
    return PROJECTS[name]


def _listed(names: Iterable[str]) -> str:
    return "one of " + ", ".join(sorted(names))

"""Tables about the data rather than of it: what each release holds, and where each row of the warehouse is from."""

from __future__ import annotations

from vbn_assets.tables.model import BOOL, I64, STR, UTC, Column, Entity, Table

_HASH = "BLAKE2b-512 of the file's bytes, hexadecimal"

RELEASE_FILES = Table(
    name="release_files",
    description="Every file of every release, by what it is about, pinned to its S3 object version and hash.",
    entity=Entity.RELEASE,
    key=("release", "kind", "name"),
    reader_version=2,
    columns=(
        Column("release", STR, "The release", nullable=False),
        Column("kind", STR, "metadata, a kind of data file (behavior_session, probe_lfp, …) or other", nullable=False),
        Column("id", I64, "The session, probe or imaging plane it is about; null for metadata"),
        Column("name", STR, "The same as text: a metadata table, a session, a plane, a session/probe", nullable=False),
        Column("behavior_session_id", I64, "The behavior session it belongs to"),
        Column(
            "is_behavior_file",
            BOOL,
            "Whether AllenSDK's get_behavior_session reads this file: of the planes of an ophys session, only one",
            nullable=False,
        ),
        Column("file_id", STR, "The release's own number for the file; not the same in other releases"),
        Column("key", STR, "S3 key", nullable=False),
        Column("version_id", STR, "S3 object version", nullable=False),
        Column("file_hash", STR, _HASH, nullable=False),
    ),
)

RELEASES = Table(
    name="releases",
    description="Every release, and how many of its files differ from the release before.",
    entity=Entity.RELEASE,
    key=("release",),
    columns=(
        Column("release", STR, "Version of the release", nullable=False),
        Column("release_order", I64, "Its place among the releases, 1 the first", nullable=False),
        Column("is_current", BOOL, "Whether the project's schema shows this release", nullable=False),
        Column("previous_release", STR, "The release before; null for the first"),
        Column("manifest", STR, "File name of its manifest", nullable=False),
        Column("manifest_hash", STR, "BLAKE2b-512 of the manifest, hexadecimal", nullable=False),
        Column("allensdk_version", STR, "AllenSDK that wrote it"),
        Column("files", I64, "Files in the release", nullable=False),
        Column("added", I64, "Files about something the release before had no file for", nullable=False),
        Column("removed", I64, "Files of the release before about something this one has no file for", nullable=False),
        Column("changed", I64, "Files whose bytes changed", nullable=False),
        Column("moved", I64, "Files with the same bytes under another key", nullable=False),
        Column("unchanged", I64, "Files that are the same", nullable=False),
        Column("held_sessions", I64, "Sessions (VBO: imaging planes) whose file of it is in the lake", nullable=False),
    ),
)

RELEASE_COLUMNS = Table(
    name="release_columns",
    description="Which columns each metadata table had in each release: the others are null there.",
    entity=Entity.RELEASE,
    key=("release", "table_name", "column_name"),
    columns=(
        Column("release", STR, "The release", nullable=False),
        Column("table_name", STR, "Metadata table", nullable=False),
        Column("column_order", I64, "Its place in the CSV, 1 the first", nullable=False),
        Column("column_name", STR, "Column of the CSV", nullable=False),
        Column("data_type", STR, "SQL type here", nullable=False),
    ),
)

WAREHOUSE_FILES = Table(
    name="warehouse_files",
    description="Where the rows of each table of this schema are from: one row for each table and source file.",
    entity=Entity.RELEASE,
    key=("table_name", "kind", "id"),
    columns=(
        Column("table_name", STR, "Table of this schema", nullable=False),
        Column("kind", STR, "Kind of the source file", nullable=False),
        Column("id", STR, "Session, probe, metadata table or release it is about", nullable=False),
        Column("release", STR, "The release the file was taken for; null for a file of no known release"),
        Column("in_step", BOOL, "Whether the current release still has this very file", nullable=False),
        Column("file_hash", STR, _HASH, nullable=False),
        Column("key", STR, "S3 key in that release"),
        Column("version_id", STR, "S3 object version in that release"),
        Column("reader_version", I64, "Version of the reader that made the rows", nullable=False),
        Column("row_count", I64, "Rows in the table", nullable=False),
        Column("bytes", I64, "Size of the Parquet file", "bytes", nullable=False),
        Column("path", STR, "The Parquet file, below the lake", nullable=False),
        Column("made_at", UTC, "When it was made", nullable=False),
    ),
)

TABLES = (RELEASE_FILES, RELEASES, RELEASE_COLUMNS, WAREHOUSE_FILES)

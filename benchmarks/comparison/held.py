"""A generated history as if it had been synced: manifests and metadata in the mirror, sessions in the lake."""

from __future__ import annotations

import json
from pathlib import Path

from vbn_assets.pipeline import Workspace, extract_file, make_metadata_table, register_release, require_sound
from vbn_assets.projects import VBN
from vbn_assets.releases.manifest import Release, ReleaseFile, parse_release
from vbn_assets.sample.history import StoredRelease, read_history
from vbn_assets.settings import Settings
from vbn_assets.warehouse.publish import publish


def hold(folder: Path, settings: Settings) -> list[Path]:
    """Hold and publish all of the history in `folder`. Its session files, which stay where they are."""
    workspace = Workspace(settings, VBN)
    files = register(folder, settings)
    for file, path in files.items():
        require_sound(extract_file(workspace, path, file))
    publish(settings)
    return list(files.values())


def register(folder: Path, settings: Settings) -> dict[ReleaseFile, Path]:
    """The releases of the history in `folder`, made; their session files, of which nothing is made yet."""
    workspace = Workspace(settings, VBN)
    files = {}
    for stored in read_history(folder, VBN.bucket):
        release = _released(stored)
        workspace.mirror.keep_manifest(release)
        for name, file in release.metadata.items():
            workspace.mirror.take(stored.metadata[name].path, file)
            make_metadata_table(workspace, release, name)
        require_sound(register_release(workspace, release))
        files |= {file: stored.data[file_id].path for file_id, file in release.data.items()}
    return files


def _released(stored: StoredRelease) -> Release:
    """The release with version ids, which a bucket would hand out."""
    manifest = json.loads(json.dumps(stored.manifest))
    for entry in (*manifest["metadata_files"].values(), *manifest["data_files"].values()):
        entry["version_id"] = "local"
    return parse_release(json.dumps(manifest).encode(), VBN, VBN.manifest_name(stored.version))

"""Addresses under which anyone may download a release's manifest and files, with a browser or curl.

They are the manifest's own, or those of another S3 under `endpoint_url`. Downloading belongs to `vbn_assets.mirror`.
"""

from __future__ import annotations

import json
from urllib.parse import quote

from vbn_assets.projects import Project
from vbn_assets.releases.manifest import Release, ReleaseFile


def manifest_url(project: Project, version: str, endpoint_url: str | None = None) -> str:
    """Where a release's manifest is. Whether there is such a release is not asked."""
    host = _elsewhere(project, endpoint_url) or f"https://{project.bucket}.s3.{project.region}.amazonaws.com"
    return f"{host}/{project.manifest_prefix()}{project.manifest_name(version)}"


def file_urls(release: Release, endpoint_url: str | None = None) -> dict[ReleaseFile, str]:
    """Where each file of a release is, metadata first.

    They name the object's version: the key alone gives whatever is newest, which may be another release's.
    """
    document = json.loads(release.raw)
    entries = [document["metadata_files"][table] for table in release.metadata]
    entries += [document["data_files"][file_id] for file_id in release.data]
    elsewhere = _elsewhere(release.project, endpoint_url)
    return {
        file: f"{f'{elsewhere}/{file.key}' if elsewhere else entry['url']}?versionId={quote(file.version_id)}"
        for file, entry in zip(release.files(), entries, strict=True)
    }


def _elsewhere(project: Project, endpoint_url: str | None) -> str | None:
    return f"{endpoint_url.rstrip('/')}/{project.bucket}" if endpoint_url else None

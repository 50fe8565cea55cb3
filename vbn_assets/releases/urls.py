"""Addresses under which anyone may download a release's manifest and files, with a browser or curl.

They are made of what was checked in a manifest, since the text of its own addresses may hold anything; those of another
S3 are under `endpoint_url`. Downloading belongs to `vbn_assets.mirror`.
"""

from __future__ import annotations

from urllib.parse import quote

from vbn_assets.projects import Project
from vbn_assets.releases.manifest import Release, ReleaseFile


def manifest_url(project: Project, version: str, endpoint_url: str | None = None) -> str:
    """Where a release's manifest is. Whether there is such a release is not asked."""
    return f"{project.bucket_url(endpoint_url)}/{project.manifest_prefix()}{project.manifest_name(version)}"


def file_urls(release: Release, endpoint_url: str | None = None) -> dict[ReleaseFile, str]:
    """Where each file of a release is, metadata first.

    They name the object's version: the key alone gives whatever is newest, which may be another release's.
    """
    bucket = release.project.bucket_url(endpoint_url)
    return {file: f"{bucket}/{file.key}?versionId={quote(file.version_id, safe='')}" for file in release.files()}

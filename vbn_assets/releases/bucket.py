"""What is published now: the manifests in a project's bucket, one of them read, and the sizes of its objects.

Everything here is a listing or a small GET with a client that the caller brings. What a manifest says belongs to
`manifest`; the bodies of data files are fetched by `vbn_assets.mirror`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from semver import Version

from vbn_assets.errors import BucketError, BucketUnreachable, SettingsError, UnknownRelease
from vbn_assets.projects import Project
from vbn_assets.releases.manifest import Release, parse_release, version_in

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from mypy_boto3_s3 import S3Client

CONNECT_SECONDS = 1.5
"""Per address tried, and S3's name has eight: with the attempts below, half a minute where packets are dropped."""
READ_SECONDS = 10
ATTEMPTS = 3
"""A sensor's tick has a minute in all, outage or not. Whoever calls may call again later."""
PAGE_SIZE = 1000
"""S3's largest."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ManifestListing:
    """A manifest as the bucket lists it."""

    name: str
    key: str
    version: str
    etag: str
    size: int


def unsigned_client(endpoint_url: str | None, region: str) -> S3Client:
    """An S3 client without credentials that gives up in half a minute; `endpoint_url` names another S3 than AWS.

    Raises `SettingsError` if `endpoint_url` is no address, or AWS's own settings cannot be read.
    """
    import boto3
    from botocore import UNSIGNED
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    config = Config(  # type: ignore[call-arg]  # its hints lack the last one
        signature_version=UNSIGNED,
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
        s3={"addressing_style": "path" if endpoint_url else "virtual"},
        ignore_configured_endpoint_urls=True,  # files are fetched from `endpoint_url` too
    )
    try:
        return boto3.session.Session().client("s3", endpoint_url=endpoint_url, region_name=region, config=config)
    except ValueError as error:
        raise SettingsError(
            "AWS_ENDPOINT_URL is no address", expected="one like http://127.0.0.1:5555", found=repr(endpoint_url)
        ) from error
    except BotoCoreError as error:
        raise SettingsError(
            "AWS's settings cannot be used",
            found=str(error),
            remedy="Unset what it names, such as AWS_PROFILE: no credentials are needed.",
        ) from error


def list_manifests(client: S3Client, project: Project, *, page_size: int = PAGE_SIZE) -> list[ManifestListing]:
    """Every manifest under the project's prefix in order of version; other keys are left out with a warning.

    Raises `BucketUnreachable` if there is no answer, `BucketError` if the bucket is missing, closed or has none.
    """
    manifests = []
    pages = client.get_paginator("list_objects_v2").paginate(
        Bucket=project.bucket, Prefix=project.manifest_prefix(), PaginationConfig={"PageSize": page_size}
    )
    with _answers(project):
        for page in pages:
            for entry in page.get("Contents", []):
                key = entry["Key"]
                name = key.removeprefix(project.manifest_prefix())
                version = version_in(name, project)
                if version is None:
                    _log.warning("%s: ignored, for it is no manifest", key)
                    continue
                manifests.append(ManifestListing(name, key, version, entry["ETag"].strip('"'), entry["Size"]))
    if not manifests:
        raise BucketError(
            "has no manifests",
            file=project.bucket,
            expected=project.manifest_prefix() + project.manifest_name("<version>"),
            remedy="If AWS_ENDPOINT_URL is set, check that it is the S3 you mean.",
        )
    return sorted(manifests, key=lambda manifest: Version.parse(manifest.version))


def read_manifest(client: S3Client, project: Project, name: str) -> Release:
    """The release that a manifest in the bucket describes.

    Raises `UnknownRelease` if there is none of that name, `ManifestError` if it is not one, and the errors of
    `list_manifests`.
    """
    with _answers(project, missing=name):
        answer = client.get_object(Bucket=project.bucket, Key=project.manifest_prefix() + name)
        raw = answer["Body"].read()
    return parse_release(raw, project, name)


def object_sizes(client: S3Client, project: Project, *, page_size: int = PAGE_SIZE) -> dict[tuple[str, str], int]:
    """Bytes of every object version of the project by (key, version id). Raises as `list_manifests` does."""
    pages = client.get_paginator("list_object_versions").paginate(
        Bucket=project.bucket, Prefix=f"{project.s3_name}/", PaginationConfig={"PageSize": page_size}
    )
    with _answers(project):
        return {
            (entry["Key"], entry["VersionId"]): entry["Size"] for page in pages for entry in page.get("Versions", [])
        }


@contextmanager
def _answers(project: Project, missing: str | None = None) -> Iterator[None]:
    """botocore's errors in our words; `missing` is the object that a 404 is about."""
    from botocore.exceptions import ClientError, ConnectionError, HTTPClientError, IncompleteReadError
    from botocore.parsers import ResponseParserError

    try:
        yield
    except ClientError as error:
        raise _refusal(error, project, missing) from error
    except (ConnectionError, HTTPClientError, IncompleteReadError, ResponseParserError) as error:
        raise BucketUnreachable(
            "does not answer, or not as S3 does",
            file=project.bucket,
            found=str(error).splitlines()[0],
            remedy="Check the network and try again later.",
        ) from error


def _refusal(error: ClientError, project: Project, missing: str | None) -> BucketError | UnknownRelease:
    code = error.response["Error"]["Code"]
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    found = f"{status} {code}"
    if code == "NoSuchKey":
        return UnknownRelease(
            f"is not in {project.bucket}", file=missing, remedy="`vbn releases` lists the releases there are."
        )
    if code == "NoSuchBucket":
        return BucketError("there is no such bucket", file=project.bucket, found=found)
    if status >= 500 or code in ("SlowDown", "RequestTimeout"):
        return BucketUnreachable("cannot answer now", file=project.bucket, found=found, remedy="Try again later.")
    return BucketError(
        "refuses to be read", file=project.bucket, expected="a bucket that anyone may list and read", found=found
    )

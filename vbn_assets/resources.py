"""What Dagster hands to assets and sensors: the workspace of a project, and the anonymous S3 client."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster_aws.s3 import S3Resource
from pydantic import PrivateAttr

from vbn_assets.pipeline import Workspace
from vbn_assets.projects import PROJECTS
from vbn_assets.releases.bucket import unsigned_client
from vbn_assets.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class AnonymousS3(S3Resource):
    """dagster-aws's S3 resource without credentials, with timeouts short enough for a sensor, and one client."""

    use_unsigned_session: bool = True

    def get_client(self) -> Any:
        return _client(self.endpoint_url, self.region_name)


@lru_cache
def _client(endpoint_url: str | None, region: str | None) -> S3Client:
    return unsigned_client(endpoint_url, region or "us-west-2")


class VisualBehavior(dg.ConfigurableResource[None]):
    """The mirror, the lake and the warehouse that the settings name."""

    s3: dg.ResourceDependency[S3Resource]
    _settings: Settings = PrivateAttr()

    def __init__(self, *, settings: Settings | None = None, **data: Any) -> None:
        super().__init__(**data)
        self._settings = settings or Settings.from_environment()

    @property
    def settings(self) -> Settings:
        return self._settings

    def workspace(self, project: str) -> Workspace:
        return Workspace(self.settings, PROJECTS[project], self.s3.get_client())

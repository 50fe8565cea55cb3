"""What Dagster hands to assets and sensors: the workspace of a project, and the anonymous S3 client."""

from functools import lru_cache
from typing import Any, Self

import dagster as dg
from dagster_aws.s3 import S3Resource
from pydantic import Field

from vbn_assets.pipeline import Workspace
from vbn_assets.projects import PROJECTS
from vbn_assets.releases.bucket import unsigned_client
from vbn_assets.settings import Settings


class AnonymousS3(S3Resource):
    """dagster-aws's S3 resource without credentials, with timeouts short enough for a sensor, and one client."""

    use_unsigned_session: bool = True

    def get_client(self) -> Any:
        return _client(self.endpoint_url, self.region_name)


@lru_cache
def _client(endpoint_url: str | None, region: str | None) -> Any:
    return unsigned_client(endpoint_url, region or "us-west-2")


class VisualBehavior(dg.ConfigurableResource[None]):
    """The mirror, the lake and the warehouse that the settings name."""

    s3: AnonymousS3
    values: dict[str, Any] = Field(description="The settings of vbn_assets/settings.py, by name")

    @classmethod
    def of(cls, settings: Settings, s3: AnonymousS3) -> Self:
        return cls(s3=s3, values=settings.model_dump(mode="json", exclude_none=True))

    @property
    def settings(self) -> Settings:
        return Settings.model_validate(self.values)

    def workspace(self, project: str) -> Workspace:
        return Workspace(self.settings, PROJECTS[project], self.s3.get_client)

"""A copy of a project's bucket that is only read, such as the bucket itself mounted as a folder.

Its files lie under their keys, without a release in the path: it holds one release, the newest. Nothing is written
below it, not even what was verified.
"""

from __future__ import annotations

from pathlib import Path

from vbn_assets.mirror.ledger import Ledger
from vbn_assets.mirror.mirror import Mirror
from vbn_assets.projects import Project
from vbn_assets.releases.manifest import ReleaseFile


class StaticMirror(Mirror):
    """The files of the newest release as the bucket has them. What is missing or wrong cannot be repaired here."""

    def __init__(self, root: Path, project: Project) -> None:
        super().__init__(root, project, offline=True)
        self._ledger = Ledger(self.root, read_only=True)

    @property
    def manifests(self) -> Path:
        return self.root / self.project.manifest_prefix()

    def path(self, file: ReleaseFile) -> Path:
        return self.root / file.key

    def link(self, file: ReleaseFile, *, verified: bool = False) -> bool:
        return self.holds(file)

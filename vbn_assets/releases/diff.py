"""What one release changed of another, file by file: by what a file is about, never by its key or file_id.

What the changes mean for what is held on this machine belongs to `vbn_assets.holdings`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from vbn_assets.releases.manifest import Release, ReleaseFile


class Change(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    """Other bytes."""
    MOVED = "moved"
    """The same bytes under another key."""
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file of either release. At least one of `before` and `after` is there."""

    kind: str
    id: str
    change: Change
    before: ReleaseFile | None
    after: ReleaseFile | None
    bytes: int | None
    """Size in the later release, of a removed file in the earlier one; None where it is not known."""


@dataclass(frozen=True)
class ReleaseDiff:
    """Every file of two releases, ordered as in the later one, removed files last."""

    before: Release | None
    after: Release
    files: tuple[FileChange, ...]

    def of(self, change: Change) -> tuple[FileChange, ...]:
        return tuple(file for file in self.files if file.change is change)

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Files by kind and change; what does not occur is left out."""
        return _tally(Counter((file.kind, file.change) for file in self.files))

    @property
    def bytes(self) -> dict[str, dict[str, int]]:
        """Bytes by kind and change, of the files whose size is known."""
        known: Counter[tuple[str, Change]] = Counter()
        for file in self.files:
            if file.bytes is not None:
                known[file.kind, file.change] += file.bytes
        return _tally(known)


def diff_releases(
    before: Release | None, after: Release, sizes: Mapping[tuple[str, str], int] | None = None
) -> ReleaseDiff:
    """What `after` changed of `before`; with no release before, everything is added.

    `sizes` are bytes by (key, version id), as `bucket.object_sizes` gives them.
    """
    sizes = sizes or {}
    earlier = {file.identity: file for file in before.files()} if before else {}
    changes = []
    for file in after.files():
        was = earlier.pop(file.identity, None)
        size = sizes.get((file.key, file.version_id))
        changes.append(FileChange(file.kind, file.id, _change(was, file), was, file, size))
    for gone in earlier.values():
        size = sizes.get((gone.key, gone.version_id))
        changes.append(FileChange(gone.kind, gone.id, Change.REMOVED, gone, None, size))
    return ReleaseDiff(before, after, tuple(changes))


def _change(before: ReleaseFile | None, after: ReleaseFile) -> Change:
    if before is None:
        return Change.ADDED
    if before.file_hash != after.file_hash:
        return Change.CHANGED
    return Change.UNCHANGED if before.key == after.key else Change.MOVED


def _tally(numbers: Mapping[tuple[str, Change], int]) -> dict[str, dict[str, int]]:
    tally: dict[str, dict[str, int]] = {}
    for (kind, change), number in numbers.items():
        tally.setdefault(kind, {})[change] = number
    return tally

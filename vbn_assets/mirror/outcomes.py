"""What a mirror says of a file that it brought, would bring, or read again. Doing it is for `mirror`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from vbn_assets.errors import DownloadError, WrongHash
from vbn_assets.releases.manifest import ReleaseFile


class How(StrEnum):
    """How a file came, or would come, to be where it belongs."""

    DOWNLOADED = "downloaded"
    RESUMED = "resumed"
    """Downloaded, but for what an earlier try had left."""
    LINKED = "linked"
    """Its bytes were in the mirror already, under another release or key."""
    PRESENT = "present"


@dataclass(frozen=True)
class Fetched:
    """A file of the mirror that is there and verified."""

    file: ReleaseFile
    path: Path
    how: How
    bytes: int
    """Size of the file."""
    received: int
    """Bytes that came over the network for it."""
    seconds: float


@dataclass(frozen=True)
class Planned:
    """What fetching a file would do, and the bytes it would bring; None where the size is not known."""

    file: ReleaseFile
    how: How
    bytes: int | None


@dataclass(frozen=True)
class Plan:
    """What fetching some files would do."""

    files: tuple[Planned, ...]

    def of(self, how: How) -> tuple[Planned, ...]:
        return tuple(planned for planned in self.files if planned.how is how)

    @property
    def bytes(self) -> int:
        """Bytes to come over the network, of the files whose size is known."""
        return sum(planned.bytes or 0 for planned in self.files)

    @property
    def unknown(self) -> int:
        """How many files to download have a size that is not known."""
        return sum(planned.bytes is None for planned in self.files)


@dataclass(frozen=True)
class Checked:
    """A file that was read again from its first byte to its last."""

    file: ReleaseFile
    path: Path
    bytes: int
    problem: WrongHash | DownloadError | None

    @property
    def intact(self) -> bool:
        return self.problem is None

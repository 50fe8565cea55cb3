"""Files that came some other way (AllenSDK, a browser, a colleague's disk) taken into the mirror by their hash.

Names and folders are not believed: a file is adopted if its bytes are those of a file of a kept release.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vbn_assets.errors import UnknownRelease
from vbn_assets.mirror.disk import hash_file
from vbn_assets.mirror.mirror import Mirror
from vbn_assets.releases.manifest import ReleaseFile

_SUFFIXES = frozenset({".nwb", ".csv"})


@dataclass(frozen=True)
class Adopted:
    """A file that was looked at; `file` is the newest release's that has its bytes, None if there is none."""

    source: Path
    file: ReleaseFile | None
    new: bool
    """Whether the mirror did not have it yet."""


def adopt(mirror: Mirror, folder: Path) -> Iterator[Adopted]:
    """Every NWB and CSV file below `folder`, hashed, and taken into the mirror where a kept release has it.

    Sources stay where they are: the mirror gets a hard link, or else a symbolic link, or else a copy. Raises
    `UnknownRelease` if no manifest is kept to compare with.
    """
    wanted = {file.file_hash: file for release in mirror.releases() for file in release.files()}
    if not wanted:
        raise UnknownRelease(
            f"no release of {mirror.project.name} is kept to compare with", remedy="Run `vbn sync` first."
        )
    for source in sorted(folder.rglob("*")):
        if source.suffix in _SUFFIXES and source.is_file():
            file = wanted.get(hash_file(source))
            new = file is not None and not mirror.holds(file)
            if file and new:
                mirror.take(source, file)
            yield Adopted(source, file, new)

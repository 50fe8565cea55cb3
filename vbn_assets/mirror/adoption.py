"""Files that came some other way (AllenSDK, a browser, DANDI, a colleague's disk) taken into the mirror by their hash.

Names and folders are not believed: a file is adopted if its bytes are those of a file of a release. A name only helps
to say that bytes are wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from vbn_assets.errors import ManifestError
from vbn_assets.mirror.disk import hash_file
from vbn_assets.mirror.mirror import Mirror
from vbn_assets.projects import Project
from vbn_assets.releases.manifest import METADATA, Release, ReleaseFile, parse_release, version_in

_SUFFIXES = frozenset({".nwb", ".csv"})


@dataclass(frozen=True)
class Adopted:
    """A file that was looked at."""

    source: Path
    file: ReleaseFile | None
    """The newest release's that has its bytes; None if there is none."""
    new: bool = False
    """Whether the mirror did not have it yet."""
    problem: str | None = None
    """Why a file that looks like one of a release is none. It was left as it is."""


def candidates(folders: Iterable[Path]) -> list[Path]:
    """Every NWB and CSV file in or below the folders, also links to nothing, but nothing in hidden folders."""
    found = (path for folder in folders for path in ([folder] if folder.is_file() else _below(folder)))
    return [path for path in dict.fromkeys(found) if path.suffix in _SUFFIXES]


def _below(folder: Path) -> list[Path]:
    paths = sorted(folder.rglob("*"))
    return [path for path in paths if not any(part.startswith(".") for part in path.relative_to(folder).parts)]


def releases_in(folder: Path, project: Project) -> Iterator[Release | ManifestError]:
    """What the manifests in a folder, such as AllenSDK's, describe; the error of one that is broken."""
    for path in sorted(folder.glob("*.json")):
        if version_in(path.name, project):
            try:
                yield parse_release(path.read_bytes(), project, path.name)
            except ManifestError as error:
                yield error


def hashes(
    sources: Iterable[Path], advanced: Callable[[int], None] | None = None
) -> Iterator[tuple[Path, str | OSError]]:
    """The hash of each source, or why it cannot be read. One file under several names is read once."""
    seen: dict[tuple[int, int], str] = {}
    for source in sources:
        try:
            status = source.stat()
            inode = status.st_dev, status.st_ino
            if inode not in seen:
                seen[inode] = hash_file(source, advanced)
        except OSError as error:
            yield source, error
        else:
            yield source, seen[inode]


class Adoption:
    """Takes files into one mirror that have the bytes of a file of some releases."""

    def __init__(self, mirror: Mirror, releases: Iterable[Release]) -> None:
        self._mirror = mirror
        ordered = sorted(releases, key=lambda release: release.semver)
        self._wanted = {file.file_hash: (release, file) for release in ordered for file in release.files()}
        self._names = _names(ordered)

    def take(self, source: Path, found: str | OSError) -> Adopted:
        """What becomes of a source that has this hash. It stays where it is: the mirror gets a hard link to it, or else
        a symbolic link, or else a copy. A release of which something was taken is kept.
        """
        if isinstance(found, OSError):
            return Adopted(source, None, problem=f"cannot be read: {found.strerror}")
        if found not in self._wanted:
            return Adopted(source, None, problem=self._mistake(source))
        release, file = self._wanted[found]
        new = not self._mirror.holds(file)
        self._mirror.keep_manifest(release)
        if new:
            self._mirror.take(source.resolve(), file)
        return Adopted(source, file, new)

    def _mistake(self, source: Path) -> str | None:
        file = self._names.get(source.parts[-2:]) or self._names.get((source.name,))
        return f"has the name of {file.kind} {file.id} and not the bytes that any release names" if file else None


def _names(releases: Iterable[Release]) -> dict[tuple[str, ...], ReleaseFile]:
    """Files by what is theirs alone: folder and name, and the name of a session's file, which has the session's id."""
    names: dict[tuple[str, ...], ReleaseFile] = {}
    for release in releases:
        for file in release.files():
            names[tuple(file.key.split("/")[-2:])] = file
            if file.kind != METADATA and file.id in file.name:
                names[file.name,] = file
    return names

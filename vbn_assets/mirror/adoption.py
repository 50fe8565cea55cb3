"""Files that came some other way (AllenSDK, a browser, DANDI, a colleague's disk) taken into the mirror by their hash.

Names and folders are not believed: a file is adopted if its bytes are those of a file of a release. A name only helps
to say that bytes are wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vbn_assets.errors import ManifestError, UnknownRelease
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


def adopt(
    mirror: Mirror,
    sources: Iterable[Path],
    releases: Sequence[Release],
    advanced: Callable[[int], None] | None = None,
) -> Iterator[Adopted]:
    """Take each source that has the bytes of a file of one of the releases into the mirror. `advanced` counts bytes.

    Sources stay where they are: the mirror gets a hard link, or else a symbolic link, or else a copy. A release of
    which something was taken is kept. Raises `UnknownRelease` if there is no release to compare with.
    """
    if not releases:
        raise UnknownRelease(
            f"no release of {mirror.project.name} is known to compare with", remedy="Run `vbn sync` first."
        )
    ordered = sorted(releases, key=lambda release: release.semver)
    wanted = {file.file_hash: (release, file) for release in ordered for file in release.files()}
    names = _names(ordered)
    seen: dict[tuple[int, int], str] = {}
    for source in sources:
        try:
            status = source.stat()
            inode = status.st_dev, status.st_ino
            if inode not in seen:
                seen[inode] = hash_file(source, advanced)
        except OSError as error:
            yield Adopted(source, None, problem=f"cannot be read: {error.strerror}")
            continue
        if seen[inode] in wanted:
            yield _taken(mirror, source, *wanted[seen[inode]])
        else:
            yield Adopted(source, None, problem=_mistake(source, names))


def _taken(mirror: Mirror, source: Path, release: Release, file: ReleaseFile) -> Adopted:
    new = not mirror.holds(file)
    mirror.keep_manifest(release)
    if new:
        mirror.take(source.resolve(), file)
    return Adopted(source, file, new)


def _names(releases: Iterable[Release]) -> dict[tuple[str, ...], ReleaseFile]:
    """Files by what is theirs alone: folder and name, and the name of a session's file, which has the session's id."""
    names: dict[tuple[str, ...], ReleaseFile] = {}
    for release in releases:
        for file in release.files():
            names[tuple(file.key.split("/")[-2:])] = file
            if file.kind != METADATA and file.id in file.name:
                names[file.name,] = file
    return names


def _mistake(source: Path, names: Mapping[tuple[str, ...], ReleaseFile]) -> str | None:
    file = names.get(source.parts[-2:]) or names.get((source.name,))
    if file is None:
        return None
    return f"has the name of {file.kind} {file.id} and not the bytes that any release names"

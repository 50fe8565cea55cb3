"""One project's verified files on disk: where each is, whether it is there, and how it gets there.

The layout is AllenSDK's, so that its `from_local_cache` opens the folder and a folder it filled is taken over as
it is. A file has its name only while its bytes are the release's: what is on its way is in `.download`, what
rotted in `.quarantine`. What to fetch is for the callers to say.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from semver import Version

from vbn_assets.errors import DiskFull, DownloadError, ManifestError, NotHere, SettingsError, WrongHash
from vbn_assets.mirror import disk
from vbn_assets.mirror.download import Downloader, Limits
from vbn_assets.mirror.ledger import Ledger
from vbn_assets.mirror.objects import Contradiction, Objects
from vbn_assets.mirror.outcomes import Checked, Fetched, How, Plan, Planned
from vbn_assets.mirror.partial import Partial, sweep
from vbn_assets.mirror.progress import Progress, Silence
from vbn_assets.mirror.verified import Seen
from vbn_assets.projects import Project
from vbn_assets.releases.manifest import Release, ReleaseFile, parse_release, version_in

_LAST_USED = "_manifest_last_used.txt"
"""AllenSDK's note of the release it opens first: a manifest's name, without a newline."""
_WORK = ".download"
_QUARANTINE = ".quarantine"
_DOWNLOADS = 2
"""Wrong bytes may be the network's doing once; twice, they are the bucket's."""

_FETCH_IT = "`from_s3_cache` and `vbn sync` fetch it."

_log = logging.getLogger(__name__)


class Mirror:
    """The verified copies of one project's files below `root`. Threads and processes may share it.

    An `offline` one never asks the network: what is not here raises `NotHere`.
    """

    def __init__(
        self,
        root: Path,
        project: Project,
        *,
        endpoint_url: str | None = None,
        limits: Limits | None = None,
        offline: bool = False,
    ) -> None:
        self.root = root.absolute()
        self.project = project
        self._offline = offline
        self._limits = limits or Limits()
        self._line = threading.Lock()
        self._ledger = Ledger(self.root)
        self._objects = Objects(project, endpoint_url, self._limits.connect_seconds, self._limits.request_seconds)

    @property
    def manifests(self) -> Path:
        """The folder with the kept manifests."""
        return self.root

    def path(self, file: ReleaseFile) -> Path:
        """Where the file belongs, whether it is there or not."""
        _, _, below = file.key.partition("/")
        path = self.root / f"{self.project.s3_name}-{file.release}" / below
        if ".." in path.relative_to(self.root).parts:  # `parse_release` lets no such key in
            raise ValueError(f"{file.key} leaves the mirror")
        return path

    def keep_manifest(self, release: Release) -> Path:
        """Keep a release's manifest as it was published. Which one AllenSDK opens stays as it is: see `use`."""
        path = self.root / release.manifest_name
        if not path.exists() or path.read_bytes() != release.raw:
            self._require_writable()
            disk.replace_file(path, release.raw)
        if os.access(self.root, os.W_OK):
            self._ledger.ensure()
        return path

    def use(self, release: Release) -> None:
        """Let AllenSDK, and our client, open this release first; until then, the highest one that there is.

        Only who opens one may say so: a notebook must not move to another release because the pipeline fetched it.
        """
        self._require_writable()
        disk.replace_file(self.root / _LAST_USED, release.manifest_name.encode())

    def used(self) -> str | None:
        """The manifest that AllenSDK's note says was used last, whether there is one of that name or not."""
        note = self.root / _LAST_USED
        return note.read_text(errors="replace") if note.is_file() else None

    def versions(self) -> list[str]:
        """The versions of which a manifest is kept, in order, whatever is in it."""
        found = (version_in(path.name, self.project) for path in self.manifests.glob("*.json"))
        return sorted(filter(None, found), key=Version.parse)

    def release(self, version: str) -> Release | None:
        """The release of that version, if its manifest is kept. Raises `ManifestError` if what is kept is none."""
        kept = self._kept(version)
        if isinstance(kept, ManifestError):
            raise kept
        return kept

    def releases(self) -> list[Release]:
        """The releases whose manifests are kept, in order of version.

        A file that has a manifest's name and is none is left out with a warning: AllenSDK writes its manifests in
        place, so that one may be half there, and the other releases are none the worse.
        """
        return [release for release in map(self._kept, self.versions()) if isinstance(release, Release)]

    def _kept(self, version: str) -> Release | ManifestError | None:
        path = self.manifests / self.project.manifest_name(version)
        return _kept_release(path, path.stat().st_mtime_ns, self.project) if path.is_file() else None

    def holds(self, file: ReleaseFile) -> bool:
        """Whether the file is there with the bytes its release names. A file not seen before is hashed, once."""
        return self._has(self.path(file), file)

    def fetch(self, file: ReleaseFile, progress: Progress | None = None) -> Fetched:
        """Have the file where it belongs, verified: at once if it is there, by a link if its bytes are, else from S3.

        Raises `FileGone`, `BucketError`, `DownloadError`, `DiskFull`, `WrongHash`, `SettingsError` if the mirror
        cannot be written, or `NotHere` if it is offline. A download broken off, however it was, goes on at the next
        call.
        """
        started = time.monotonic()
        how, received = How.PRESENT, 0
        with _disk_errors(file):
            there = self.holds(file)
        if not there:
            if self._offline:
                how = self._link_here(file)
            else:
                self._require_writable()
                how, received = self._bring(file, progress or Silence())
        path = self.path(file)
        return Fetched(file, path, how, path.stat().st_size, received, time.monotonic() - started)

    def link(self, file: ReleaseFile, *, verified: bool = False) -> bool:
        """Have the file where it belongs if its bytes are in the mirror already; nothing comes over the network.

        With `verified`, only a copy that was hashed before counts, so that nothing large is read.
        """
        if not os.access(self.root, os.W_OK):
            return self.holds(file)
        with _disk_errors(file), self._partial(file).lock():
            return self._has(self.path(file), file) or self._linked(file, verified=verified)

    def plan(self, files: Iterable[ReleaseFile], sizes: Mapping[tuple[str, str], int] | None = None) -> Plan:
        """What fetching the files would do, without touching any; a file not verified yet counts as present.

        `sizes` are bytes by (key, version id), as `releases.bucket.object_sizes` gives them.
        """
        planned: list[Planned] = []
        known = self._ledger.hashes()
        for file in files:
            planned.append(self._planned(file, sizes or {}, known))
            known.add(file.file_hash)
        return Plan(tuple(planned))

    def verify(self, file: ReleaseFile, progress: Progress | None = None) -> Checked:
        """Read a file that is there again. A rotten one is set aside, so that the next fetch brings it anew.

        One that the disk does not give stays where it is: the disk may do so later.
        """
        path, watched = self.path(file), progress or Silence()
        status = path.stat()
        watched.started(file, status.st_size, 0)
        try:
            with _disk_errors(file):
                found = disk.hash_file(path, lambda count: watched.advanced(file, count))
        except DownloadError as problem:
            return Checked(file, path, status.st_size, problem)
        if found == file.file_hash:
            self._ledger.remember(path, status, found, right=True)
            return Checked(file, path, status.st_size, None)
        return Checked(file, path, status.st_size, self._wrong(file, found, self._set_aside(file)))

    def scrub(self, files: Iterable[ReleaseFile] | None = None, progress: Progress | None = None) -> Iterator[Checked]:
        """`verify` of the files, by default of every kept release's, that are there; linked ones are read once."""
        if files is None:
            files = [file for release in self.releases() for file in release.files()]
        there = [file for file in files if self.path(file).is_file()]
        intact: set[tuple[int, int, str]] = set()
        for file in sorted(there, key=lambda file: self.path(file).is_symlink()):
            path = self.path(file)
            if not path.is_file():  # a link to a file that was just set aside
                continue
            status = path.stat()
            content = (status.st_dev, status.st_ino, file.file_hash)
            if content not in intact:
                checked = self.verify(file, progress)
                if checked.intact:
                    intact.add(content)
                yield checked

    def sweep(self) -> int:
        """Remove downloads that were broken off and that nobody went on with for a month; how many."""
        return sweep(self.root / _WORK) if os.access(self.root, os.W_OK) else 0

    def set_aside(self) -> list[Path]:
        """Files that had other bytes than their release names, and lost their names. Nothing removes them."""
        return sorted((self.root / _QUARANTINE).glob("*"))

    def content(self) -> list[Path]:
        """Every file in the folders of releases, known or not, each once: links are followed."""
        folders = self.root.glob(f"{self.project.s3_name}-*")
        paths = (path for folder in folders for path in folder.rglob("*") if "json" not in path.name)
        return sorted({path.resolve() for path in paths if path.is_file()})

    def hash_all(self, advanced: Callable[[int], None] | None = None) -> None:
        """Make AllenSDK's record of downloads, and ours, anew: all of `content` is hashed, `advanced` told of bytes."""
        self._require_writable()
        seen: dict[Path, Seen] = {}
        for path in self.content():
            status = path.stat()
            seen[path] = Seen(status.st_size, status.st_mtime_ns, disk.hash_file(path, advanced))
        self._ledger.start_over(seen)

    def take(self, source: Path, file: ReleaseFile) -> Path:
        """Make `source`, a file elsewhere that is known to have the right bytes, the mirror's copy."""
        path = self.path(file)
        with _disk_errors(file), self._partial(file).lock():
            self._make_way(path, file)
            disk.place(source, path, (disk.hard_link, disk.symlink, disk.copy))
            self._ledger.remember(path, path.stat(), file.file_hash, right=True)
        return path

    def _bring(self, file: ReleaseFile, progress: Progress) -> tuple[How, int]:
        """How the file came, and the bytes received. The lock is by content: other names for it wait and are linked."""
        path, partial = self.path(file), self._partial(file)
        with _disk_errors(file), partial.lock():
            if self._has(path, file):
                return How.PRESENT, 0
            if self._linked(file):
                return How.LINKED, 0
            self._make_way(path, file)
            return self._download(file, partial, progress)

    def _link_here(self, file: ReleaseFile) -> How:
        path = self.path(file)
        if self.link(file):
            return How.LINKED
        if path.is_file():
            raise self._wrong(file, self._ledger.hash_of(path), _FETCH_IT)
        raise NotHere(
            f"You started a cache without a connection to s3 and {path} is not already on your system",
            remedy=_FETCH_IT,
        )

    def _linked(self, file: ReleaseFile, *, verified: bool = False) -> bool:
        """Whether a copy was here that now is the file too. To be used inside the lock of its content only."""
        path, copies = self.path(file), self._ledger.copies(file.file_hash)
        if verified:
            copies = [copy for copy in copies if self._ledger.hash_of(copy)]
        copy = next((copy for copy in copies if self._right(copy, file)), None)
        if copy is None:
            return False
        self._make_way(path, file)
        disk.place(copy, path, (disk.symlink, disk.hard_link, disk.copy))
        if not self._has(path, file):
            raise self._wrong(file, self._ledger.hash_of(path), f"The disk lost bytes of a copy of {copy}.")
        return True

    def _download(self, file: ReleaseFile, partial: Partial, progress: Progress) -> tuple[How, int]:
        received, found = 0, ""
        for _ in range(_DOWNLOADS):
            how = How.RESUMED if partial.done else How.DOWNLOADED
            try:
                download = Downloader(file, self._objects, partial, self._limits, progress, self._line).run()
            except Contradiction as contradiction:
                found = str(contradiction)
            else:
                received, found = received + download.received, download.file_hash
            if found == file.file_hash:
                path = self.path(file)
                partial.become(path)
                self._ledger.remember(path, path.stat(), found, right=True)
                return how, received
            _log.warning("%s of release %s came with wrong bytes: discarded", file.key, file.release)
            partial.start_over()
        raise self._wrong(file, found, "What came was discarded. If it happens again, the bucket is wrong.")

    def _planned(self, file: ReleaseFile, sizes: Mapping[tuple[str, str], int], known: set[str]) -> Planned:
        path, partial = self.path(file), self._partial(file)
        if path.is_file() and self._ledger.hash_of(path) in (None, file.file_hash):
            return Planned(file, How.PRESENT, 0)
        if file.file_hash in known:
            return Planned(file, How.LINKED, 0)
        partial.load()
        if partial.size is not None and partial.done:
            return Planned(file, How.RESUMED, partial.size - partial.done)
        return Planned(file, How.DOWNLOADED, sizes.get((file.key, file.version_id)))

    def _has(self, path: Path, file: ReleaseFile) -> bool:
        return path.is_file() and self._right(path, file)

    def _right(self, path: Path, file: ReleaseFile) -> bool:
        """Whether the bytes at `path` are the file's."""
        found = self._ledger.hash_of(path)
        if found is None:
            status = path.stat()
            found = disk.hash_file(path)
            self._ledger.remember(path, status, found, right=found == file.file_hash)
        return found == file.file_hash

    def _make_way(self, path: Path, file: ReleaseFile) -> None:
        if path.is_dir():
            raise WrongHash(
                "has its place taken by a folder", file=str(path), release=file.release, remedy="Move the folder away."
            )
        if path.is_file():
            _log.warning("%s does not have the bytes of release %s. %s", path, file.release, self._set_aside(file))

    def _set_aside(self, file: ReleaseFile) -> str:
        """Take a rotten file's name away; what was done, as a sentence."""
        path = self.path(file)
        if not os.access(self.root, os.W_OK):
            return "The mirror is read-only here: repair it where it can be written."
        if path.is_symlink():
            path.unlink()
            return "The link to it was removed; the next fetch brings it anew."
        aside = self.root / _QUARANTINE / f"{file.release}-{time.time_ns()}-{file.name}"
        aside.parent.mkdir(exist_ok=True)
        path.replace(aside)
        self._ledger.forget(path)
        return f"It was moved to {aside}; the next fetch brings it anew."

    def _wrong(self, file: ReleaseFile, found: object, remedy: str) -> WrongHash:
        return WrongHash(
            "does not have the bytes its release names",
            file=str(self.path(file)),
            release=file.release,
            expected=file.file_hash,
            found=found,
            remedy=remedy,
        )

    def _partial(self, file: ReleaseFile) -> Partial:
        return Partial(self.root / _WORK, file.file_hash, self._limits.part_size)

    def _require_writable(self) -> None:
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            found = None if os.access(self.root, os.W_OK) else "a read-only folder"
        except OSError as error:
            found = error.strerror
        if found:
            raise SettingsError(
                "the mirror cannot be written",
                file=str(self.root),
                expected="a folder that may be written",
                found=found,
                remedy="Set VBN_DATA_DIR to one; what is in the mirror can still be read.",
            )


@lru_cache(maxsize=64)
def _kept_release(path: Path, modified: int, project: Project) -> Release | ManifestError:
    """A kept manifest, parsed once as long as it is not written again (`modified`), or what is wrong with it."""
    try:
        return parse_release(path.read_bytes(), project, path.name)
    except ManifestError as error:
        problem = ManifestError(
            error.problem,
            file=str(path),
            expected=error.expected,
            found=error.found,
            remedy="Remove it; `vbn sync` fetches it anew.",
        )
        _log.warning("%s", problem)
        return problem


@contextmanager
def _disk_errors(file: ReleaseFile) -> Iterator[None]:
    """What the operating system refused, in our words."""
    try:
        yield
    except OSError as error:
        facts = {"file": file.key, "release": file.release, "found": error.strerror or str(error)}
        if error.errno in disk.NO_ROOM:
            raise DiskFull(
                "does not fit on the disk",
                **facts,
                remedy="Free some space and fetch it again: what is complete is kept.",
            ) from error
        raise DownloadError(
            "cannot be read or written", **facts, remedy="Check the disk, then fetch it again."
        ) from error

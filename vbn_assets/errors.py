"""What can go wrong, in words a user can act on.

Every error a user may meet is a `VbnError`: one line that names the file, the release, what was expected,
what came and what to do next. Programming mistakes stay ordinary exceptions. No error is raised here.
"""

from __future__ import annotations


class VbnError(Exception):
    """A problem described by its facts; `str()` puts them into one line.

    `retryable` says whether the same call may succeed later without anyone changing anything.
    """

    retryable = False

    def __init__(
        self,
        problem: str,
        *,
        file: str | None = None,
        release: str | None = None,
        expected: object = None,
        found: object = None,
        remedy: str | None = None,
    ) -> None:
        self.problem = problem
        self.file = file
        self.release = release
        self.expected = expected
        self.found = found
        self.remedy = remedy
        super().__init__(problem)

    def __str__(self) -> str:
        where = " of release ".join(part for part in (self.file, self.release) if part)
        text = f"{where}: {self.problem}" if where else self.problem
        if self.expected is not None:
            text += f"; expected {self.expected}"
        if self.found is not None:
            text += f"; found {self.found}" if self.expected is None else f", found {self.found}"
        if self.remedy:
            text += f". {self.remedy}"
        return " ".join(text.split())


class SettingsError(VbnError):
    """An environment variable or option has a value that means nothing."""


class BucketError(VbnError):
    """The bucket could not be listed or read: it is missing, closed to us, empty or out of reach."""


class BucketUnreachable(BucketError):
    """The bucket did not answer, or answered 5xx, in the time and tries allowed."""

    retryable = True


class ManifestError(VbnError):
    """A manifest is not one, or names something outside its project."""


class UnknownRelease(VbnError):
    """No such release, file or session is known."""


class DownloadError(VbnError):
    """A file could not be fetched: cut short, stalled or refused, after every allowed try."""

    retryable = True


class FileGone(VbnError):
    """The bucket no longer has the object version that the manifest pins."""


class WrongHash(VbnError):
    """The bytes are not the ones the release names."""


class NotHere(VbnError, FileNotFoundError):
    """A file is not on this machine, and nothing may be fetched."""


class DiskFull(VbnError):
    """There is not enough free space for what was asked."""


class MetadataError(VbnError):
    """A metadata CSV does not have the columns, types, keys or file ids that its release promises."""


class NwbError(VbnError):
    """An NWB file is not HDF5, is cut short, lacks a group, or is about another session."""


class WarehouseError(VbnError):
    """The lake or warehouse.duckdb cannot be read or published."""

"""How a fetch or a scrub says how far it is. Rates, times left and how they look belong to whoever shows them."""

from __future__ import annotations

from typing import Protocol

from vbn_assets.releases.manifest import ReleaseFile


class Progress(Protocol):
    """Told of bytes as they come, from several threads at once; must return at once."""

    def started(self, file: ReleaseFile, total: int, done: int) -> None:
        """The file has `total` bytes, of which `done` need no work. Comes again if a file is begun anew."""

    def advanced(self, file: ReleaseFile, count: int) -> None:
        """`count` more bytes of the file are done."""


class Silence:
    """Progress that nobody watches."""

    def started(self, file: ReleaseFile, total: int, done: int) -> None:
        pass

    def advanced(self, file: ReleaseFile, count: int) -> None:
        pass

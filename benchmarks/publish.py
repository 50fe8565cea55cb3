"""Publishing one more session, as the warehouse grows, against building it anew.

    python benchmarks/publish.py [SESSIONS ...]

Each session has real row counts without spikes and waveforms; by default up to 153, which is all of VBN.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from comparison import Row, Run, call, show
from comparison.peers import announce
from comparison.vbn_sized import SESSIONS, SizedLake

from vbn_assets.projects import VBN
from vbn_assets.settings import Settings
from vbn_assets.warehouse.lake import Lake
from vbn_assets.warehouse.publish import publish


def publishes(settings: Settings, sizes: list[int]) -> Iterator[tuple[int, Run, Run]]:
    """At each size: the time to build anew what is there, and to publish the next session after that."""
    sized = SizedLake(Lake(settings.lake_dir, VBN.name))
    sized.add_release()
    held = 0
    for size in sizes:
        sized.add_sessions(range(held, size - 1))
        settings.warehouse_path.unlink(missing_ok=True)
        anew = call(lambda: publish(settings))
        sized.add_sessions([size - 1])
        yield size, anew, call(lambda: publish(settings))
        held = size


def main() -> None:
    announce(1, 1)
    sizes = [int(size) for size in sys.argv[1:]] or [5, 20, 80, SESSIONS]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder), projects=("vbn",))
        for size, anew, one_more in publishes(settings, sizes):
            megabytes = settings.warehouse_path.stat().st_size / 1e6
            what = f"session {size} published, warehouse of {megabytes:,.0f} MB"
            rows.append(Row(what, "built anew", anew, one_more, "<= 3 s"))
    show(rows)


if __name__ == "__main__":
    main()

"""What the benchmarks share: whole processes and calls measured, sides taken in turns, and the table that is printed.

What is measured, against whom, and on what data stands in the scripts.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Run:
    """One way of doing the work, once or the median of several times."""

    seconds: float
    processor: float | None = None
    """Seconds of processor time, all cores together: they say more than the clock where others use the machine too."""
    megabytes: float | None = None
    """Peak memory of the whole process, where it had one of its own."""

    def __str__(self) -> str:
        said = [_seconds(self.seconds)]
        if self.processor is not None:
            said.append(f"{_seconds(self.processor)} of processor")
        if self.megabytes is not None:
            said.append(f"{self.megabytes:,.0f} MB")
        return ", ".join(said)


@dataclass(frozen=True)
class Row:
    """One line of the table: what is done, by whom else, how fast each was, and what is aimed at."""

    what: str
    peer: str
    theirs: Run | None
    """None where the peer is not installed, or there is none."""
    ours: Run
    aim: str = ""

    @property
    def ratio(self) -> str:
        """How many times faster ours is, by the clock and by the processor's time."""
        if self.theirs is None:
            return "-"
        by_clock = f"{self.theirs.seconds / self.ours.seconds:.2f} x"
        if self.theirs.processor is None or not self.ours.processor:
            return by_clock
        return f"{by_clock} ({self.theirs.processor / self.ours.processor:.2f} x)"


def process(command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> Run:
    """Wall time and peak memory of a whole process. Ends the benchmark if the process fails."""
    started = time.monotonic()
    running = subprocess.Popen(command, env={**os.environ, **(environment or {})}, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(running.pid, 0)
    seconds = time.monotonic() - started
    if status:
        sys.exit(f"failed: {' '.join(map(str, command))[:200]}")
    peak = usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    return Run(seconds, usage.ru_utime + usage.ru_stime, peak)


def call(work: Callable[[], object]) -> Run:
    """One call in this process."""
    started, before = time.monotonic(), time.process_time()
    work()
    return Run(time.monotonic() - started, time.process_time() - before)


def in_turns(*sides: Callable[[], Run], rounds: int = 3) -> list[Run]:
    """The median of each side. They take turns, so that what else the machine does falls on all of them."""
    runs = [[side() for side in sides] for _ in range(rounds)]
    return [_median(of_side) for of_side in zip(*runs, strict=True)]


def warm(files: Iterable[Path]) -> None:
    """Read the files once, so that every side finds them in the page cache."""
    for file in files:
        with file.open("rb") as stream:
            while stream.read(1 << 24):
                pass


def show(rows: Sequence[Row]) -> None:
    """The table, and the machine it was measured on."""
    cells = [("what", "peer", "peer's", "ours", "ratio (of processor time)", "aim")]
    cells += [(row.what, row.peer, str(row.theirs or "-"), str(row.ours), row.ratio, row.aim) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    print(machine())
    for line in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip(), flush=True)


def machine() -> str:
    """The processor, its cores, and how busy they are with other things."""
    busy = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    versions = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    return f"{_processor()}, {os.cpu_count()} cores{busy}; {versions}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, "unknown processor")


def _median(runs: Sequence[Run]) -> Run:
    processor = [run.processor for run in runs if run.processor is not None]
    megabytes = [run.megabytes for run in runs if run.megabytes is not None]
    return Run(
        statistics.median(run.seconds for run in runs),
        statistics.median(processor) if processor else None,
        statistics.median(megabytes) if megabytes else None,
    )


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 10 else f"{seconds:.3g} s"

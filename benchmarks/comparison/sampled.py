"""Where a process spends its time: py-spy's samples, summed up by our functions and what they call.

A thread counts while it computes or waits for the disk, and on a machine that does other things too, for a core. py-spy
sees Python's threads; those of DuckDB and Arrow are what is left of the processor time.
"""

from __future__ import annotations

import linecache
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vbn_assets import __file__ as package

RATE = 100
"""Samples a second."""
OPTIONS = ("record", "--nonblocking", "--rate", str(RATE), "--format", "raw")
"""A process that is stopped for each sample wakes its waiting threads: of a download they were four fifths."""
SHOWN = 8
"""Parts of a stage."""
LEAST = 0.03
"""Share of a stage from which on a call is named; others are summed up by our functions that make them."""
BENCHMARKS = Path(__file__).parents[1]
ROOTS = (Path(package).parents[1], BENCHMARKS)
"""Below these our files are, with the names that py-spy gives them."""
WAITING = {"threading.py", "concurrent/futures/thread.py", "concurrent/futures/_base.py", "selectors.py", "queue.py"}
"""Files whose functions only wait, also where the system says that the thread is ready to run."""
SQL_CALLS = "sqlalchemy/engine/default.py"
"""Where SQLAlchemy calls SQLite, which has no frames."""
TIMED = """
import pathlib, sys, time
processor, script = sys.argv.pop(1), sys.argv.pop(1)
try:
    exec(script, {"__name__": "__main__"})
except SystemExit as ended:
    if ended.code:
        raise
pathlib.Path(processor).write_text(str(time.process_time()))
"""
"""py-spy does not tell how a process ended: one that failed leaves no time."""


@dataclass(frozen=True)
class Frame:
    """One line of a stack."""

    function: str
    file: str
    line: int

    @classmethod
    def parse(cls, text: str) -> Frame:
        found = re.fullmatch(r"(?P<function>.*) \((?P<file>.*?)(?::(?P<line>\d+))?\)", text)
        return cls(found["function"], found["file"], int(found["line"] or 0)) if found else cls(text, "", 0)

    @property
    def path(self) -> Path | None:
        """The file, if it is one of ours."""
        places = [root / self.file for root in ROOTS if not self.file.startswith("/")]
        return next((place for place in places if place.is_file()), None)

    @property
    def importing(self) -> bool:
        return self.file.startswith("<frozen importlib")

    @property
    def name(self) -> str:
        """`module.function`, ours without the package's name."""
        below = "benchmarks/" if (BENCHMARKS / self.file).is_file() else ""
        module = (below + self.file.removeprefix("vbn_assets/")).removesuffix(".py").removesuffix("/__init__")
        return f"{module.replace('/', '.')}.{self.short}"

    @property
    def short(self) -> str:
        """The function without those that it is inside of."""
        return self.function.replace(".<locals>", "")

    @property
    def call(self) -> str:
        """The first thing that our line calls: what is written in C has no frame of its own."""
        found = re.search(r"([\w.]+)\(", linecache.getline(str(self.path), self.line))
        return found[1] if found else ""


@dataclass(frozen=True)
class Profile:
    parts: Counter[str]
    """Samples by part, of all rounds."""
    processor: float
    """Seconds of processor time of all rounds, all threads together."""
    rounds: int

    def table(self) -> str:
        """Markdown: the parts that took most, with their shares."""
        unseen = round(self.processor * RATE) - self.parts.total()
        parts = self.parts + Counter({"threads of DuckDB and Arrow": max(0, unseen)})
        total, named = parts.total(), Counter[str]()
        for part, samples in parts.items():
            named[part if samples > LEAST * total else part.partition(":")[0]] += samples
        shown = [(part, samples) for part, samples in named.most_common(SHOWN) if samples > 0.01 * total]
        shown.append(("all else", total - sum(samples for _, samples in shown)))
        seconds, sampled = self.processor / self.rounds, self.parts.total() / RATE / self.rounds
        lines = [f"{seconds:.1f} s of processor, {sampled:.1f} s sampled", "", "| share | part |", "|---|---|"]
        lines += [f"| {samples / total:.0%} | {part} |" for part, samples in shown]
        return "\n".join(lines)


def profile(
    py_spy: str,
    script: str,
    arguments: Sequence[str | Path],
    scratch: Path,
    environment: Mapping[str, str] | None = None,
    rounds: int = 1,
) -> Profile:
    """The script in a process of its own, `rounds` times. Ends the benchmark if it fails, or py-spy may not look."""
    parts, processor = Counter[str](), 0.0
    stacks, clock = scratch / "stacks", scratch / "processor"
    command: list[str | Path] = [py_spy, *OPTIONS, "--output", stacks, "--", sys.executable, "-W", "ignore"]
    command += ["-c", TIMED, clock, script, *arguments]
    for _ in range(rounds):
        done = subprocess.run(command, env={**os.environ, **(environment or {})}, capture_output=True, text=True)
        if not clock.exists():
            sys.exit(f"{script.strip()}\n{done.stdout}{done.stderr}")
        processor += float(clock.read_text())
        clock.unlink()
        parts += count(stacks.read_text().splitlines())
    return Profile(parts, processor, rounds)


def count(stacks: Sequence[str]) -> Counter[str]:
    """Samples by part, of py-spy's stacks with their counts; what waits is left out."""
    counted = Counter[str]()
    for line in stacks:
        text, _, samples = line.rpartition(" ")
        frames = [Frame.parse(frame) for frame in text.split(";") if frame]
        if not frames or frames[-1].file not in WAITING:
            counted[part(frames)] += int(samples)
    return counted


def part(frames: Sequence[Frame]) -> str:
    """Our function that is deepest in the stack, and what it calls there; else the library that is at work."""
    ours = max((at for at, frame in enumerate(frames) if frame.path and frame.function != "<module>"), default=-1)
    if any(frame.importing for frame in frames[ours + 1 :]):
        return "imports"
    if ours < 0:
        return _library(frames)
    here, below = frames[ours], frames[ours + 1 :]
    called = f"{below[0].file.partition('/')[0].removesuffix('.py')} {below[0].short}" if below else here.call
    return f"`{here.name}`: `{called}`" if called else f"`{here.name}`"


def _library(frames: Sequence[Frame]) -> str:
    """Whose function is deepest, but for the standard library's."""
    if not frames:
        return "start and end of the process"
    if frames[-1].file == SQL_CALLS:
        return f"SQLite: `{frames[-1].function}`"
    named = [frame.file.partition("/")[0] for frame in reversed(frames) if "/" in frame.file]
    return next((name for name in named if name not in sys.stdlib_module_names), "Python's own library")

"""Memory that is given back to the system."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

KEPT_AND_GIVEN_BACK = """
from pathlib import Path
from vbn_assets.memory import give_back

def held():
    return next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if "VmRSS" in line)

before = held()
pieces = [bytearray(100_000) for _ in range(500)]
del pieces[:-1]
kept = held() - before
give_back()
print(kept, held() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux what the process holds")
def test_what_the_c_library_kept_is_given_back() -> None:
    """The last piece is at the heap's end, so that by itself nothing before it goes."""
    ran = subprocess.run([sys.executable, "-c", KEPT_AND_GIVEN_BACK], capture_output=True, text=True, check=True)
    kept, left = map(int, ran.stdout.split())
    assert kept > 40_000
    assert left < 5_000

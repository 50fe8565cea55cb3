"""One heap for all threads, and memory that is given back to the system."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

KEPT_AND_GIVEN_BACK = """
from pathlib import Path
import pyarrow
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


HEAPS = """
import ctypes, sys, threading
import vbn_assets.pipeline
thread = threading.Thread(target=bytearray, args=[100_000])
thread.start()
thread.join()
c = ctypes.CDLL(None)
c.fopen.restype = ctypes.c_void_p
file = ctypes.c_void_p(c.fopen(sys.argv[1].encode(), b"w"))
c.malloc_info(0, file)
c.fclose(file)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="asks glibc how many heaps there are")
def test_threads_share_one_heap(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", HEAPS, str(tmp_path / "heaps.xml")], check=True)
    assert (tmp_path / "heaps.xml").read_text().count("<heap nr=") == 1


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="asks Linux what glibc holds")
def test_what_the_c_library_kept_is_given_back() -> None:
    """The last piece is at the heap's end, so that by itself nothing before it goes."""
    ran = subprocess.run([sys.executable, "-c", KEPT_AND_GIVEN_BACK], capture_output=True, text=True, check=True)
    kept, left = map(int, ran.stdout.split())
    assert kept > 40_000
    assert left < 5_000

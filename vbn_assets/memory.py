"""The memory of this process: one heap for all threads, given back to the system when a file is done.

So one file after another takes what the first took. It is glibc that needs to be told; other C libraries have no such
heaps and no such calls. How much a table takes while it is written belongs to its reader and to the lake.
"""

from __future__ import annotations

import ctypes

_M_ARENA_MAX = -8
"""In glibc's malloc.h."""


def share_one_heap() -> None:
    """Let threads that start from now on allocate from the first thread's heap.

    glibc gives each a heap of its own, whose end is never given back: whichever thread had the largest table left its
    heap that large.
    """
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option:
        set_option(_M_ARENA_MAX, 1)


def give_back() -> None:
    """Let the system have what Arrow and the C library keep for later: it rarely fits what comes next."""
    import pyarrow as pa

    pa.default_memory_pool().release_unused()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim:
        trim(0)

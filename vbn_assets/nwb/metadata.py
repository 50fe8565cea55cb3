"""What a session file says of its session and mouse."""

from __future__ import annotations

import re

import pyarrow as pa

from vbn_assets.nwb.session_file import SessionFile
from vbn_assets.tables.behavior import SESSION_METADATA

NO_PROJECT = "Not Available"
"""AllenSDK's project code for a file that names none, and that of Visual Behavior Neuropixels' files."""
_NONE = "None"
"""How the files spell a text that is not there."""


def read_session_metadata(file: SessionFile) -> pa.Table:
    """Table `session_metadata`, one row, from /general/metadata, /general/subject and /session_start_time."""
    subject, metadata = file.nwb.subject, file.nwb.lab_meta_data["metadata"]
    row = {
        "equipment_name": metadata.equipment_name,
        "sex": subject.sex,
        "age_in_days": _days(subject.age),
        "stimulus_frame_rate": float(metadata.stimulus_frame_rate),
        "session_type": metadata.session_type,
        "date_of_acquisition": file.nwb.session_start_time,
        "reporter_line": _text(subject.reporter_line),
        "cre_line": _cre_line(subject.genotype),
        "behavior_session_uuid": _text(metadata.behavior_session_uuid),
        "driver_line": None if subject.driver_line is None else sorted(subject.driver_line),
        "mouse_id": subject.subject_id,
        "project_code": getattr(metadata, "project_code", NO_PROJECT),
        "full_genotype": subject.genotype,
    }
    return pa.Table.from_pylist([row], SESSION_METADATA.file_schema)


def _days(age: str) -> int | None:
    """The number in an ISO duration such as P151D."""
    number = re.search(r"\d+", age) if age.startswith("P") else None
    return int(number[0]) if number else None


def _cre_line(genotype: str) -> str | None:
    """The first part of a genotype such as Sst-IRES-Cre/wt;Ai32(…)/wt."""
    return genotype.split(";")[0].replace("/wt", "") if ";" in genotype else None


def _text(value: str | None) -> str | None:
    return None if value == _NONE else value

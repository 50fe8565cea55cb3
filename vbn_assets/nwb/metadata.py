"""What a session file says of its session and mouse."""

from __future__ import annotations

import re
from datetime import datetime
from functools import partial

import pyarrow as pa

from vbn_assets.nwb.session_file import METADATA, SUBJECT, SessionFile, as_text
from vbn_assets.tables.behavior import SESSION_METADATA

NO_PROJECT = "Not Available"
"""AllenSDK's project code for a file that names none, and that of Visual Behavior Neuropixels' files."""
_NONE = "None"
"""How the files spell a text that is not there."""


def read_session_metadata(file: SessionFile) -> pa.Table:
    """Table `session_metadata`, one row, from /general/metadata, /general/subject and /session_start_time."""
    metadata, subject = partial(file.attribute, METADATA), partial(_text_of_subject, file)
    genotype = subject("genotype")
    row = {
        "equipment_name": metadata("equipment_name", as_text),
        "sex": subject("sex"),
        "age_in_days": _days(subject("age")),
        "stimulus_frame_rate": metadata("stimulus_frame_rate", float),
        "session_type": metadata("session_type", as_text),
        "date_of_acquisition": _start(file),
        "reporter_line": read_reporter_line(file),
        "cre_line": _cre_line(genotype),
        "behavior_session_uuid": _unless_none(metadata("behavior_session_uuid", as_text)),
        "driver_line": _driver_line(file),
        "mouse_id": subject("subject_id"),
        "project_code": read_project_code(file),
        "full_genotype": genotype,
    }
    return pa.Table.from_pylist([row], SESSION_METADATA.file_schema)


def read_reporter_line(file: SessionFile) -> str | None:
    """The mouse's reporter line; None of a wild type."""
    return _unless_none(file.attribute(SUBJECT, "reporter_line", as_text))


def read_project_code(file: SessionFile) -> str:
    """The Allen project that the file is of; files of the first releases do not say."""
    named = "project_code" in file.group(METADATA).attrs
    return file.attribute(METADATA, "project_code", as_text) if named else NO_PROJECT


def _text_of_subject(file: SessionFile, name: str) -> str | None:
    return file.scalar(f"{SUBJECT}/{name}", as_text) if name in file.group(SUBJECT) else None


def _driver_line(file: SessionFile) -> list[str] | None:
    if "driver_line" not in file.group(SUBJECT).attrs:
        return None
    return sorted(file.attribute(SUBJECT, "driver_line", lambda lines: [as_text(line) for line in lines]))


def _start(file: SessionFile) -> datetime:
    text = file.scalar("session_start_time", as_text)
    try:
        # A time without a zone is meant as this machine's, says pynwb.
        start = datetime.fromisoformat(text)
        return start if start.tzinfo else start.astimezone()
    except ValueError as error:
        raise file.lacks("an ISO 8601 time in /session_start_time", found=repr(text)) from error


def _days(age: str | None) -> int | None:
    """The number in an ISO duration such as P151D."""
    number = re.search(r"\d+", age) if age and age.startswith("P") else None
    return int(number[0]) if number else None


def _cre_line(genotype: str | None) -> str | None:
    """The first part of a genotype such as Sst-IRES-Cre/wt;Ai32(…)/wt."""
    return genotype.split(";")[0].replace("/wt", "") if genotype and ";" in genotype else None


def _unless_none(value: str) -> str | None:
    return None if value == _NONE else value

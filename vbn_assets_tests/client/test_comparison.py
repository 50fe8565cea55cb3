"""AllenSDK's text about two manifests, in its cases and in those where it forgets files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import blake2b

import pytest

from vbn_assets.client.comparison import comparison
from vbn_assets.projects import VBN
from vbn_assets.releases.manifest import Release, parse_release

HEAD = (
    "Changes going from\nvisual-behavior-neuropixels_project_manifest_v1.0.0.json\nto\n"
    "visual-behavior-neuropixels_project_manifest_v2.0.0.json\n\n"
)


def release(version: str, data: Mapping[str, str], **metadata: str) -> Release:
    """A release with these data files, as names and contents; metadata tables have their name's content or another."""
    tables = {f"project_metadata/{name}.csv": metadata.get(name, name) for name in VBN.metadata_tables}
    document = {
        "project_name": VBN.s3_name,
        "manifest_version": version,
        "data_pipeline": [{"name": "AllenSDK", "version": "2.16.2"}],
        "metadata_file_id_column_name": "file_id",
        "metadata_files": {name.split("/")[1][:-4]: entry(name, content) for name, content in tables.items()},
        "data_files": {str(number): entry(*file) for number, file in enumerate(data.items())},
    }
    return parse_release(json.dumps(document).encode(), VBN, VBN.manifest_name(version))


def entry(name: str, content: str) -> dict[str, str]:
    url = f"https://{VBN.bucket}.s3.us-west-2.amazonaws.com/{VBN.s3_name}/{name}"
    return {"url": url, "version_id": "v", "file_hash": blake2b(content.encode()).hexdigest()}


def compared(before: Mapping[str, str], after: Mapping[str, str], **metadata: str) -> str:
    return comparison(release("1.0.0", before), release("2.0.0", after, **metadata))


def test_the_same_files() -> None:
    assert compared({"a.nwb": "1"}, {"a.nwb": "1"}) == "The two manifests are equivalent"


def test_each_kind_of_change_metadata_first_then_by_name() -> None:
    before = {"same.nwb": "1", "z.nwb": "2", "gone.nwb": "3", "old/m.nwb": "4"}
    after = {"same.nwb": "1", "z.nwb": "changed", "new.nwb": "5", "a/m.nwb": "4"}
    assert compared(before, after, units="other") == HEAD + (
        "project_metadata/units.csv changed\ngone.nwb deleted\nnew.nwb created\nold/m.nwb renamed a/m.nwb\n"
        "z.nwb changed\n"
    )


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        ({"a.nwb": "1", "b.nwb": "1"}, {"c.nwb": "1", "d.nwb": "1"}, "a.nwb renamed c.nwb\nb.nwb renamed d.nwb\n"),
        ({"a.nwb": "1"}, {"a.nwb": "1", "copy.nwb": "1"}, "copy.nwb created\n"),
        ({"a.nwb": "1", "copy.nwb": "1"}, {"a.nwb": "1"}, "copy.nwb deleted\n"),
        ({"a.nwb": "1", "b.nwb": "1"}, {"c.nwb": "1"}, "a.nwb renamed c.nwb\nb.nwb deleted\n"),
    ],
)
def test_files_with_the_same_bytes_each_have_their_line(
    before: Mapping[str, str], after: Mapping[str, str], lines: str
) -> None:
    assert compared(before, after) == HEAD + lines

"""Files that came some other way: recognised by their bytes, linked, and never changed."""

from __future__ import annotations

import json
from pathlib import Path

from vbn_assets.errors import ManifestError
from vbn_assets.mirror import Adopted, Adoption, How, Mirror
from vbn_assets.mirror.adoption import candidates, hashes, releases_in
from vbn_assets.projects import VBN
from vbn_assets.releases.manifest import Release

SampleFiles = dict[tuple[str, str, str], Path]


def looked_at(mirror: Mirror, folder: Path, releases: list[Release]) -> dict[str, Adopted]:
    adoption = Adoption(mirror, releases)
    found = (adoption.take(*hashed) for hashed in hashes(candidates([folder])))
    return {str(file.source.relative_to(folder)): file for file in found}


def test_files_from_elsewhere_are_adopted_by_their_hash(
    sample: Mirror, published: list[Release], sample_files: SampleFiles, tmp_path: Path
) -> None:
    folder = tmp_path / "by hand"
    folder.mkdir()
    (folder / "units (1).csv").write_bytes(sample_files["0.5.0", "metadata", "units"].read_bytes())
    (folder / "notes.csv").write_text("my own")
    (folder / "units.txt").write_text("not looked at")
    found = looked_at(sample, folder, published)
    assert set(found) == {"units (1).csv", "notes.csv"}
    assert (found["notes.csv"].file, found["notes.csv"].problem) == (None, None)
    units = published[2].metadata["units"]
    assert (found["units (1).csv"].file, found["units (1).csv"].new) == (units, True)
    assert sample.path(units).samefile(folder / "units (1).csv")
    assert Mirror(sample.root, VBN, offline=True).fetch(units).how is How.PRESENT
    assert [release.version for release in sample.releases()] == ["0.5.0"]
    assert not looked_at(sample, folder, published)["units (1).csv"].new


def test_wrong_bytes_are_named_and_left_alone(
    sample: Mirror, published: list[Release], sample_files: SampleFiles, tmp_path: Path
) -> None:
    folder = tmp_path / "allensdk"
    session = published[2].file("ecephys_session", 1100000102)
    broken = folder / "visual-behavior-neuropixels-0.5.0" / Path(session.key).relative_to(VBN.s3_name)
    broken.parent.mkdir(parents=True)
    broken.write_bytes(sample_files["0.5.0", "ecephys_session", "1100000102"].read_bytes()[:-1])
    (folder / "gone.nwb").symlink_to(tmp_path / "nothing.nwb")
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "a.nwb").write_text("not looked at")
    found = looked_at(sample, folder, published)
    assert {name: bool(item.file) for name, item in found.items()} == {
        "gone.nwb": False,
        str(broken.relative_to(folder)): False,
    }
    assert found[str(broken.relative_to(folder))].problem == (
        "has the name of ecephys_session 1100000102 and not the bytes that any release names"
    )
    assert found["gone.nwb"].problem == "cannot be read: No such file or directory"
    assert broken.exists()
    assert not sample.path(session).exists()


def test_a_file_under_two_names_is_read_once(
    sample: Mirror, published: list[Release], sample_files: SampleFiles, tmp_path: Path
) -> None:
    folder = tmp_path / "cache"
    folder.mkdir()
    (folder / "a.csv").write_bytes(sample_files["0.5.0", "metadata", "probes"].read_bytes())
    (folder / "b.csv").symlink_to(folder / "a.csv")
    read: list[int] = []
    adoption = Adoption(sample, published)
    sources = candidates([folder, folder / "a.csv"])
    assert [adoption.take(*hashed).new for hashed in hashes(sources, read.append)] == [True, False]
    assert sum(read) == (folder / "a.csv").stat().st_size


def test_manifests_in_a_folder_are_found_and_broken_ones_named(published: list[Release], tmp_path: Path) -> None:
    (tmp_path / published[0].manifest_name).write_bytes(published[0].raw)
    (tmp_path / published[1].manifest_name).write_bytes(published[1].raw[:100])
    (tmp_path / "_downloaded_data.json").write_text(json.dumps({r"C:\cache\units.csv": "00"}))
    first, second = releases_in(tmp_path, VBN)
    assert first == published[0]
    assert isinstance(second, ManifestError)

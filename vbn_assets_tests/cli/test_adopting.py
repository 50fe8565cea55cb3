"""`vbn adopt` and `vbn urls` as a user meets them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

from vbn_assets_tests.cli.conftest import Vbn

SESSION = 1100000103
SampleFiles = dict[tuple[str, str, str], Path]


def by_hand(folder: Path, sample_files: SampleFiles) -> Path:
    folder.mkdir()
    shutil.copy(sample_files["0.5.0", "ecephys_session", str(SESSION)], folder / "downloaded.nwb")
    return folder


def test_what_was_adopted_needs_no_download(vbn: Vbn, sample_files: SampleFiles, tmp_path: Path) -> None:
    done = vbn("adopt", str(by_hand(tmp_path / "by hand", sample_files)))
    assert done.returncode == 0, done.stderr
    assert f"adopted as ecephys_session {SESSION} of 0.5.0" in done.stderr
    assert "1 file looked at: 1 adopted, 0 here already, 0 of no release" in done.stderr
    assert "--extract" in done.stderr
    plan = vbn("sync", "--sessions", str(SESSION), "--dry-run").stdout
    row = next(line for line in plan.splitlines() if line.startswith(str(SESSION)))
    assert "present" in row


def test_with_extract_it_is_in_the_warehouse(vbn: Vbn, sample_files: SampleFiles, tmp_path: Path) -> None:
    done = vbn("adopt", "--extract", str(by_hand(tmp_path / "by hand", sample_files)))
    assert done.returncode == 0, done.stderr
    assert vbn.rows("SELECT DISTINCT ecephys_session_id FROM vbn.trials") == [str(SESSION)]


def test_an_allensdk_folder_is_adopted_without_the_network(
    synced_vbn: Vbn, vbn: Vbn, sample_files: SampleFiles, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(synced_vbn.data / "mirror", tmp_path / "allensdk", symlinks=True))
    for ours in [*folder.glob(".*.json*"), folder / ".download"]:
        ours.unlink() if ours.is_file() else shutil.rmtree(ours, ignore_errors=True)
    (folder / "_downloaded_data.json").write_text('{"C:\\\\cache\\\\units.csv": ')
    (folder / "visual-behavior-neuropixels_project_manifest_v0.4.0.json").write_text('{"project_name": ')
    done = replace(vbn, endpoint="http://127.0.0.1:9")("adopt", str(folder))
    assert done.returncode == 0, done.stderr
    assert "Only releases that are here are known" in done.stderr
    assert "v0.4.0.json: is not JSON" in done.stderr
    assert "5 files looked at: 5 adopted" in done.stderr
    assert (folder / "_downloaded_data.json").read_text() == '{"C:\\\\cache\\\\units.csv": '


def test_wrong_bytes_end_in_an_error_that_names_them(vbn: Vbn, tmp_path: Path) -> None:
    wrong = tmp_path / f"ecephys_session_{SESSION}.nwb"
    wrong.write_bytes(b"cut short")
    done = vbn("adopt", str(wrong))
    assert done.returncode == 1
    assert f"{wrong}: has the name of ecephys_session {SESSION}" in done.stderr
    assert done.stderr.splitlines()[-1] == "vbn: 1 file could not be adopted. They were left as they are."
    assert wrong.read_bytes() == b"cut short"
    missing = vbn("adopt", str(tmp_path / "nowhere"))
    assert (missing.returncode, missing.stderr.count("\n")) == (2, 1)


def test_addresses_are_plain_lines(vbn: Vbn) -> None:
    everything = vbn("urls")
    assert everything.returncode == 0, everything.stderr
    lines = everything.stdout.splitlines()
    assert all(line.startswith(f"{vbn.endpoint}/visual-behavior-neuropixels-data/") for line in lines)
    assert all("?versionId=" in line for line in lines)
    metadata = vbn("urls", "--kind", "metadata", "--release", "0.4.0").stdout.splitlines()
    assert len(metadata) == 5
    assert not set(metadata) <= set(lines)
    session = vbn("urls", "1100000102").stdout.splitlines()
    assert sorted(line.rpartition("/")[2].partition("?")[0] for line in session) == [
        "ecephys_session_1100000102.nwb",
        "probe_probeA_lfp.nwb",
    ]
    (described,) = vbn("urls", "units", "--json").stdout.splitlines()
    assert json.loads(described)["url"] in lines
    assert json.loads(described)["kind"] == "metadata"


def test_addresses_of_nothing_are_refused(vbn: Vbn) -> None:
    for arguments in (["urls", "7"], ["urls", "--kind", "movies"], ["urls", "--release", "9.9.9"]):
        refused = vbn(*arguments)
        assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (2, "", 1)

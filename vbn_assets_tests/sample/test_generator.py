"""Generated histories: as large as asked, consistent in themselves, and in the packaged files' layout."""

from __future__ import annotations

import csv
import hashlib
from itertools import groupby
from typing import TYPE_CHECKING

import boto3
import h5py
import numpy as np
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from pynwb import NWBHDF5IO

from vbn_assets.errors import VbnError
from vbn_assets.projects import VBN
from vbn_assets.releases.manifest import parse_release
from vbn_assets.sample.generator import generate, main
from vbn_assets.sample.plan import TRUE_SIZE, Sizes
from vbn_assets.sample.server import SampleBucket

if TYPE_CHECKING:
    from pathlib import Path

    from vbn_assets.sample.history import StoredObject, StoredRelease

SIZES = Sizes(
    probes=3,
    channels=30,
    units=50,
    spikes=70_000,
    presentations=600,
    running_rows=40_000,
    trials=40,
    image_shape=(6, 8),
)


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[StoredRelease, ...]]:
    folder = tmp_path_factory.mktemp("generated")
    return folder, generate(folder, SIZES, sessions=3, seed=7, releases=("0.4.0", "0.5.0"))


@pytest.fixture
def first(generated: tuple[Path, tuple[StoredRelease, ...]]) -> StoredRelease:
    return generated[1][0]


def rows(stored: StoredObject) -> list[dict[str, str]]:
    with stored.open() as stream:
        return list(csv.DictReader(stream.read().decode().splitlines()))


def template_path(files: dict[tuple[str, str, str], Path], session: int) -> Path:
    """The packaged file that the session of this place was made after."""
    return files["0.5.0", "ecephys_session", ("1100000103", "1100000102", "1100000104")[session]]


def datasets(nwb: h5py.File) -> dict[str, h5py.Dataset]:
    found: dict[str, h5py.Dataset] = {}
    nwb.visititems(lambda name, item: found.update({name: item}) if isinstance(item, h5py.Dataset) else None)
    return {name: item for name, item in found.items() if not name.startswith("specifications/")}


def test_a_generated_history_can_be_published_and_every_byte_of_it_verified(
    generated: tuple[Path, tuple[StoredRelease, ...]],
) -> None:
    with SampleBucket(generated[0]) as bucket:
        s3 = boto3.client(
            "s3", endpoint_url=bucket.endpoint, region_name=VBN.region, config=Config(signature_version=UNSIGNED)
        )
        for version in ("0.4.0", "0.5.0"):
            name = VBN.manifest_name(version)
            raw = s3.get_object(Bucket=VBN.bucket, Key=VBN.manifest_prefix() + name)["Body"].read()
            release = parse_release(raw, VBN, name)
            assert len(release.data) == 3
            for file in release.files():
                got = s3.get_object(Bucket=VBN.bucket, Key=file.key, VersionId=file.version_id)["Body"].read()
                assert hashlib.blake2b(got).hexdigest() == file.file_hash, file


@pytest.mark.parametrize("session", range(3))
def test_a_session_file_has_the_sizes_asked_for_and_agrees_with_the_csvs(first: StoredRelease, session: int) -> None:
    of_session = [row for row in rows(first.metadata["ecephys_sessions"]) if row["file_id"] == str(session)]
    session_id = of_session[0]["ecephys_session_id"]
    units = [row for row in rows(first.metadata["units"]) if row["ecephys_session_id"] == session_id]
    channels = [row for row in rows(first.metadata["channels"]) if row["ecephys_session_id"] == session_id]
    probes = [row for row in rows(first.metadata["probes"]) if row["ecephys_session_id"] == session_id]
    with h5py.File(first.data[str(session)].path) as nwb:
        assert nwb["identifier"].asstr()[()] == session_id
        electrodes = nwb["general/extracellular_ephys/electrodes"]
        assert electrodes["id"][()].tolist() == [int(row["ecephys_channel_id"]) for row in channels]
        assert len(channels) == SIZES.probes * SIZES.channels
        assert electrodes["group_name"].asstr()[()].tolist() == [
            next(probe["name"] for probe in probes if probe["ecephys_probe_id"] == row["ecephys_probe_id"])
            for row in channels
        ]
        assert [nwb[group].name.rpartition("/")[2] for group in electrodes["group"][()]] == electrodes[
            "group_name"
        ].asstr()[()].tolist()
        assert nwb["units/id"][()].tolist() == [int(row["unit_id"]) for row in units]
        assert nwb["units/amplitude"][()].tolist() == [float(row["amplitude"]) for row in units]
        assert nwb["units/peak_channel_id"][()].tolist() == [int(row["ecephys_channel_id"]) for row in units]
        assert nwb["processing/running/speed/data"].shape == (SIZES.running_rows,)
        assert len(nwb["intervals/trials/id"]) == SIZES.trials
        assert sum(len(nwb["intervals"][name]["id"]) for name in nwb["intervals"]) == SIZES.presentations + SIZES.trials
    assert [int(row["unit_count"]) for row in channels] == [
        sum(unit["ecephys_channel_id"] == row["ecephys_channel_id"] for unit in units) for row in channels
    ]
    assert sum(int(row["unit_count"]) for row in probes) == int(of_session[0]["unit_count"]) == SIZES.units


def test_a_structures_channels_lie_together_as_on_the_probes_they_are_made_after(
    first: StoredRelease, sample_files: dict[tuple[str, str, str], Path]
) -> None:
    def along_each_probe(channels: list[dict[str, str]]) -> list[tuple[str, ...]]:
        by_probe = groupby(channels, key=lambda channel: channel["ecephys_probe_id"])
        return [tuple(name for name, _ in groupby(row["structure_acronym"] for row in of)) for _, of in by_probe]

    made = along_each_probe(rows(first.metadata["channels"]))
    with sample_files["0.5.0", "metadata", "channels"].open() as stream:
        packaged = along_each_probe(list(csv.DictReader(stream)))
    assert len(made) == 3 * SIZES.probes
    assert set(made) <= set(packaged)


def test_session_files_can_be_taken_away_one_by_one(tmp_path: Path) -> None:
    taken = []

    def take(stored: StoredObject) -> None:
        assert stored.path.is_file()
        assert stored.file_hash == hashlib.blake2b(stored.path.read_bytes()).hexdigest()
        stored.path.unlink()
        taken.append(stored)

    (release,) = generate(tmp_path, Sizes(), sessions=2, each=take)
    assert list(release.data.values()) == taken
    assert not list(tmp_path.rglob("*.nwb"))


def test_spikes_are_sorted_within_each_unit_and_scatter_about_its_amplitude(first: StoredRelease) -> None:
    with h5py.File(first.data["0"].path) as nwb:
        ends = nwb["units/spike_times_index"][()]
        times, amplitudes = nwb["units/spike_times"][()], nwb["units/spike_amplitudes"][()]
        assert ends[-1] == len(times) == len(amplitudes) == SIZES.spikes
        assert ends.tolist() == nwb["units/spike_amplitudes_index"][()].tolist()
        assert nwb[nwb["units/spike_times_index"].attrs["target"]].name == "/units/spike_times"
        counts = np.diff(ends.astype(np.int64), prepend=0)
        np.testing.assert_allclose(nwb["units/firing_rate"][()], counts / SIZES.seconds)
        for begin, end, volts in zip(ends - counts, ends, nwb["units/amplitude"][()] * 1e-6, strict=True):
            unit = times[begin:end]
            assert (np.diff(unit) >= 0).all()
            assert unit[0] >= 0
            assert unit[-1] <= SIZES.seconds
            if end - begin > 1000:
                assert np.mean(amplitudes[begin:end]) == pytest.approx(volts, rel=0.05)


@pytest.mark.parametrize("session", range(3))
def test_types_attributes_and_layout_are_the_packaged_files(
    first: StoredRelease, sample_files: dict[tuple[str, str, str], Path], session: int
) -> None:
    with h5py.File(first.data[str(session)].path) as made, h5py.File(template_path(sample_files, session)) as template:
        written, expected = datasets(made), datasets(template)
        assert set(written) == set(expected)
        for name, dataset in written.items():
            assert dataset.chunks is None, name
            assert dataset.compression is None, name
            assert set(dataset.attrs) == set(expected[name].attrs), name
            assert dataset.ndim == expected[name].ndim, name
            if dataset.attrs.get("neurodata_type") == "VectorIndex":
                assert dataset.dtype == np.min_scalar_type(int(dataset[-1])), name
                assert made[dataset.attrs["target"]].name == f"/{name.removesuffix('_index')}"
            else:
                assert dataset.dtype == expected[name].dtype, name


@pytest.mark.parametrize("session", range(3))
def test_pynwb_opens_a_session_and_follows_its_references(first: StoredRelease, session: int) -> None:
    with NWBHDF5IO(first.data[str(session)].path, "r", load_namespaces=True) as io:
        nwb = io.read()
        assert sorted(nwb.electrode_groups) == ["probeA", "probeB", "probeC"]
        assert all(group.device.name == name for name, group in nwb.electrode_groups.items())
        assert sum(len(spikes) for spikes in nwb.units["spike_times"]) == SIZES.spikes
        assert nwb.units["waveform_mean"][0].shape == (SIZES.channels, 82)
        template = next(iter(nwb.stimulus_template.values()))
        assert template.data.shape == (8, 6, 8)


@pytest.mark.parametrize("session", range(3))
def test_blocks_follow_each_other_and_trials_lie_in_the_active_one(first: StoredRelease, session: int) -> None:
    with h5py.File(first.data[str(session)].path) as nwb:
        tables = [nwb["intervals"][name] for name in nwb["intervals"] if name.endswith("_presentations")]
        starts, stops, blocks, frames = (
            np.concatenate([table[column][()] for table in tables])
            for column in ("start_time", "stop_time", "stimulus_block", "start_frame")
        )
        order = np.argsort(starts)
        assert (np.diff(blocks[order]) >= 0).all()
        assert (stops[order][:-1] <= starts[order][1:] + 1e-9).all()
        times = nwb["processing/stimulus/timestamps/timestamps"][()]
        assert np.abs(times[frames] - starts).max() < 1.5 / 60
        trials = nwb["intervals/trials"]
        active = starts[blocks == 0].min(), stops[blocks == 0].max()
        assert trials["start_time"][0] == pytest.approx(active[0])
        assert trials["stop_time"][-1] == pytest.approx(active[1])
        assert (np.diff(trials["start_time"][()]) > 0).all()
        licks = nwb["processing/licking/licks/timestamps"][()]
        assert (np.diff(licks) > 0).all()
        lick_times = trials["lick_times"][()]
        assert set(np.round(lick_times, 3)) <= set(np.round(licks, 3))


def test_a_later_release_halves_one_sessions_amplitudes_and_shares_every_other_file(
    generated: tuple[Path, tuple[StoredRelease, ...]],
) -> None:
    earlier, later = generated[1]
    assert [file_id for file_id in earlier.data if earlier.data[file_id] != later.data[file_id]] == ["0"]
    assert [table for table in earlier.metadata if earlier.metadata[table] != later.metadata[table]] == ["units"]
    with h5py.File(earlier.data["0"].path) as before, h5py.File(later.data["0"].path) as after:
        for name in ("amplitude", "spike_amplitudes", "waveform_mean"):
            np.testing.assert_allclose(after["units"][name][()], before["units"][name][()] / 2)
        for name in ("spike_times", "snr", "id"):
            np.testing.assert_array_equal(after["units"][name][()], before["units"][name][()])


def test_the_same_seed_writes_the_same_bytes_and_another_seed_other_ones(
    generated: tuple[Path, tuple[StoredRelease, ...]], tmp_path: Path
) -> None:
    def hashes(releases: tuple[StoredRelease, ...]) -> list[str]:
        return [stored.file_hash for stored in releases[0].data.values()]

    assert hashes(generate(tmp_path / "same", SIZES, sessions=1, seed=7)) == hashes(generated[1])[:1]
    assert hashes(generate(tmp_path / "other", SIZES, sessions=1, seed=8)) != hashes(generated[1])[:1]


def test_true_proportions_are_a_published_sessions() -> None:
    assert TRUE_SIZE.block_sizes() == {"images": 4797, "gabor": 3645, "flash": 150}
    spikes, waveforms = 2 * 8 * TRUE_SIZE.spikes, 8 * 82 * TRUE_SIZE.units * TRUE_SIZE.channels
    assert 2.0e9 < spikes + waveforms < 2.4e9


CARRIED = {
    "ecephys_sessions": ("date_of_acquisition", "genotype", "structure_acronyms", "prior_exposures_to_image_set"),
    "behavior_sessions": ("date_of_acquisition", "prior_exposures_to_image_set", "image_set"),
    "probes": ("sampling_rate", "phase", "structure_acronyms"),
    "channels": ("anterior_posterior_ccf_coordinate", "structure_acronym", "valid_data"),
    "units": ("d_prime", "snr", "structure_id", "velocity_above", "quality", "valid_data"),
}


@pytest.mark.parametrize("table", CARRIED)
def test_carried_values_are_spelled_as_in_the_packaged_csvs(
    first: StoredRelease, sample_files: dict[tuple[str, str, str], Path], table: str
) -> None:
    made = rows(first.metadata[table])
    with sample_files["0.5.0", "metadata", table].open() as stream:
        packaged = list(csv.DictReader(stream))
    assert list(made[0]) == list(packaged[0])
    for column in CARRIED[table]:
        assert {row[column] for row in made} <= {row[column] for row in packaged}, column


def test_impossible_sizes_are_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(VbnError, match="3 spikes; expected at least 28"):
        Sizes(spikes=3)
    with pytest.raises(SystemExit, match="2"):
        main([str(tmp_path), "--probes", "99"])
    assert (
        capsys.readouterr()
        .err.splitlines()[-1]
        .endswith("a session cannot be made with 99 probes; expected 1 to 26, found 99".replace(", found 99", ""))
    )
    with pytest.raises(VbnError, match="at least one session"):
        generate(tmp_path, Sizes(), sessions=0)
    with pytest.raises(VbnError, match=r"oldest first, found 0\.10\.0 0\.9\.0"):
        generate(tmp_path, Sizes(), releases=("0.10.0", "0.9.0"))
    assert not list(tmp_path.iterdir())

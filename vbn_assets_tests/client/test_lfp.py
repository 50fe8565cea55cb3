"""LFP from the lake's blocks: whole, a window, some channels, however many row groups they lie in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest

from vbn_assets.client.lfp import read_current_source_density, read_lfp
from vbn_assets.pipeline import ArrowReading
from vbn_assets.projects import VBN
from vbn_assets.tables import Table
from vbn_assets.warehouse.lake import Lake, Record, Source

RATE, BLOCK, SLAB, SAMPLES = 100.0, 10, 50, 123
CHANNELS = (30, 10, 20)
TIMES = 5 + np.arange(SAMPLES) / RATE
TRACES = np.random.default_rng(1).normal(size=(len(CHANNELS), SAMPLES)).astype(np.float32)
TRACES[1, 61] = np.nan


@dataclass(frozen=True)
class SlabReading:
    """LFP as its reader gives it: slab by slab, a channel at a time."""

    table: Table = VBN.tables["lfp"]

    def pieces(self) -> Iterator[pa.Table]:
        for start in range(0, SAMPLES, SLAB):
            slab = slice(start, start + SLAB)
            for channel, trace in zip(CHANNELS, TRACES, strict=True):
                blocks = in_blocks(trace[slab])
                numbers = start // BLOCK + np.arange(len(blocks))
                lists = pa.array([[sample if sample == sample else None for sample in block] for block in blocks])
                yield pa.table(
                    {"channel_id": [channel] * len(blocks), "block": numbers, "samples": lists.cast(SAMPLE_LIST)}
                )


SAMPLE_LIST = pa.list_(pa.float32())


def in_blocks(values: np.ndarray) -> list[np.ndarray]:
    return [values[start : start + BLOCK] for start in range(0, len(values), BLOCK)]


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, Record]:
    lake = Lake(tmp_path_factory.mktemp("lake"), VBN.name)
    times = in_blocks(TIMES)
    timestamps = pa.table(
        {
            "block": np.arange(len(times)),
            "start_time": [block[0] for block in times],
            "end_time": [block[-1] for block in times],
            "timestamps": times,
        }
    )
    channels = pa.table({"id": sorted(CHANNELS), "channel_index": [CHANNELS.index(id) for id in sorted(CHANNELS)]})
    source = Source("probe_lfp", "1", "0" * 16, ids={"ecephys_probe_id": 1})
    density = VBN.tables["current_source_density"]
    readings = [
        SlabReading(),
        ArrowReading(VBN.tables["lfp_timestamps"], timestamps),
        ArrowReading(VBN.tables["lfp_channels"], channels),
        ArrowReading(density, density.file_schema.empty_table()),
    ]
    return lake, Record(source, lake.write(source, readings))


def test_the_whole_of_it_in_the_order_of_the_channels(held: tuple[Lake, Record]) -> None:
    lfp = read_lfp(*held, None, None)
    np.testing.assert_array_equal(lfp.values, TRACES.T)
    assert lfp["channel"].values.tolist() == list(CHANNELS)
    assert lfp["time"].values.tolist() == TIMES.tolist()


@pytest.mark.parametrize(
    ("first", "last"), [(0, 122), (0, 0), (122, 122), (49, 50), (37, 101), (60, 69), (59, 70), (95, 122)]
)
@pytest.mark.parametrize("channels", [None, [20], [20, 30], [10, 10, 30]])
def test_a_window_has_the_samples_at_both_its_ends(
    held: tuple[Lake, Record], first: int, last: int, channels: list[int] | None
) -> None:
    window = read_lfp(*held, (float(TIMES[first]), float(TIMES[last])), channels)
    rows = [CHANNELS.index(channel) for channel in dict.fromkeys(channels or CHANNELS)]
    np.testing.assert_array_equal(window.values, TRACES[rows, first : last + 1].T)
    assert window["time"].values.tolist() == TIMES[first : last + 1].tolist()


def test_a_window_between_samples_has_those_inside(held: tuple[Lake, Record]) -> None:
    window = read_lfp(*held, (float(TIMES[7]) + 0.001, float(TIMES[11]) - 0.001), None)
    assert window["time"].values.tolist() == TIMES[8:11].tolist()


@pytest.mark.parametrize("window", [(0.0, 1.0), (100.0, 101.0), (5.5, 5.4)])
def test_a_window_outside_or_turned_round_is_empty(held: tuple[Lake, Record], window: tuple[float, float]) -> None:
    assert read_lfp(*held, window, None).shape == (0, len(CHANNELS))


def test_a_file_without_current_source_density_has_none(held: tuple[Lake, Record]) -> None:
    assert read_current_source_density(*held) is None

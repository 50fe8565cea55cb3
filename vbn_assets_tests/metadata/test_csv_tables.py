"""Metadata CSVs as tables: AllenSDK's values, and clear refusals."""

from __future__ import annotations

import csv
import json
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from vbn_assets.errors import MetadataError
from vbn_assets.metadata import csv_tables
from vbn_assets.metadata.csv_tables import read_table
from vbn_assets.projects import VBN, VBO
from vbn_assets.tables.model import PRESENT_COLUMNS, WRITTEN_AS
from vbn_assets_tests.golden import golden

if TYPE_CHECKING:
    from pathlib import Path

ACCESSORS = {
    "ecephys_sessions": "get_ecephys_session_table__unfiltered",
    "behavior_sessions": "get_behavior_session_table",
    "probes": "get_probe_table",
    "channels": "get_channel_table",
    "units": "get_unit_table",
}

PROBES = "ecephys_probe_id,ecephys_session_id,name,sampling_rate,lfp_sampling_rate,phase,has_lfp_data,"
PROBES += "unit_count,channel_count,structure_acronyms\n"
ROW = "{id},7,probeA,30000.1,1250.0,1.0,True,{units},384,\"['CA1', 'CA3']\"\n"


def exactly(values: list[Any]) -> list[Any]:
    """Values as they can be compared to the bit: floats as hexadecimal, NaN as null."""
    return [(None if value != value else value.hex()) if isinstance(value, float) else value for value in values]


def read_text(folder: Path, text: str, table: str = "probes") -> pa.Table:
    path = folder / f"{table}.csv"
    path.write_text(text)
    return read_table(path, VBN.tables[table], release="9.9.9")


@pytest.mark.parametrize("table", ACCESSORS)
@pytest.mark.parametrize("release", ["0.3.0", "0.5.0"])
def test_values_are_allensdks(release: str, table: str, sample_files: dict[tuple[str, str, str], Path]) -> None:
    expected = golden(release, ACCESSORS[table])
    ours = read_table(sample_files[release, "metadata", table], VBN.tables[table], release=release)
    assert json.loads(ours.schema.metadata[PRESENT_COLUMNS]) == expected.column_names
    for name in expected.column_names:
        assert exactly(ours[name].cast(expected[name].type).to_pylist()) == exactly(expected[name].to_pylist()), name


def test_types_are_those_described(sample_files: dict[tuple[str, str, str], Path]) -> None:
    described = VBN.tables["units"].file_schema
    ours = read_table(sample_files["0.3.0", "metadata", "units"], VBN.tables["units"], release="0.3.0")
    assert ours.schema.names == described.names
    assert ours.schema.types == described.types


def test_whole_numbers_with_gaps_are_integers(tmp_path: Path) -> None:
    rows = ROW.format(id=1, units="29.0") + ROW.format(id=2, units="")
    assert read_text(tmp_path, PROBES + rows)["unit_count"].to_pylist() == [29, None]


def test_text_keeps_commas_newlines_and_the_word_none(tmp_path: Path) -> None:
    row = ROW.format(id=1, units=3).replace("CA3", "CA3'\n 'None").replace("probeA", "None")
    table = read_text(tmp_path, PROBES + row)
    assert table["structure_acronyms"].to_pylist() == ["['CA1', 'CA3'\n 'None']"]
    assert table["name"].to_pylist() == ["None"]


@pytest.mark.parametrize("table", ["ecephys_sessions", "behavior_sessions", "probes"])
@pytest.mark.parametrize(("written", "read"), [("-999", -999), ("", None)])
def test_a_row_without_a_file_is_a_row(
    table: str, written: str, read: int | None, sample_files: dict[tuple[str, str, str], Path], tmp_path: Path
) -> None:
    lines = list(csv.reader(sample_files["0.4.0", "metadata", table].open(newline="")))
    column = lines[0].index("file_id")
    before = [int(line[column]) for line in lines[2:]]
    lines[1][column] = written
    path = tmp_path / f"{table}.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(lines)
    assert read_table(path, VBN.tables[table], release="9.9.9")["file_id"].to_pylist() == [read, *before]


def test_absent_optional_column_is_null(tmp_path: Path) -> None:
    table = read_text(tmp_path, PROBES + ROW.format(id=1, units=3))
    assert table["file_id"].to_pylist() == [None]
    assert "file_id" not in json.loads(table.schema.metadata[PRESENT_COLUMNS])


def test_column_of_a_newer_release_is_kept_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    header, row = PROBES.strip() + ",depth,kind\n", ROW.format(id=1, units=3).strip() + ",1.5,2.0\n"
    with caplog.at_level(logging.WARNING):
        table = read_text(tmp_path, header + row + ROW.format(id=2, units=3).strip() + ",,shank\n")
    assert table["depth"].to_pylist() == [1.5, None]
    assert table["kind"].to_pylist() == ["2.0", "shank"]
    assert "depth, kind" in caplog.text
    assert "9.9.9" in caplog.text


def test_column_that_a_newer_release_has_no_more_is_null_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        table = read_text(
            tmp_path, PROBES.replace("phase,", "") + ROW.format(id=1, units=3).replace("1.0,True", "True")
        )
    assert table["phase"].to_pylist() == [None]
    assert "phase" not in json.loads(table.schema.metadata[PRESENT_COLUMNS])
    assert "probes.csv of release 9.9.9 lacks columns: phase" in caplog.text


def test_columns_that_sql_would_take_for_others_are_told_apart(tmp_path: Path) -> None:
    """pandas calls a column without a name so; `file` is a word of ours, too."""
    header, row = "," + PROBES.strip() + ",Name,file,NAME\n", "0," + ROW.format(id=1, units=3).strip() + ",a,b,c\n"
    table = read_text(tmp_path, header + row)
    extra = {"Unnamed: 0": 0, "Name_2": "a", "file": "b", "NAME_3": "c"}
    assert {name: table[name][0].as_py() for name in extra} == extra
    assert table["name"].to_pylist() == ["probeA"]
    assert set(json.loads(table.schema.metadata[PRESENT_COLUMNS])) >= extra.keys()


def test_a_release_may_have_its_own_name_for_file_ids(tmp_path: Path) -> None:
    path = tmp_path / "probes.csv"
    path.write_text(PROBES.strip() + ",nwb_id\n" + ROW.format(id=1, units=3).strip() + ",5\n")
    table = read_table(path, VBN.tables["probes"], release="9.9.9", file_id_column="nwb_id")
    assert table["file_id"].to_pylist() == [5]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2020-01-01", datetime(2020, 1, 1, tzinfo=UTC)),
        ("2020-01-01 10:00:00.123456789+00:00", datetime(2020, 1, 1, 10, 0, 0, 123456, tzinfo=UTC)),
        ("2020-01-01T10:00:00-08", datetime(2020, 1, 1, 18, tzinfo=UTC)),
        ("2020-01-01 10:00:00", datetime(2020, 1, 1, 10, tzinfo=UTC)),
    ],
)
def test_times_in_the_forms_that_pandas_takes(written: str, read: datetime) -> None:
    assert csv_tables._parse_times(pa.array([None, written])).to_pylist() == [None, read]


def test_lists_are_what_they_are_of() -> None:
    parse = csv_tables._parse_lists(pa.int64())
    assert parse(pa.array(["[1, 2]", "3", "[4.0]", "None", None])).to_pylist() == [[1, 2], [3], [4], None, None]
    for other in ("[1.5]", "['a']", "[True]", f"[{10**24}]"):
        with pytest.raises((ValueError, OverflowError)):
            parse(pa.array([other]))


def test_table_without_rows_is_one(tmp_path: Path) -> None:
    assert read_text(tmp_path, PROBES).num_rows == 0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (PROBES.replace("ecephys_session_id,", "") + ROW.format(id=1, units=3).replace(",7,", ","), ["missing"]),
        (
            PROBES + ROW.format(id=1, units=3) + ROW.format(id=2, units="many"),
            ["'unit_count'", "row 2", "'many'", "int64"],
        ),
        (PROBES + ROW.format(id=1, units="3.5"), ["'unit_count'", "'3.5'"]),
        (PROBES + ROW.format(id=1, units=3).replace("30000.1", "fast"), ["'sampling_rate'", "'fast'", "double"]),
        (PROBES + ROW.format(id=1, units=3).replace("True", "perhaps"), ["'has_lfp_data'", "'perhaps'"]),
        (PROBES + ROW.format(id="", units=3), ["'ecephys_probe_id'", "empty", "row 1", "nothing was made from it"]),
        (PROBES + ROW.format(id=5, units=3) * 2, ["more than one row", "ecephys_probe_id 5"]),
        (PROBES + ROW.format(id=1, units=3) + "2,7\n", ["is no table", "got 2"]),
        (PROBES.replace("phase", "name") + ROW.format(id=1, units=3), ["stands twice"]),
        ("", ["is no table"]),
    ],
)
def test_bad_file_is_refused_by_name(text: str, says: list[str], tmp_path: Path) -> None:
    with pytest.raises(MetadataError) as refused:
        read_text(tmp_path, text)
    for words in ["probes.csv of release 9.9.9", *says]:
        assert words in str(refused.value)


@pytest.fixture
def in_small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are read a few rows at a time."""
    monkeypatch.setattr(csv_tables, "_BLOCK_BYTES", 4 * len(ROW))


@pytest.mark.usefixtures("in_small_blocks")
def test_numbers_are_marked_by_what_they_are_in_all_blocks(tmp_path: Path) -> None:
    row = ROW.replace("30000.1,1250.0", "385,{lfp}").strip() + ",7\n"
    rates = ["5"] * 17 + ["5.5"]
    rows = [row.format(id=id, units=3, lfp=rate) for id, rate in enumerate(rates)]
    table = read_text(tmp_path, PROBES.strip() + ",depth\n" + "".join(rows))
    assert table["lfp_sampling_rate"].num_chunks > 3
    assert table["lfp_sampling_rate"].to_pylist() == [float(rate) for rate in rates]
    assert table["depth"].to_pylist() == [7] * 18
    marks = {field.name: field.metadata for field in table.schema}
    assert marks["sampling_rate"] == {WRITTEN_AS: b"int64"}
    assert marks["lfp_sampling_rate"] is None


@pytest.mark.usefixtures("in_small_blocks")
@pytest.mark.parametrize(("column", "value"), [("unit_count", ",3,"), ("sampling_rate", "30000.1")])
def test_a_bad_value_in_a_later_block_is_named_by_its_row(tmp_path: Path, column: str, value: str) -> None:
    rows = [ROW.format(id=id, units=3) for id in range(18)]
    rows[16] = rows[16].replace(value, value.replace(value.strip(","), "many"))
    with pytest.raises(MetadataError, match=f"{column}.* row 17.*many"):
        read_text(tmp_path, PROBES + "".join(rows))


def test_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "probes.csv"
    path.write_bytes(b"\x89HDF\r\n\x1a\n\xff\xfe")
    with pytest.raises(MetadataError, match="is no table"):
        read_table(path, VBN.tables["probes"], release="9.9.9")


BEHAVIOR = VBO.tables["behavior_session_table"]


def read_sessions(folder: Path, header: str, *rows: str) -> pa.Table:
    path = folder / "behavior_session_table.csv"
    path.write_text("\n".join([f"behavior_session_id,ophys_session_id,file_id,{header}", *rows]) + "\n")
    return read_table(path, BEHAVIOR, release="9.9.9")


def test_lists_are_read_as_python_writes_them(tmp_path: Path) -> None:
    table = read_sessions(
        tmp_path, "ophys_experiment_id,driver_line", "1,5.0,,\"[7, 8]\",\"['Sst-IRES-Cre', 'Ai148']\"", "2,,0.0,[],"
    )
    assert table["ophys_experiment_id"].to_pylist() == [[7, 8], []]
    assert table["driver_line"].to_pylist() == [["Sst-IRES-Cre", "Ai148"], None]
    assert table["ophys_session_id"].to_pylist() == [5, None]
    assert table["file_id"].to_pylist() == [None, 0]


def test_dates_are_utc_whether_or_not_they_say_so(tmp_path: Path) -> None:
    dates = [
        "2019-05-17 14:46:33.550",
        "2019-05-17 14:46:33+00:00",
        "2019-05-17 07:46:33.000001-07:00",
        "2019-05-17T14:46:33Z",
    ]
    table = read_sessions(tmp_path, "date_of_acquisition", *(f"{i},,,{date}" for i, date in enumerate([*dates, ""])))
    fractions = [550000, 0, 1, 0]
    expected = [datetime(2019, 5, 17, 14, 46, 33, fraction, tzinfo=UTC) for fraction in fractions]
    assert [date and date.astimezone(UTC) for date in table["date_of_acquisition"].to_pylist()] == [*expected, None]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("driver_line", "Sst-IRES-Cre"),
        ("ophys_experiment_id", "['a']"),
        ("driver_line", "[1]"),
        ("ophys_experiment_id", "__import__('os').getcwd()"),
        ("date_of_acquisition", "yesterday"),
    ],
)
def test_what_is_no_list_or_date_is_refused_and_never_run(tmp_path: Path, column: str, value: str) -> None:
    with pytest.raises(MetadataError, match=f"{column}.*row 1"):
        read_sessions(tmp_path, column, f'1,,,"{value}"')


def test_a_release_that_says_less_of_its_sessions_is_read(tmp_path: Path) -> None:
    table = read_sessions(tmp_path, "mouse_id", "1,,0,0457841")
    assert table["mouse_id"].to_pylist() == ["0457841"], "as text, as AllenSDK reads it"
    assert table["image_set"].to_pylist() == [None]

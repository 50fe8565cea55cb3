"""Tables of one imaging plane of an ophys session: its cells, their traces and events, and how it was imaged.

Each is keyed by `ophys_experiment_id`, as AllenSDK calls a plane, with the ophys session that the behavior tables have
too. AllenSDK's index `cell_specimen_id` is a column; ROIs that are no cells are left out, as it leaves them out.
"""

from __future__ import annotations

import pyarrow as pa

from vbn_assets.tables.model import BOOL, F64, I64, STR, Column, Entity, Storage, Table, View

_KEYS = (
    Column(
        "ophys_session_id",
        I64,
        "The ophys session, as in the behavior tables",
        nullable=False,
        source="/general/metadata@ophys_session_id",
    ),
    Column("ophys_experiment_id", I64, "The imaging plane", nullable=False, source="/identifier"),
)
_ROIS = "/processing/ophys/image_segmentation/cell_specimen_table"
_SPECIMEN = Column(
    "cell_specimen_id",
    I64,
    "The cell, the same in all sessions in which it was found; null where it was not matched",
    source=f"{_ROIS}/cell_specimen_id",
)
_ROI = Column("cell_roi_id", I64, "The cell in this experiment", nullable=False, source=f"{_ROIS}/id")
_CELL_KEY = ("ophys_experiment_id", "cell_roi_id")
_IMAGE = pa.list_(pa.list_(I64))


def _box(name: str, description: str) -> Column:
    return Column(name, I64, description, "pixels", source=f"{_ROIS}/{name}")


def _motion(direction: str, border: str) -> Column:
    text = f"Largest shift {direction} by motion correction: the border at the {border} of the image"
    return Column(f"max_correction_{direction}", F64, text, "pixels", source=f"{_ROIS}/max_correction_{direction}")


_ROI_COLUMNS = (
    *_KEYS,
    _SPECIMEN,
    _ROI,
    _box("height", "Height of the ROI"),
    Column("mask_image_plane", I64, "ROIs that overlap are on different ones", source=f"{_ROIS}/mask_image_plane"),
    _motion("down", "top"),
    _motion("left", "right"),
    _motion("right", "left"),
    _motion("up", "bottom"),
    Column("valid_roi", BOOL, "Whether the ROI was taken for a cell", source=f"{_ROIS}/valid_roi"),
    _box("width", "Width of the ROI"),
    _box("x", "Left edge of the ROI in the field of view"),
    _box("y", "Upper edge of the ROI in the field of view"),
)

CELL_SPECIMEN_TABLE = Table(
    name="cell_specimen_table",
    description="The cells of an imaging plane, in AllenSDK's order; `roi_masks` has their pixels.",
    entity=Entity.OPHYS_EXPERIMENT,
    key=_CELL_KEY,
    allensdk="experiment.cell_specimen_table",
    columns=_ROI_COLUMNS,
)

EXCLUDED_ROIS = Table(
    name="excluded_rois",
    description="ROIs that a file holds and marks as no cells: they are in no other table, and nowhere in AllenSDK.",
    entity=Entity.OPHYS_EXPERIMENT,
    key=_CELL_KEY,
    columns=_ROI_COLUMNS,
)

ROI_MASKS = Table(
    name="roi_masks",
    description="The pixels of each cell: roi_mask[row][column] of the whole field of view.",
    entity=Entity.OPHYS_EXPERIMENT,
    key=_CELL_KEY,
    allensdk="experiment.roi_masks",
    storage=Storage.VIEW,
    row_groups_as_read=True,
    columns=(
        *_KEYS,
        _SPECIMEN,
        _ROI,
        Column("roi_mask", pa.list_(pa.list_(BOOL)), "Rows of pixels, true on the cell", source=f"{_ROIS}/image_mask"),
    ),
)


def _traces(name: str, description: str, trace: Column, *more: Column, allensdk: str | None = None) -> Table:
    return Table(
        name=name,
        description=description,
        entity=Entity.OPHYS_EXPERIMENT,
        key=_CELL_KEY,
        allensdk=allensdk or f"experiment.{name}",
        storage=Storage.VIEW,
        row_groups_as_read=True,
        columns=(*_KEYS, _SPECIMEN, _ROI, trace, *more),
    )


def _trace(name: str, description: str, source: str, unit: str | None = None) -> Column:
    text = f"{description}: one value a frame, at the time that `ophys_timestamps` has for it; double whatever the file"
    return Column(name, pa.list_(F64), text, unit, source=f"/processing/ophys/{source}/data")


DFF_TRACES = _traces(
    "dff_traces",
    "Change of fluorescence against baseline: one row a cell. `dff_samples` has a row a frame.",
    _trace("dff", "ΔF/F", "dff/traces"),
)
DEMIXED_TRACES = _traces(
    "demixed_traces",
    "Fluorescence without that of overlapping ROIs: one row a cell; none from files that lack it.",
    _trace("demixed_trace", "Demixed fluorescence", "demixed_trace/traces", "arbitrary"),
)
NEUROPIL_TRACES = _traces(
    "neuropil_traces",
    "Fluorescence around each cell: one row a cell; none from files that lack it. AllenSDK's accessor of this name "
    "returns the demixed traces instead (2.16.2).",
    _trace("neuropil_trace", "Fluorescence of the neuropil around the cell", "neuropil_trace/traces", "arbitrary"),
    allensdk="what experiment.neuropil_traces should be",
)
CORRECTED_FLUORESCENCE_TRACES = _traces(
    "corrected_fluorescence_traces",
    "Demixed fluorescence less r times the neuropil's: one row a cell.",
    _trace("corrected_fluorescence", "Corrected fluorescence", "corrected_fluorescence/traces", "arbitrary"),
    Column(
        "r",
        F64,
        "Share of the neuropil's fluorescence that was taken off",
        source="/processing/ophys/corrected_fluorescence/r/data",
        optional=True,
    ),
    Column(
        "RMSE",
        F64,
        "Error of that fit",
        "arbitrary",
        source="/processing/ophys/corrected_fluorescence/RMSE/data",
        optional=True,
    ),
)

EVENTS = _traces(
    "events",
    "Calcium events found in ΔF/F: one row a cell in which they were looked for. `event_samples` has a row a frame.",
    _trace("events", "Size of the event that began in the frame, 0 where none did", "event_detection"),
    Column(
        "filtered_events",
        pa.list_(F64),
        "The same smoothed by a causal half Gaussian of 2/31 s over 20 frames; computed as AllenSDK does on reading, "
        "where the last bits depend on the machine",
        source="/processing/ophys/event_detection/data",
    ),
    Column(
        "lambda",
        F64,
        'Regularisation of the search; in SQL "lambda" in quotes, since the word is DuckDB\'s own',
        source="/processing/ophys/event_detection/lambdas",
    ),
    Column("noise_std", F64, "Noise of the trace", source="/processing/ophys/event_detection/noise_stds"),
)

_FRAME = Column("frame", I64, "Frame of the plane: element frame + 1 of a trace in SQL's lists", nullable=False)

OPHYS_TIMESTAMPS = Table(
    name="ophys_timestamps",
    description="When each frame of the imaging plane was taken.",
    entity=Entity.OPHYS_EXPERIMENT,
    key=("ophys_experiment_id", "frame"),
    allensdk="experiment.ophys_timestamps",
    storage=Storage.VIEW,
    columns=(
        *_KEYS,
        _FRAME,
        Column("timestamps", F64, "Time", "s", source="/processing/ophys/dff/traces/timestamps"),
    ),
)


def _shift(axis: str, description: str) -> Column:
    source = f"/processing/ophys/ophys_motion_correction_{axis}/data"
    return Column(axis, I64, description, "pixels", source=source)


MOTION_CORRECTION = Table(
    name="motion_correction",
    description="How far each frame was shifted against the movement of the brain.",
    entity=Entity.OPHYS_EXPERIMENT,
    key=("ophys_experiment_id", "frame"),
    allensdk="experiment.motion_correction",
    storage=Storage.VIEW,
    columns=(*_KEYS, _FRAME, _shift("x", "Shift to the right"), _shift("y", "Shift downwards")),
)

PROJECTIONS = Table(
    name="projections",
    description="Images of the imaging plane: one row a plane, image[row][column] is a pixel.",
    entity=Entity.OPHYS_EXPERIMENT,
    key=("ophys_experiment_id",),
    allensdk="experiment.max_projection, .average_projection and .segmentation_mask_image",
    storage=Storage.VIEW,
    columns=(
        *_KEYS,
        Column(
            "max_projection",
            _IMAGE,
            "Brightest value of each pixel over the session",
            "gray level",
            source="/processing/ophys/images/max_projection",
        ),
        Column(
            "average_projection",
            _IMAGE,
            "Mean of each pixel over the session",
            "gray level",
            source="/processing/ophys/images/average_image",
        ),
        Column(
            "segmentation_mask_image",
            _IMAGE,
            "1 on any cell, 0 elsewhere; computed from the masks as AllenSDK does on reading",
            source=f"{_ROIS}/image_mask",
        ),
        Column(
            "spacing",
            F64,
            "AllenSDK's size of a pixel in both directions, ten times the stored resolution",
            "mm",
            source="/processing/ophys/images/max_projection@resolution",
        ),
        Column("unit", STR, "Unit of the spacing"),
    ),
)

_METADATA = "/general/metadata@"
_PLANE = f"{_ROIS}/imaging_plane"


def _fact(name: str, type: pa.DataType, description: str, unit: str | None = None) -> Column:
    return Column(name, type, description, unit, source=f"{_METADATA}{name}")


EXPERIMENT_METADATA = Table(
    name="experiment_metadata",
    description="How an imaging plane was imaged: one row a plane. `session_metadata` has what is about its session.",
    entity=Entity.OPHYS_EXPERIMENT,
    key=("ophys_experiment_id",),
    allensdk="experiment.metadata",
    columns=(
        *_KEYS,
        Column(
            "indicator",
            STR,
            "Calcium indicator, as the reporter line names it; null if it names none",
            source="/general/subject@reporter_line",
        ),
        Column("emission_lambda", F64, "Emission wavelength", "nm", source=f"{_PLANE}/<channel>/emission_lambda"),
        Column("excitation_lambda", F64, "Excitation wavelength", "nm", source=f"{_PLANE}/excitation_lambda"),
        _fact("ophys_container_id", I64, "The same plane in all sessions of a mouse; null in files that lack it"),
        _fact("field_of_view_height", I64, "Height of the field of view", "pixels"),
        _fact("field_of_view_width", I64, "Width of the field of view", "pixels"),
        _fact("imaging_depth", I64, "Depth below the surface", "µm"),
        _fact("targeted_imaging_depth", I64, "Mean depth of the container; null in files that lack it", "µm"),
        _fact("imaging_plane_group", I64, "Planes imaged at the same time have the same; null for single planes"),
        _fact("imaging_plane_group_count", I64, "Groups of planes in the session; 0 for single planes"),
        Column("ophys_frame_rate", F64, "Frames of this plane a second", "Hz", source=f"{_PLANE}/imaging_rate"),
        _fact("project_code", STR, "Allen project"),
        Column("targeted_structure", STR, "Visual area", source=f"{_PLANE}/location"),
    ),
)

TABLES = (
    DFF_TRACES,
    CORRECTED_FLUORESCENCE_TRACES,
    DEMIXED_TRACES,
    NEUROPIL_TRACES,
    EVENTS,
    ROI_MASKS,
    CELL_SPECIMEN_TABLE,
    EXCLUDED_ROIS,
    OPHYS_TIMESTAMPS,
    MOTION_CORRECTION,
    PROJECTIONS,
    EXPERIMENT_METADATA,
)

_SAMPLE = (*_KEYS, _SPECIMEN, _ROI, _FRAME, OPHYS_TIMESTAMPS.column("timestamps"))
_EVENTS = "/processing/ophys/event_detection/data"

VIEWS = (
    View(
        name="dff_samples",
        description="ΔF/F, one row a cell and frame, with its time.",
        sql="dff_samples.sql",
        own_columns=(*_SAMPLE, Column("dff", F64, "ΔF/F in the frame", source="/processing/ophys/dff/traces/data")),
    ),
    View(
        name="event_samples",
        description="Events and filtered events, one row a cell and frame, with its time.",
        sql="event_samples.sql",
        own_columns=(
            *_SAMPLE,
            Column("events", F64, "Size of the event that began in the frame", source=_EVENTS),
            Column("filtered_events", F64, "The same smoothed, as in `events`", source=_EVENTS),
        ),
    ),
)

"""Table macros of the warehouse: what happened around events, as a query asks for it.

The events are a table, view or common table expression of the asker's own, given by its name, with `event_time` and the
id of the session: its other columns come along. The SQL of each macro is in warehouse/sql.
"""

from __future__ import annotations

from vbn_assets.tables.model import F64, I64, Column, Macro, Parameter


def _events(key: str) -> Parameter:
    return Parameter("events", f"Name of the events; each row has `event_time` (s) and `{key}`")


_BEFORE = Parameter("before", "From how long before the event; negative: from after it", "s")
_AFTER = Parameter("after", "To how long after the event", "s")
_BIN_WIDTH = Parameter("bin_width", "Width of a bin", "s")
_STEP = Parameter("step", "From one moment to the next", "s")
_UNITS = Parameter("units", "Name of what has the `unit_id` of the units wanted", default="recorded_units")

_UNIT_ID = Column("unit_id", I64, "Unit of the event's session: `units.unit_id`", nullable=False)
_SPIKE = (
    _UNIT_ID,
    Column("spike_time", F64, "Time of the spike", "s", nullable=False),
    Column("time", F64, "The same from the event on: spike_time - event_time", "s", nullable=False),
)
_BIN = Column("bin", I64, "Number of the bin, from 0", nullable=False)
_BINS = (
    _UNIT_ID,
    _BIN,
    Column("time", F64, "Start of the bin from the event on: bin * bin_width - before", "s", nullable=False),
)
_TIME = Column("time", F64, "From the event on: -before, then step by step to after", "s", nullable=False)
_EDGES = (
    "A bin has its start and not its end; its edges are event_time + (bin * bin_width - before). Counts are those of "
    "`np.diff(np.searchsorted(spike_times, event_time + (np.arange(bins + 1) * bin_width - before)))`. "
)
_LINE = (
    "Values are those of `np.interp(event_time + time, timestamps, values, left=np.nan, right=np.nan)`, null for NaN: "
    "before the first sample, after the last, and beside a missing one. "
)

BIN_COUNT = Macro(
    name="bin_count",
    description="How many whole bins a window has; the others count on it. An error if there is none.",
    sql="bin_count.sql",
    parameters=(_BEFORE, _AFTER, _BIN_WIDTH),
)

SPIKES = (
    Macro(
        name="spikes_around",
        description=(
            "Every spike from `before` an event until `after` it, excluding the end: a raster. One row for each event "
            "and spike, so that a spike is there once for every window it is in."
        ),
        sql="spikes_around.sql",
        parameters=(_events("ecephys_session_id"), _BEFORE, _AFTER, _UNITS),
        columns=_SPIKE,
    ),
    Macro(
        name="spikes_in_bins",
        description=f"spikes_around of whole bins, and the bin of each spike. {_EDGES}",
        sql="spikes_in_bins.sql",
        parameters=(_events("ecephys_session_id"), _BEFORE, _AFTER, _BIN_WIDTH, _UNITS),
        columns=(*_SPIKE, _BIN),
    ),
    Macro(
        name="spike_counts",
        description=(
            "How often each unit fired in each bin around each event. There is a row for every event, unit of its "
            f"session and bin, also where there was no spike: means over rows are means. {_EDGES}"
        ),
        sql="spike_counts.sql",
        parameters=(_events("ecephys_session_id"), _BEFORE, _AFTER, _BIN_WIDTH, _UNITS),
        columns=(*_BINS, Column("spike_count", I64, "Spikes in the bin", nullable=False)),
    ),
    Macro(
        name="psth",
        description=(
            "Peri-stimulus time histogram: the mean firing rate of each unit in each bin around the events, silent "
            "units and bins included. One histogram for each combination of the events' other columns than "
            "`event_time`: have `ecephys_session_id` and, say, `image_name` in them, and nothing that differs from "
            "event to event. "
            f"{_EDGES}"
        ),
        sql="psth.sql",
        parameters=(_events("ecephys_session_id"), _BEFORE, _AFTER, _BIN_WIDTH, _UNITS),
        columns=(
            Column("event_count", I64, "Events", nullable=False),
            *_BINS,
            Column("spike_count", I64, "Spikes in the bin, of all events", nullable=False),
            Column("rate", F64, "spike_count / (event_count * bin_width)", "Hz", nullable=False),
        ),
    ),
)

TRACES = (
    Macro(
        name="event_triggered",
        description=(
            f"Traces around each event, on the same moments for all: one row for each event, trace and moment. {_LINE}"
            "The traces are any table, view or common table expression with samples; what tells apart several of one "
            "session, as channels or cells, is in its column `trace_id`."
        ),
        sql="event_triggered.sql",
        parameters=(
            _events("behavior_session_id"),
            Parameter("trace", "Name of the traces; each row has `behavior_session_id`, `timestamps` (s) and `value`"),
            _BEFORE,
            _AFTER,
            _STEP,
        ),
        columns=(
            Column("trace_id", I64, "Which trace of its session, of the type it is given as; null where there is one"),
            _TIME,
            Column("value", F64, "Value of the trace"),
        ),
    ),
    Macro(
        name="running_around",
        description="event_triggered of running_speed.",
        sql="running_around.sql",
        parameters=(_events("behavior_session_id"), _BEFORE, _AFTER, _STEP),
        columns=(_TIME, Column("speed", F64, "Speed, forward positive", "cm/s")),
    ),
    Macro(
        name="pupil_around",
        description="event_triggered of the pupil's area in eye_tracking; null in and beside likely blinks.",
        sql="pupil_around.sql",
        parameters=(_events("behavior_session_id"), _BEFORE, _AFTER, _STEP),
        columns=(_TIME, Column("pupil_area", F64, "Area of the pupil's ellipse", "pixels²")),
    ),
)

OPHYS_TRACES = (
    Macro(
        name="dff_around",
        description="event_triggered of every cell's ΔF/F, in all planes of the event's session.",
        sql="dff_around.sql",
        parameters=(_events("behavior_session_id"), _BEFORE, _AFTER, _STEP),
        columns=(
            Column("cell_roi_id", I64, "The cell in its experiment: `cell_specimen_table.cell_roi_id`"),
            _TIME,
            Column("dff", F64, "ΔF/F"),
        ),
    ),
)

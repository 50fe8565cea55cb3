"""Tables of what the probes recorded: only in ecephys session files.

Each is keyed by `ecephys_session_id`, then by AllenSDK's index as a column (`id` where AllenSDK's has that name).
"""

from __future__ import annotations

import pyarrow as pa

from vbn_assets.tables.model import BOOL, F64, I64, STR, Column, Entity, Storage, Table, View

_SESSION = Column("ecephys_session_id", I64, "The ecephys session", nullable=False)


def _unit_metric(name: str, description: str, unit: str | None = None) -> Column:
    return Column(name, F64, description, unit, source=f"/units/{name}")


SESSION_UNITS = Table(
    name="session_units",
    description="The units of a session file with every column it has, unfiltered.",
    entity=Entity.ECEPHYS_SESSION,
    key=("ecephys_session_id", "id"),
    allensdk="session.get_units()",
    columns=(
        _SESSION,
        Column("id", I64, "Unit (`unit_id` in other tables)", nullable=False, source="/units/id"),
        _unit_metric("PT_ratio", "Peak to trough ratio"),
        _unit_metric("amplitude", "Peak to trough; wrong by 2 in most sessions before 0.5.0", "µV"),
        _unit_metric("amplitude_cutoff", "Estimated fraction of spikes missed; 0.5 is a ceiling, not a value"),
        Column("cluster_id", I64, "Number of the spike sorter's cluster", source="/units/cluster_id"),
        _unit_metric("cumulative_drift", "Drift summed over the session", "µm"),
        _unit_metric("d_prime", "Isolation: linear discriminability"),
        _unit_metric("firing_rate", "Mean firing rate", "Hz"),
        _unit_metric("isi_violations", "Refractory period violations relative to the firing rate"),
        _unit_metric("isolation_distance", "Isolation: Mahalanobis distance"),
        _unit_metric("l_ratio", "Isolation: L-ratio"),
        Column("local_index", I64, "Number of the unit on its probe", source="/units/local_index"),
        _unit_metric("max_drift", "Largest drift", "µm"),
        _unit_metric("nn_hit_rate", "Isolation: nearest-neighbour hit rate"),
        _unit_metric("nn_miss_rate", "Isolation: nearest-neighbour miss rate"),
        Column("peak_channel_id", I64, "Channel of the peak: `session_channels.id`", source="/units/peak_channel_id"),
        _unit_metric("presence_ratio", "Fraction of the session in which the unit fires"),
        Column("quality", STR, "good or noise", source="/units/quality", optional=True),
        _unit_metric("recovery_slope", "Slope after the peak"),
        _unit_metric("repolarization_slope", "Slope after the trough"),
        _unit_metric("silhouette_score", "Isolation: silhouette score"),
        _unit_metric("snr", "Signal to noise ratio"),
        _unit_metric("spread", "Extent along the probe", "µm"),
        _unit_metric("velocity_above", "Propagation velocity above the soma", "s/m"),
        _unit_metric("velocity_below", "Propagation velocity below the soma", "s/m"),
        _unit_metric("waveform_duration", "Trough to peak", "ms"),
    ),
)

_ELECTRODES = "/general/extracellular_ephys/electrodes"

CHANNEL_COLUMNS = (
    Column("id", I64, "Channel (`ecephys_channel_id` in other tables)", nullable=False, source=f"{_ELECTRODES}/id"),
    Column("anterior_posterior_ccf_coordinate", F64, "Position in the CCF", "µm", source=f"{_ELECTRODES}/x"),
    Column("dorsal_ventral_ccf_coordinate", F64, "Position in the CCF", "µm", source=f"{_ELECTRODES}/y"),
    Column("filtering", STR, "AllenSDK's fixed text on the filters"),
    Column("left_right_ccf_coordinate", F64, "Position in the CCF", "µm", source=f"{_ELECTRODES}/z"),
    Column("probe_channel_number", I64, "Position on the probe", source=f"{_ELECTRODES}/probe_channel_number"),
    Column(
        "probe_horizontal_position",
        I64,
        "From the shank's edge",
        "µm",
        source=f"{_ELECTRODES}/probe_horizontal_position",
    ),
    Column("probe_id", I64, "Probe: `session_probes.id`", source=f"{_ELECTRODES}/probe_id"),
    Column("probe_vertical_position", I64, "From the tip", "µm", source=f"{_ELECTRODES}/probe_vertical_position"),
    Column("structure_acronym", STR, "Structure up to its first '-' (DG-mo is DG)", source=f"{_ELECTRODES}/location"),
    Column("valid_data", BOOL, "Whether the channel worked", source=f"{_ELECTRODES}/valid_data"),
    Column("location", STR, "Structure as the file names it, uncut", source=f"{_ELECTRODES}/location"),
)
"""What a file says of a channel, after the id that its table is kept by."""

SESSION_CHANNELS = Table(
    name="session_channels",
    description="The channels of a session file, invalid ones included.",
    entity=Entity.ECEPHYS_SESSION,
    key=("ecephys_session_id", "id"),
    allensdk="session.get_channels(filter_by_validity=False)",
    columns=(
        _SESSION,
        *CHANNEL_COLUMNS,
    ),
)

_GROUP = "/general/extracellular_ephys/<probe>"

SESSION_PROBES = Table(
    name="session_probes",
    description="The probes of a session file; of LFP it says what the release's probes.csv says, as AllenSDK does.",
    entity=Entity.ECEPHYS_SESSION,
    key=("ecephys_session_id", "id"),
    allensdk="session.probes",
    storage=Storage.VIEW,
    sql="session_probes.sql",
    columns=(
        _SESSION,
        Column("id", I64, "Probe (`ecephys_probe_id` in other tables)", nullable=False, source=f"{_GROUP}@probe_id"),
        Column("name", STR, "probeA to probeF", source=_GROUP),
        Column("location", STR, "AllenSDK's fixed text", source=f"{_GROUP}@location"),
        Column("sampling_rate", F64, "Of the spike band", "Hz", source="/general/devices/<probe>@sampling_rate"),
        Column("lfp_sampling_rate", F64, "Of the LFP; null without LFP file", "Hz", source="probes.csv"),
        Column("has_lfp_data", BOOL, "Whether the release has an LFP file", source="probes.csv"),
    ),
)

SPIKE_TIMES = Table(
    name="spike_times",
    reader_version=2,
    description="Every spike of every unit, sorted by unit and time.",
    entity=Entity.ECEPHYS_SESSION,
    allensdk="session.spike_times, session.spike_amplitudes",
    storage=Storage.VIEW,
    columns=(
        _SESSION,
        Column("unit_id", I64, "Unit: `units.unit_id`", nullable=False, source="/units/id"),
        Column("spike_time", F64, "Time of the spike", "s", nullable=False, source="/units/spike_times"),
        Column(
            "spike_amplitude",
            F64,
            "Height; wrong by 2 in most sessions before 0.5.0",
            "V",
            source="/units/spike_amplitudes",
        ),
    ),
)

MEAN_WAVEFORMS = Table(
    name="mean_waveforms",
    description="The mean waveform of every unit on every channel of its probe.",
    entity=Entity.ECEPHYS_SESSION,
    key=("ecephys_session_id", "unit_id", "channel_index"),
    allensdk="session.mean_waveforms",
    storage=Storage.VIEW,
    columns=(
        _SESSION,
        Column("unit_id", I64, "Unit: `units.unit_id`", nullable=False, source="/units/id"),
        Column("channel_index", I64, "Row of AllenSDK's (channels, samples) array", nullable=False),
        Column("mean_waveform", pa.list_(F64), "82 samples at 30 kHz", "µV", source="/units/waveform_mean"),
    ),
)

_OPTOTAGGING = "/processing/optotagging/optogenetic_stimulation"

OPTOTAGGING_TABLE = Table(
    name="optotagging_table",
    description="Every light pulse that was to find units of the mouse's driver line; none in some sessions.",
    entity=Entity.ECEPHYS_SESSION,
    key=("ecephys_session_id", "id"),
    allensdk="session.optotagging_table",
    columns=(
        _SESSION,
        Column("id", I64, "Number of the pulse in its session", nullable=False, source=f"{_OPTOTAGGING}/id"),
        Column("start_time", F64, "Onset", "s", source=f"{_OPTOTAGGING}/start_time"),
        Column("condition", STR, "Pattern of the light", source=f"{_OPTOTAGGING}/condition"),
        Column("level", F64, "Intensity, as put on the light source", "V", source=f"{_OPTOTAGGING}/level"),
        Column("stop_time", F64, "Offset", "s", source=f"{_OPTOTAGGING}/stop_time"),
        Column("stimulus_name", STR, "Name of the pattern", source=f"{_OPTOTAGGING}/stimulus_name"),
        Column("duration", F64, "Length", "s", source=f"{_OPTOTAGGING}/duration"),
    ),
)

TABLES = (SESSION_UNITS, SESSION_CHANNELS, SESSION_PROBES, SPIKE_TIMES, MEAN_WAVEFORMS, OPTOTAGGING_TABLE)

VIEWS = (
    View(
        name="recorded_units",
        description="The units whose spikes are held: all of a session file, unfiltered.",
        sql="recorded_units.sql",
        own_columns=(_SESSION, Column("unit_id", I64, "Unit: `units.unit_id`", nullable=False)),
    ),
)

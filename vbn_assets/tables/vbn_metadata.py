"""The metadata CSVs of VBN: one table each, with AllenSDK's names, types and nulls.

AllenSDK returns these tables with their first column as index; here it is a column like the others. Text that
looks like a list (`structure_acronyms`) or a date (`date_of_acquisition`) stays text, as AllenSDK leaves it.
"""

from __future__ import annotations

from vbn_assets.tables.model import BOOL, F64, I64, STR, Column, Entity, Storage, Table, View

_SESSION = "Ecephys session: one recording of one mouse on one day"
_FILE_ID = Column("file_id", I64, "The release's own number for the NWB file; -999 or null where there is none")
_CCF = (
    Column("anterior_posterior_ccf_coordinate", F64, "Position in the Allen CCF, from anterior", "µm"),
    Column("dorsal_ventral_ccf_coordinate", F64, "Position in the Allen CCF, from dorsal", "µm"),
    Column("left_right_ccf_coordinate", F64, "Position in the Allen CCF, from left", "µm"),
)

ECEPHYS_SESSIONS = Table(
    name="ecephys_sessions",
    description="Every published ecephys session, abnormal ones included (`normal_ecephys_sessions` leaves them out).",
    entity=Entity.FILE,
    key=("ecephys_session_id",),
    allensdk="get_ecephys_session_table(filter_abnormalities=False)",
    columns=(
        Column("ecephys_session_id", I64, _SESSION, nullable=False),
        Column("behavior_session_id", I64, "The behavior session recorded with it", nullable=False),
        Column(
            "date_of_acquisition", STR, "Start of the session as text; US/Pacific time marked +00:00 in all releases"
        ),
        Column("equipment_name", STR, "Recording rig (NP.0, NP.1)"),
        Column("session_type", STR, "Stimulus and reward of the session, e.g. EPHYS_1_images_G_5uL_reward"),
        Column("mouse_id", I64, "LabTracks id of the mouse"),
        Column("genotype", STR, "Full genotype"),
        Column("sex", STR, "F or M"),
        Column("project_code", STR, "Allen project", optional=True),
        Column("age_in_days", I64, "Age of the mouse", "days"),
        Column("unit_count", I64, "Units that passed the spike sorter's filters"),
        Column("probe_count", I64, "Probes"),
        Column("channel_count", I64, "Channels"),
        Column("structure_acronyms", STR, "Brain structures recorded from: text of a Python list"),
        Column("image_set", STR, "Image set shown (G or H)"),
        Column("prior_exposures_to_image_set", I64, "Earlier sessions with this image set"),
        Column("session_number", I64, "Recording day of this mouse (1 or 2); not the count in behavior_sessions"),
        Column("experience_level", STR, "Familiar or Novel images"),
        Column("prior_exposures_to_omissions", I64, "Earlier sessions with omitted flashes"),
        _FILE_ID,
        Column("abnormal_histology", STR, "Structures with abnormal histology: text of a Python list", optional=True),
        Column("abnormal_activity", STR, "Times of epileptiform activity, s: text of a Python list", optional=True),
    ),
)

BEHAVIOR_SESSIONS = Table(
    name="behavior_sessions",
    description="Every behavior session of the mice: training, habituation and the behavior half of ecephys sessions.",
    entity=Entity.FILE,
    key=("behavior_session_id",),
    allensdk="get_behavior_session_table()",
    columns=(
        Column("behavior_session_id", I64, "Behavior session", nullable=False),
        Column("equipment_name", STR, "Rig or training box"),
        Column("genotype", STR, "Full genotype"),
        Column("mouse_id", I64, "LabTracks id of the mouse"),
        Column("sex", STR, "F or M"),
        Column("age_in_days", I64, "Age of the mouse", "days"),
        Column("session_number", I64, "Running number of the mouse's sessions; not the recording day"),
        Column("prior_exposures_to_session_type", I64, "Earlier sessions of the same type"),
        Column("prior_exposures_to_image_set", I64, "Earlier sessions with this image set; null for gratings"),
        Column("prior_exposures_to_omissions", I64, "Earlier sessions with omitted flashes"),
        Column("ecephys_session_id", I64, "The ecephys session it belongs to, published or not; null in training"),
        Column("date_of_acquisition", STR, "Start of the session as text"),
        Column("session_type", STR, "Stimulus and reward of the session"),
        Column("image_set", STR, "Image set shown; null for gratings"),
        Column("file_id", I64, "The release's number for the NWB file; -999: use the ecephys session's", optional=True),
    ),
)

PROBES = Table(
    name="probes",
    description="Every probe inserted in a published session.",
    entity=Entity.FILE,
    key=("ecephys_probe_id",),
    allensdk="get_probe_table()",
    columns=(
        Column("ecephys_probe_id", I64, "Probe", nullable=False),
        Column("ecephys_session_id", I64, _SESSION, nullable=False),
        Column("name", STR, "probeA to probeF"),
        Column("sampling_rate", F64, "Sampling rate of the spike band", "Hz"),
        Column("lfp_sampling_rate", F64, "Sampling rate of the LFP; before 0.5.0 that of the raw LFP band", "Hz"),
        Column("phase", F64, "Neuropixels phase"),
        Column("has_lfp_data", BOOL, "Whether an LFP file is published"),
        Column("unit_count", I64, "Units"),
        Column("channel_count", I64, "Channels"),
        Column("structure_acronyms", STR, "Brain structures passed: text of a Python list"),
        Column("file_id", I64, "The release's number for the LFP file; -999: none", optional=True),
    ),
)

CHANNELS = Table(
    name="channels",
    description="Every channel of every probe.",
    entity=Entity.FILE,
    key=("ecephys_channel_id",),
    allensdk="get_channel_table()",
    storage=Storage.VIEW,
    columns=(
        Column("ecephys_channel_id", I64, "Channel", nullable=False),
        Column("ecephys_probe_id", I64, "Probe", nullable=False),
        Column("ecephys_session_id", I64, _SESSION, nullable=False),
        Column("probe_channel_number", I64, "Position on the probe, from the tip (0 to 383)"),
        Column("probe_vertical_position", F64, "Distance from the tip", "µm"),
        Column("probe_horizontal_position", F64, "Distance from the shank's edge", "µm"),
        *_CCF,
        Column("structure_acronym", STR, "Brain structure; null outside the brain"),
        Column("unit_count", I64, "Units whose peak is here"),
        Column("valid_data", BOOL, "Whether the channel worked"),
    ),
)

_QUALITY_METRICS = (
    Column("cumulative_drift", F64, "Drift of the unit summed over the session", "µm"),
    Column("d_prime", F64, "Isolation: linear discriminability from the other units"),
    Column("structure_acronym", STR, "Brain structure of the peak channel"),
    Column("structure_id", F64, "Allen structure id of the peak channel"),
    Column("firing_rate", F64, "Mean firing rate over the session", "Hz"),
    Column("isi_violations", F64, "Refractory period violations relative to the firing rate"),
    Column("isolation_distance", F64, "Isolation: Mahalanobis distance"),
    Column("l_ratio", F64, "Isolation: L-ratio"),
    Column("local_index", I64, "Number of the unit on its probe"),
    Column("max_drift", F64, "Largest drift of the unit", "µm"),
    Column("nn_hit_rate", F64, "Isolation: nearest-neighbour hit rate"),
    Column("nn_miss_rate", F64, "Isolation: nearest-neighbour miss rate"),
    Column("presence_ratio", F64, "Fraction of the session in which the unit fires"),
)

UNITS = Table(
    name="units",
    description="Every sorted unit of every published session, with its quality metrics and waveform shape.",
    entity=Entity.FILE,
    key=("unit_id",),
    allensdk="get_unit_table()",
    storage=Storage.VIEW,
    columns=(
        Column("unit_id", I64, "Unit", nullable=False),
        Column("ecephys_channel_id", I64, "Channel of the unit's peak", nullable=False),
        Column("ecephys_probe_id", I64, "Probe", nullable=False),
        Column("ecephys_session_id", I64, _SESSION, nullable=False),
        Column("amplitude_cutoff", F64, "Estimated fraction of spikes missed; 0.5 is a ceiling, not a value"),
        *_CCF,
        *_QUALITY_METRICS,
        Column("probe_horizontal_position", F64, "Of the peak channel", "µm"),
        Column("probe_vertical_position", F64, "Of the peak channel, from the tip", "µm"),
        Column("silhouette_score", F64, "Isolation: silhouette score"),
        Column("snr", F64, "Signal to noise ratio of the mean waveform"),
        Column("quality", STR, "good or noise (from 0.5.0)", optional=True),
        Column("valid_data", BOOL, "Whether the peak channel worked"),
        Column("amplitude", F64, "Peak to trough of the mean waveform; wrong by 2 in most sessions before 0.5.0", "µV"),
        Column("waveform_duration", F64, "Trough to peak", "ms"),
        Column("waveform_halfwidth", F64, "Width at half height", "ms"),
        Column("PT_ratio", F64, "Peak to trough ratio"),
        Column("recovery_slope", F64, "Slope after the peak"),
        Column("repolarization_slope", F64, "Slope after the trough"),
        Column("spread", F64, "Extent along the probe", "µm"),
        Column("velocity_above", F64, "Propagation velocity above the soma", "s/m"),
        Column("velocity_below", F64, "Propagation velocity below the soma", "s/m"),
    ),
)

TABLES = (ECEPHYS_SESSIONS, BEHAVIOR_SESSIONS, PROBES, CHANNELS, UNITS)

VIEWS = (
    View(
        name="normal_ecephys_sessions",
        description="The ecephys sessions without abnormal histology or activity: those that AllenSDK shows.",
        sql="normal_ecephys_sessions.sql",
        own_columns=(),
        beside=ECEPHYS_SESSIONS,
        allensdk="get_ecephys_session_table()",
    ),
)

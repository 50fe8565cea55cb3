SELECT units.id AS unit_id, peak_channel_id
FROM session_units AS units
ANTI JOIN session_channels AS channels ON channels.id = units.peak_channel_id

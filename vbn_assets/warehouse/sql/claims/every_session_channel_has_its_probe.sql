SELECT channels.id AS channel_id, probe_id
FROM session_channels AS channels
ANTI JOIN session_probes AS probes ON probes.id = channels.probe_id

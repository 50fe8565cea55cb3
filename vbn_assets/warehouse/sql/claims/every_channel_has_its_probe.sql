SELECT ecephys_channel_id, ecephys_probe_id FROM channels ANTI JOIN probes USING (ecephys_probe_id)

SELECT ecephys_probe_id, ecephys_session_id FROM probes ANTI JOIN ecephys_sessions USING (ecephys_session_id)

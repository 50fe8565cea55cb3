SELECT ecephys_session_id, id AS unit_id FROM {schema}.session_units

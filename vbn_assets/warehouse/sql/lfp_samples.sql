SELECT
    ecephys_session_id,
    ecephys_probe_id,
    channel_id,
    start_time,
    end_time,
    unnest(timestamps) AS time,
    nullif(unnest(samples), 'nan'::FLOAT) AS lfp
FROM {schema}.lfp
JOIN (SELECT ecephys_probe_id, block, timestamps FROM {schema}.lfp_timestamps) AS times
    USING (ecephys_probe_id, block)

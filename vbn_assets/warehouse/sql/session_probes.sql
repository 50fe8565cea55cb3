-- AllenSDK takes what it says of LFP from the release's probes.csv, not from the session file. The join would lose the
-- file's order of probes, which is that of their names.
SELECT
    file.* REPLACE (
        CASE WHEN released.has_lfp_data THEN released.lfp_sampling_rate END AS lfp_sampling_rate,
        coalesce(released.has_lfp_data, FALSE) AS has_lfp_data
    )
FROM {rows} AS file
LEFT JOIN {schema}.probes AS released ON released.ecephys_probe_id = file.id
ORDER BY file.ecephys_session_id, file.name

-- LFP is published at 1250 Hz; the band it is taken from has twice that.
SELECT ecephys_probe_id AS id, count(*) AS rows
FROM probes
WHERE has_lfp_data AND lfp_sampling_rate > 2000
GROUP BY ALL

-- What probes.csv says against the files that are published.
WITH published AS (
    SELECT id AS ecephys_probe_id
    FROM release_files
    WHERE kind = 'probe_lfp' AND release = (SELECT release FROM releases WHERE is_current)
)
SELECT ecephys_probe_id AS id, count(*) AS rows
FROM probes
LEFT JOIN published USING (ecephys_probe_id)
WHERE has_lfp_data <> (published.ecephys_probe_id IS NOT NULL)
GROUP BY ALL

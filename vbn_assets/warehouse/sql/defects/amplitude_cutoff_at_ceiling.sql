SELECT ecephys_session_id AS id, count(*) AS rows
FROM units
WHERE amplitude_cutoff = 0.5
GROUP BY ALL

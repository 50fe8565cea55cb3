SELECT ecephys_session_id AS id, count(*) AS rows
FROM session_channels
WHERE structure_acronym <> location
GROUP BY ALL

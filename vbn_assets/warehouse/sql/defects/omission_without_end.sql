SELECT coalesce(ecephys_session_id, behavior_session_id) AS id, count(*) AS rows
FROM stimulus_presentations
WHERE omitted AND (duration IS NULL OR end_frame IS NULL)
GROUP BY ALL

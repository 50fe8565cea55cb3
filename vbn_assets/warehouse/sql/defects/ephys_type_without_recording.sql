SELECT behavior_session_id AS id, count(*) AS rows
FROM behavior_sessions
ANTI JOIN ecephys_sessions USING (behavior_session_id)
WHERE session_type LIKE 'EPHYS%'
GROUP BY ALL

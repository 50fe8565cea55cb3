SELECT ecephys_session_id AS id, count(*) AS rows
FROM ecephys_sessions
ANTI JOIN normal_ecephys_sessions USING (ecephys_session_id)
GROUP BY ALL

SELECT ecephys.ecephys_session_id AS id, count(*) AS rows
FROM ecephys_sessions AS ecephys
JOIN behavior_sessions AS behavior USING (behavior_session_id)
WHERE ecephys.session_number <> behavior.session_number
GROUP BY ALL

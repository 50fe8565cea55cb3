SELECT released.ecephys_session_id AS id, count(*) AS rows
FROM ecephys_sessions AS released
JOIN session_metadata AS file USING (ecephys_session_id)
WHERE round(epoch(file.date_of_acquisition - try_cast(released.date_of_acquisition AS TIMESTAMPTZ)) / 3600) IN (7, 8)
GROUP BY ALL

-- Summer and winter time: the file is 7 or 8 hours behind the metadata table.
SELECT behavior_session_id AS id, count(*) AS rows
FROM session_metadata AS file
JOIN behavior_session_table AS released USING (behavior_session_id)
WHERE file.ophys_session_id IS NOT NULL
    AND abs(datediff('minute', file.date_of_acquisition, released.date_of_acquisition)) BETWEEN 415 AND 485
GROUP BY ALL

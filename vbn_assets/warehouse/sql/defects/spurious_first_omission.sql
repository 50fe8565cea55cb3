SELECT coalesce(ecephys_session_id, behavior_session_id) AS id, count(*) AS rows
FROM stimulus_presentations
JOIN (
    SELECT behavior_session_id, min(start_time) AS task_start FROM trials GROUP BY behavior_session_id
) AS task USING (behavior_session_id)
WHERE omitted AND start_time < task_start
GROUP BY ALL

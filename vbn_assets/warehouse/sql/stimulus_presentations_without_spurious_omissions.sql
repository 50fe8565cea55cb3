SELECT presentations.*
FROM {schema}.stimulus_presentations AS presentations
ANTI JOIN (
    SELECT behavior_session_id, min(start_time) AS task_start FROM {schema}.trials GROUP BY behavior_session_id
) AS task
    ON task.behavior_session_id = presentations.behavior_session_id
    AND presentations.omitted
    AND presentations.start_time < task.task_start

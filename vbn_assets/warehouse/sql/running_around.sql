WITH _running AS (
    SELECT behavior_session_id, timestamps, speed AS value FROM {schema}.running_speed
)
SELECT * EXCLUDE (trace_id) RENAME (value AS speed)
FROM {schema}.event_triggered(events, '_running', before, after, step)

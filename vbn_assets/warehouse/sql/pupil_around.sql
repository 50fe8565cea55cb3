-- pupil_area is null in likely blinks, and so is whatever lies between a blink and the sample beside it.
WITH _pupil AS (
    SELECT behavior_session_id, timestamps, pupil_area AS value FROM {schema}.eye_tracking
)
SELECT * EXCLUDE (trace_id) RENAME (value AS pupil_area)
FROM {schema}.event_triggered(events, '_pupil', before, after, step)

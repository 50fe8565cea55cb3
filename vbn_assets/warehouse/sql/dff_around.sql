WITH _dff AS (
    SELECT behavior_session_id, cell_roi_id AS trace_id, timestamps, dff AS value
    FROM {schema}.dff_samples
    JOIN (SELECT ophys_experiment_id, behavior_session_id FROM {schema}.ophys_experiment_table)
        USING (ophys_experiment_id)
)
SELECT * RENAME (trace_id AS cell_roi_id, value AS dff)
FROM {schema}.event_triggered(events, '_dff', before, after, step)

SELECT
    ophys_session_id,
    ophys_experiment_id,
    cell_specimen_id,
    cell_roi_id,
    frame,
    timestamps,
    events,
    filtered_events
FROM (
    SELECT
        * REPLACE (unnest(events) AS events, unnest(filtered_events) AS filtered_events),
        unnest(range(len(events))) AS frame
    FROM {schema}.events
)
JOIN (SELECT ophys_experiment_id, frame, timestamps FROM {schema}.ophys_timestamps) AS times
    USING (ophys_experiment_id, frame)

SELECT
    ophys_session_id,
    ophys_experiment_id,
    cell_specimen_id,
    cell_roi_id,
    frame,
    timestamps,
    dff
FROM (
    SELECT * REPLACE (unnest(dff) AS dff), unnest(range(len(dff))) AS frame
    FROM {schema}.dff_traces
)
JOIN (SELECT ophys_experiment_id, frame, timestamps FROM {schema}.ophys_timestamps) AS times
    USING (ophys_experiment_id, frame)

-- As event_triggered, but a trace is a row with the list of its frames, and a plane's traces have the same times: so its
-- few timestamps are joined with the moments, and of each list only the frames beside them are taken; of a frame that no
-- list has, null. What is the same for all cells of a plane goes along as one list, the event's row too: no join at the end.
WITH _events AS MATERIALIZED (
    SELECT * REPLACE (event_time::DOUBLE AS event_time)
    FROM query_table(events)
    WHERE isfinite(event_time::DOUBLE)
),
_planes AS MATERIALIZED (
    SELECT DISTINCT behavior_session_id, ophys_experiment_id
    FROM {schema}.dff_traces
    JOIN (SELECT ophys_session_id, behavior_session_id FROM {schema}.session_metadata) USING (ophys_session_id)
    WHERE behavior_session_id IN (SELECT behavior_session_id FROM _events)
),
_times AS (
    SELECT
        ophys_experiment_id,
        frame,
        timestamps,
        lead(frame) OVER _series AS _next_frame,
        lead(timestamps) OVER _series AS _next_timestamps
    FROM {schema}.ophys_timestamps
    WHERE ophys_experiment_id IN (SELECT ophys_experiment_id FROM _planes)
    WINDOW _series AS (PARTITION BY ophys_experiment_id ORDER BY timestamps)
),
_moments AS (
    SELECT _event, ophys_experiment_id, number * step::DOUBLE - before::DOUBLE AS time, event_time + time AS _moment
    FROM (SELECT _events AS _event, behavior_session_id, event_time FROM _events)
    LEFT JOIN _planes USING (behavior_session_id)
    CROSS JOIN range({schema}.bin_count(before, after, step) + 1) AS steps (number)
),
_places AS (
    -- At a frame the value is the frame's, also where the next one has none.
    SELECT
        _moments.ophys_experiment_id,
        _event,
        time,
        _moment - timestamps AS _since,
        CASE WHEN _moment = timestamps THEN 1 ELSE _next_timestamps - timestamps END AS _between,
        frame,
        CASE WHEN _moment = timestamps THEN frame ELSE _next_frame END AS _next_frame
    FROM _moments
    ASOF LEFT JOIN (FROM _times WHERE timestamps IS DISTINCT FROM _next_timestamps) AS _times
        ON _times.ophys_experiment_id = _moments.ophys_experiment_id
        AND _times.timestamps <= _moments._moment
),
_of_planes AS (
    SELECT
        ophys_experiment_id,
        list(struct_pack(_event, time, _since, _between)) AS _places,
        list(coalesce(frame + 1, 1000000000000)) AS _frames,
        list(coalesce(_next_frame + 1, 1000000000000)) AS _next_frames
    FROM _places
    GROUP BY ophys_experiment_id
),
_sampled AS (
    SELECT
        cell_roi_id,
        unnest(_places) AS _place,
        unnest(list_select(dff, _frames)) AS _value,
        unnest(list_select(dff, _next_frames)) AS _next_value
    FROM _of_planes
    LEFT JOIN {schema}.dff_traces USING (ophys_experiment_id)
)
SELECT
    unnest(_place._event),
    cell_roi_id,
    _place.time AS time,
    (_next_value - _value) / _place._between * _place._since + _value AS dff
FROM _sampled

-- Each moment has the sample at or before it and the one after: between the two the value is on a straight line. At a
-- sample it is the sample's, also where the next one is missing; of samples at one time, as in numpy, the last one's.
WITH _events AS MATERIALIZED (
    SELECT row_number() OVER () AS _event, * REPLACE (event_time::DOUBLE AS event_time)
    FROM query_table(events)
    WHERE isfinite(event_time::DOUBLE)
),
_trace AS (
    -- A trace without trace_id has one that is null.
    FROM query_table(trace)
    UNION ALL BY NAME
    SELECT NULL::BIGINT AS trace_id WHERE FALSE
),
_samples AS (
    SELECT
        behavior_session_id,
        trace_id,
        timestamps,
        nullif(value::DOUBLE, 'nan') AS value,
        lead(timestamps) OVER _series AS _next_timestamps,
        nullif(lead(value::DOUBLE) OVER _series, 'nan') AS _next_value
    FROM _trace
    WHERE behavior_session_id IN (SELECT behavior_session_id FROM _events)
    WINDOW _series AS (PARTITION BY behavior_session_id, trace_id ORDER BY timestamps)
),
_moments AS (
    SELECT
        _event,
        behavior_session_id,
        trace_id,
        number * step::DOUBLE - before::DOUBLE AS time,
        event_time + time AS _moment
    FROM (SELECT _event, behavior_session_id, event_time FROM _events)
    LEFT JOIN (SELECT DISTINCT behavior_session_id, trace_id FROM _samples) USING (behavior_session_id)
    CROSS JOIN range({schema}.bin_count(before, after, step) + 1) AS steps (number)
),
_values AS (
    SELECT
        _event,
        _moments.trace_id,
        time,
        CASE
            WHEN _moment = timestamps THEN value
            ELSE (_next_value - value) / (_next_timestamps - timestamps) * (_moment - timestamps) + value
        END AS value
    FROM _moments
    ASOF LEFT JOIN (FROM _samples WHERE timestamps IS DISTINCT FROM _next_timestamps) AS _samples
        ON _samples.behavior_session_id = _moments.behavior_session_id
        AND _samples.trace_id IS NOT DISTINCT FROM _moments.trace_id
        AND _samples.timestamps <= _moments._moment
)
SELECT _events.* EXCLUDE (_event), trace_id, time, value
FROM _events
JOIN _values USING (_event)

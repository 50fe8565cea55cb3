-- Each moment has the sample at or before it and the one after: between the two the value is on a straight line. At a
-- sample it is the sample's, also where the next one is missing.
WITH _events AS MATERIALIZED (
    SELECT row_number() OVER () AS _event, * REPLACE (event_time::DOUBLE AS event_time)
    FROM query_table(events)
    WHERE isfinite(event_time::DOUBLE)
),
_moments AS (
    SELECT _event, behavior_session_id, number * step::DOUBLE - before::DOUBLE AS time, event_time + time AS _moment
    FROM (SELECT _event, behavior_session_id, event_time FROM _events)
    CROSS JOIN range({schema}.bin_count(before, after, step) + 1) AS steps (number)
),
_samples AS (
    SELECT
        behavior_session_id,
        timestamps,
        value,
        lead(timestamps) OVER _session AS _next_timestamps,
        lead(value) OVER _session AS _next_value
    FROM query_table(trace)
    WHERE behavior_session_id IN (SELECT behavior_session_id FROM _events)
    WINDOW _session AS (PARTITION BY behavior_session_id ORDER BY timestamps)
),
_values AS (
    SELECT
        _event,
        time,
        CASE
            WHEN _moment = timestamps THEN value
            ELSE (_next_value - value) / (_next_timestamps - timestamps) * (_moment - timestamps) + value
        END AS value
    FROM _moments
    ASOF LEFT JOIN _samples
        ON _samples.behavior_session_id = _moments.behavior_session_id AND _samples.timestamps <= _moments._moment
)
SELECT _events.* EXCLUDE (_event), time, value
FROM _events
JOIN _values USING (_event)

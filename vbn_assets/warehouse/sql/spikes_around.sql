-- A spike is compared only with the windows that touch its bucket of time, which is as long as a window: each event with
-- each spike would be 10^11 comparisons a session. Buckets are joined by a constant: DuckDB cannot hash by a column of both.
-- Units are joined instead of asked for with IN: a third of a second less for the 10^8 spikes of a session.
WITH _events AS (
    SELECT
        * REPLACE (event_time::DOUBLE AS event_time),
        event_time::DOUBLE - before::DOUBLE AS _begin,
        event_time::DOUBLE + after::DOUBLE AS _end
    FROM query_table(events)
    WHERE CASE WHEN before + after > 0 THEN isfinite(event_time::DOUBLE)
               ELSE error('the window is empty: before + after must be more than 0 s')::BOOLEAN END
),
_windows AS (
    SELECT
        *,
        unnest(range(
            floor(_begin / (before + after)::DOUBLE)::BIGINT, floor(_end / (before + after)::DOUBLE)::BIGINT + 1
        )) AS _bucket
    FROM _events
)
SELECT
    _windows.* EXCLUDE (_begin, _end, _bucket),
    spikes.unit_id,
    spikes.spike_time,
    spikes.spike_time - _windows.event_time AS time
FROM _windows
JOIN {schema}.spike_times AS spikes
    ON spikes.ecephys_session_id = _windows.ecephys_session_id
    AND floor(spikes.spike_time / (before + after)::DOUBLE)::BIGINT = _windows._bucket
    AND spikes.spike_time >= _windows._begin
    AND spikes.spike_time < _windows._end
JOIN (SELECT DISTINCT unit_id FROM query_table(units)) AS wanted
    ON wanted.unit_id = spikes.unit_id

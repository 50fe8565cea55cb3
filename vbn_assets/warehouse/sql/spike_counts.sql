WITH _events AS MATERIALIZED (
    SELECT row_number() OVER () AS _event, * REPLACE (event_time::DOUBLE AS event_time)
    FROM query_table(events)
    WHERE isfinite(event_time::DOUBLE)
),
_moments AS (
    SELECT _event, ecephys_session_id, event_time FROM _events
),
_counted AS (
    SELECT _event, unit_id, bin, count(*) AS spike_count
    FROM {schema}.spikes_in_bins('_moments', before, after, bin_width, units := units)
    GROUP BY _event, unit_id, bin
)
SELECT
    _events.* EXCLUDE (_event),
    unit_id,
    bin,
    bin * bin_width::DOUBLE - before::DOUBLE AS time,
    coalesce(spike_count, 0) AS spike_count
FROM _events
JOIN {schema}.recorded_units USING (ecephys_session_id)
CROSS JOIN range({schema}.bin_count(before, after, bin_width)) AS bins (bin)
LEFT JOIN _counted USING (_event, unit_id, bin)
WHERE unit_id IN (SELECT unit_id FROM query_table(units))

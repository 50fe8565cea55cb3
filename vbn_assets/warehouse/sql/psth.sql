WITH _events AS MATERIALIZED (
    SELECT row_number() OVER () AS _event, * REPLACE (event_time::DOUBLE AS event_time)
    FROM query_table(events)
    WHERE isfinite(event_time::DOUBLE)
),
_groups AS MATERIALIZED (
    SELECT row_number() OVER () AS _group, *
    FROM (
        SELECT COLUMNS(lambda name: name NOT IN ('_event', 'event_time')), count(*) AS event_count, list(_event) AS _members
        FROM _events
        GROUP BY ALL
    )
),
_moments AS (
    SELECT _group, ecephys_session_id, event_time
    FROM _events
    JOIN (SELECT _group, unnest(_members) AS _event FROM _groups) USING (_event)
),
_counted AS (
    SELECT _group, unit_id, bin, count(*) AS spike_count
    FROM {schema}.spikes_in_bins('_moments', before, after, bin_width, units := units)
    GROUP BY _group, unit_id, bin
),
_units AS (
    SELECT * FROM {schema}.recorded_units WHERE unit_id IN (SELECT unit_id FROM query_table(units))
)
SELECT
    _groups.* EXCLUDE (_group, _members),
    unit_id,
    bin,
    bin * bin_width::DOUBLE - before::DOUBLE AS time,
    coalesce(spike_count, 0) AS spike_count,
    coalesce(spike_count, 0) / (event_count * bin_width::DOUBLE) AS rate
FROM _groups
JOIN _units USING (ecephys_session_id)
CROSS JOIN range({schema}.bin_count(before, after, bin_width)) AS bins (bin)
LEFT JOIN _counted USING (_group, unit_id, bin)

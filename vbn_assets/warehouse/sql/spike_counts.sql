-- Event and bin are one number, the slot: it is grouped and joined by a third faster than the two.
WITH _events AS MATERIALIZED (
    SELECT row_number() OVER () AS _event, * REPLACE (event_time::DOUBLE AS event_time)
    FROM query_table(events)
    WHERE isfinite(event_time::DOUBLE)
),
_moments AS (
    SELECT _event, ecephys_session_id, event_time FROM _events
),
_counted AS (
    SELECT unit_id, _event * {schema}.bin_count(before, after, bin_width) + bin AS _slot, count(*) AS spike_count
    FROM {schema}.spikes_in_bins('_moments', before, after, bin_width, units := units)
    GROUP BY ALL
),
_units AS (
    SELECT * FROM {schema}.recorded_units WHERE unit_id IN (SELECT unit_id FROM query_table(units))
),
_slots AS (
    SELECT *, _event * {schema}.bin_count(before, after, bin_width) + bin AS _slot
    FROM _events
    CROSS JOIN range({schema}.bin_count(before, after, bin_width)) AS bins (bin)
)
SELECT
    _slots.* EXCLUDE (_event, bin, _slot),
    unit_id,
    bin,
    bin * bin_width::DOUBLE - before::DOUBLE AS time,
    coalesce(spike_count, 0) AS spike_count
FROM _slots
JOIN _units USING (ecephys_session_id)
LEFT JOIN _counted USING (unit_id, _slot)

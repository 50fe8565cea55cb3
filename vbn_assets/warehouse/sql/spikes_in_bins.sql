-- A quotient may be rounded into the bin beside the right one: the edges themselves decide. A window of one bin needs neither.
SELECT
    * EXCLUDE (_guess),
    CASE WHEN {schema}.bin_count(before, after, bin_width) = 1 THEN 0
         ELSE _guess
             - (spike_time < event_time + (_guess * bin_width::DOUBLE - before::DOUBLE))::BIGINT
             + (spike_time >= event_time + ((_guess + 1) * bin_width::DOUBLE - before::DOUBLE))::BIGINT
    END AS bin
FROM (
    SELECT *, floor((time + before::DOUBLE) / bin_width::DOUBLE)::BIGINT AS _guess
    FROM {schema}.spikes_around(events, before::DOUBLE, {schema}.bin_count(before, after, bin_width) * bin_width::DOUBLE - before::DOUBLE, units := units)
)

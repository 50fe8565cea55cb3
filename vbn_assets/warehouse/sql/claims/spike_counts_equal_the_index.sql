WITH written AS (SELECT unit_id, count(*) AS spikes FROM spike_times GROUP BY unit_id)
SELECT unit_id, indexed.spikes AS in_file, coalesce(written.spikes, 0) AS written
FROM indexed_spikes AS indexed
FULL JOIN written USING (unit_id)
WHERE coalesce(indexed.spikes, 0) <> coalesce(written.spikes, 0)

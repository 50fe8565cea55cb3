SELECT channel_id, count(*) AS blocks, (SELECT count(*) FROM lfp_timestamps) AS blocks_of_times
FROM lfp
GROUP BY channel_id
HAVING count(*) <> (SELECT count(*) FROM lfp_timestamps)

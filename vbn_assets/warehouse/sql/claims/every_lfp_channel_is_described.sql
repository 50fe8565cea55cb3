SELECT channel_id, id
FROM (SELECT DISTINCT channel_id FROM lfp) AS recorded
FULL JOIN lfp_channels AS described ON described.id = recorded.channel_id
WHERE channel_id IS NULL OR id IS NULL

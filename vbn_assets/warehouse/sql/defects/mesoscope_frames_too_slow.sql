SELECT ophys_experiment_id AS id, count(*) AS rows
FROM experiment_metadata
WHERE imaging_plane_group_count > 1 AND ophys_frame_rate < 10
GROUP BY ALL

SELECT ophys_experiment_id AS id, 1 AS rows
FROM ophys_experiment_table
WHERE imaging_plane_group IS NOT NULL
QUALIFY count(*) OVER (PARTITION BY ophys_session_id, imaging_plane_group) = 1

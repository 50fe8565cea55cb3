SELECT ecephys_session_id AS id, count(*) AS rows
FROM channels
WHERE (anterior_posterior_ccf_coordinate, dorsal_ventral_ccf_coordinate, left_right_ccf_coordinate) = (0, 0, 0)
GROUP BY ALL

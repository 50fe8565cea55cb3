SELECT ophys_experiment_id AS id, count(*) AS rows
FROM ophys_cells_table
WHERE cell_specimen_id IS NULL
GROUP BY ALL

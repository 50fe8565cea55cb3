SELECT trials_id
FROM trials FULL JOIN rolling_performance USING (trials_id)
WHERE trials.trials_id IS NULL OR rolling_performance.trials_id IS NULL

SELECT stimulus_presentations_id, trials_id
FROM stimulus_presentations ANTI JOIN trials USING (trials_id)
WHERE trials_id <> -99

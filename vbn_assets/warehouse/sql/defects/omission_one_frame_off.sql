WITH neighbours AS (
    SELECT
        coalesce(ecephys_session_id, behavior_session_id) AS id,
        omitted,
        start_frame - lag(start_frame) OVER block AS frames_before,
        lead(start_frame) OVER block - start_frame AS frames_after
    FROM stimulus_presentations
    WHERE omitted IS NOT NULL
    WINDOW block AS (PARTITION BY behavior_session_id, stimulus_block ORDER BY start_frame)
)
SELECT id, count(*) AS rows
FROM neighbours
WHERE omitted AND frames_before + frames_after = 90 AND abs(frames_after - frames_before) = 2
GROUP BY ALL

WITH shown AS (
    SELECT behavior_session_id, max(start_time) AS last_shown
    FROM stimulus_presentations WHERE active GROUP BY behavior_session_id
)
SELECT coalesce(ecephys_session_id, behavior_session_id) AS id, count(*) AS rows
FROM trials
JOIN shown USING (behavior_session_id)
WHERE coalesce(change_time_no_display_delay, change_time) > last_shown
GROUP BY ALL

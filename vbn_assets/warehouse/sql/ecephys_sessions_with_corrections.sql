-- The released text is a time of day in US/Pacific, whatever offset it claims. The same session's row in
-- behavior_sessions has the true time, and counts all of a mouse's sessions.
SELECT
    sessions.*,
    coalesce(
        try_cast(behavior.date_of_acquisition AS TIMESTAMPTZ),
        timezone(
            'America/Los_Angeles', try_cast(split_part(sessions.date_of_acquisition, '+', 1) AS TIMESTAMP)
        )
    ) AS date_of_acquisition_utc,
    sessions.session_number AS recording_day,
    behavior.session_number AS session_number_of_mouse,
    sessions.abnormal_histology IS NOT NULL OR sessions.abnormal_activity IS NOT NULL AS is_abnormal,
    EXISTS (
        FROM {schema}.channels
        WHERE channels.ecephys_session_id = sessions.ecephys_session_id AND anterior_posterior_ccf_coordinate > 0
    ) AS has_ccf
FROM {schema}.ecephys_sessions AS sessions
LEFT JOIN {schema}.behavior_sessions AS behavior USING (behavior_session_id)

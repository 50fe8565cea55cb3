SELECT session.ecephys_session_id, session.behavior_session_id, session.image_name, image.unwarped, image.warped
FROM {schema}.session_images AS session
JOIN {schema}.stimulus_images AS image USING (image_hash)

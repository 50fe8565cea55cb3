SELECT session.* EXCLUDE (image_set, image_index, image_hash), image.unwarped, image.warped
FROM {schema}.session_images AS session
JOIN {schema}.stimulus_images AS image USING (image_hash)

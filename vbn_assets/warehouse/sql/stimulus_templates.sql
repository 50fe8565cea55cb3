-- The join would lose the file's order of images, which is AllenSDK's.
SELECT session.* EXCLUDE (image_hash), image.unwarped, image.warped
FROM {schema}.session_images AS session
JOIN {schema}.stimulus_images AS image USING (image_hash)
ORDER BY session.behavior_session_id, session.image_set, session.image_index

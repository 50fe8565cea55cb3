-- The dates are right here, of ecephys sessions too, whose own table has them in US/Pacific time.
SELECT
    behavior_session_id,
    mouse_id::VARCHAR AS mouse_id,
    ecephys_session_id,
    session_type,
    image_set,
    try_cast(date_of_acquisition AS TIMESTAMPTZ) AS date_of_acquisition,
    equipment_name,
    genotype AS full_genotype,
    sex,
    age_in_days,
    prior_exposures_to_session_type,
    prior_exposures_to_image_set,
    prior_exposures_to_omissions
FROM {schema}.behavior_sessions

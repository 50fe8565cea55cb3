SELECT
    behavior_session_id,
    mouse_id,
    ophys_session_id,
    session_type,
    image_set,
    date_of_acquisition,
    equipment_name,
    full_genotype,
    sex,
    age_in_days,
    prior_exposures_to_session_type,
    prior_exposures_to_image_set,
    prior_exposures_to_omissions
FROM {schema}.behavior_session_table

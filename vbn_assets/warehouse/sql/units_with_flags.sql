SELECT
    units.*,
    amplitude_cutoff = 0.5 AS amplitude_cutoff_is_ceiling,
    coalesce(anterior_posterior_ccf_coordinate > 0, FALSE) AS has_ccf,
    EXISTS (
        FROM {schema}.defects_shown WHERE defect = 'scaling_wrong_by_two' AND table_name = 'units'
    ) AS scaling_may_be_wrong,
    split_part(structure_acronym, '-', 1) AS parent_structure_acronym
FROM {schema}.units

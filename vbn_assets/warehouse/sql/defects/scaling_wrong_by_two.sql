-- What a file of an older release is wrong by cannot be seen in it: every session whose signals are from one is named.
SELECT id::BIGINT AS id, count(DISTINCT table_name) AS rows
FROM defects_shown
WHERE defect = 'scaling_wrong_by_two' AND kind = 'ecephys_session'
GROUP BY ALL

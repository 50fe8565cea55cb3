SELECT *
FROM {schema}.ecephys_sessions
WHERE abnormal_histology IS NULL AND abnormal_activity IS NULL

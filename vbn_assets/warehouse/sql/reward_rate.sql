SELECT ecephys_session_id, behavior_session_id, trials_id, reward_rate
FROM {schema}.rolling_performance

SELECT COLUMNS('_session_id$'), trials_id, reward_rate
FROM {schema}.rolling_performance

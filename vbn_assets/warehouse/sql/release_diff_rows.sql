-- Rows that came or went, and every value that changed, of one metadata table.
SELECT
    'row' AS what, {table} AS table_name, id, difference.column_name AS column_name, change,
    difference.before AS before, difference.after AS after,
    {recording_id}, behavior_session_id
FROM (
    SELECT
        {id} AS id,
        CASE WHEN old.{key} IS NULL THEN 'added' WHEN new.{key} IS NULL THEN 'removed' ELSE 'changed' END AS change,
        {its_recording} AS {recording_id},
        {its_behavior_session} AS behavior_session_id,
        unnest(CASE WHEN old.{key} = new.{key} THEN [{differences}] ELSE [NULL] END) AS difference
    FROM (FROM {rows} WHERE release = before_release) AS old
    FULL JOIN (FROM {rows} WHERE release = after_release) AS new ON {same_key}
    WHERE old.{key} IS NULL OR new.{key} IS NULL OR {any_difference}
)
WHERE change <> 'changed' OR difference IS NOT NULL

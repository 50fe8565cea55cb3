-- Long form: one row for every file, column and value of the metadata tables that differs.
WITH old_files AS (
    FROM {schema}.release_files WHERE release = before_release
),
new_files AS (
    FROM {schema}.release_files WHERE release = after_release
),
files AS (
    SELECT
        'file' AS what,
        coalesce(new.kind, old.kind) AS table_name,
        coalesce(new.name, old.name) AS id,
        CASE WHEN old.key IS NULL OR new.key IS NULL THEN NULL
             WHEN old.file_hash = new.file_hash THEN 'key' ELSE 'file_hash' END AS column_name,
        CASE WHEN old.key IS NULL THEN 'added' WHEN new.key IS NULL THEN 'removed'
             WHEN old.file_hash = new.file_hash THEN 'moved' ELSE 'changed' END AS change,
        CASE WHEN old.file_hash = new.file_hash THEN old.key ELSE old.file_hash END AS before,
        CASE WHEN old.file_hash = new.file_hash THEN new.key ELSE new.file_hash END AS after,
        coalesce(new.{recording_id}, old.{recording_id}) AS {recording_id},
        coalesce(new.behavior_session_id, old.behavior_session_id) AS behavior_session_id
    FROM old_files AS old
    FULL JOIN new_files AS new ON new.kind = old.kind AND new.name = old.name
    WHERE old.file_hash IS DISTINCT FROM new.file_hash OR old.key IS DISTINCT FROM new.key
),
columns AS (
    SELECT
        table_name,
        column_name,
        old.data_type AS before,
        new.data_type AS after
    FROM (FROM {schema}.release_columns WHERE release = before_release) AS old
    FULL JOIN (FROM {schema}.release_columns WHERE release = after_release) AS new USING (table_name, column_name)
),
rows_and_values AS (
    {rows}
),
unknown AS (
    -- Put together before anything is asked of it: DuckDB would ask the releases that are held too.
    SELECT string_agg(coalesce(release, 'NULL'), ', ') AS releases
    FROM (VALUES (before_release), (after_release)) AS asked (release)
    ANTI JOIN {schema}.releases USING (release)
)
FROM files
UNION ALL
SELECT
    'column', table_name, NULL, column_name,
    CASE WHEN before IS NULL THEN 'added' WHEN after IS NULL THEN 'removed' ELSE 'changed' END,
    before, after, NULL, NULL
FROM columns
WHERE before IS DISTINCT FROM after
UNION ALL
FROM rows_and_values
WHERE column_name IS NULL
   OR (table_name, column_name) IN (SELECT (table_name, column_name) FROM columns WHERE before <> '' AND after <> '')
UNION ALL
SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM unknown
-- In the condition, not selected: a column that nobody reads is never computed.
WHERE CASE
    WHEN releases IS NOT NULL
    THEN error(releases || ' is not held: SELECT release FROM {schema}.releases')::VARCHAR = ''
END

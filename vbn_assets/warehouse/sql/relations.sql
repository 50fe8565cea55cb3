-- Those without a comment: a table that stays from one publish to the next keeps what was said of it.
SELECT table_name AS name, 'TABLE' AS kind
FROM duckdb_tables() WHERE database_name = 'warehouse' AND schema_name = $schema AND comment IS NULL
UNION ALL
SELECT view_name, 'VIEW'
FROM duckdb_views() WHERE database_name = 'warehouse' AND schema_name = $schema AND comment IS NULL

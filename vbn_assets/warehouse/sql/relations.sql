SELECT table_name AS name, 'TABLE' AS kind
FROM duckdb_tables() WHERE database_name = 'warehouse' AND schema_name = $schema
UNION ALL
SELECT view_name, 'VIEW'
FROM duckdb_views() WHERE database_name = 'warehouse' AND schema_name = $schema

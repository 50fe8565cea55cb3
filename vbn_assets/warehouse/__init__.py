"""The lake of Parquet files and the DuckDB warehouse made from it."""

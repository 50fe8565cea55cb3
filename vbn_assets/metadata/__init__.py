"""Metadata CSVs as typed Arrow tables, and the files of a release that they point at."""

from vbn_assets.metadata.csv_tables import read_table
from vbn_assets.metadata.file_ids import resolve_files

__all__ = ["read_table", "resolve_files"]

"""Metadata CSVs as typed Arrow tables (`csv_tables`), and the files of a release that they point at (`file_ids`)."""

"""Metadata CSVs as typed Arrow tables."""

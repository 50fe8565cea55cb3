"""NWB files as named Arrow tables."""
